"""Games of PGN files as plies to learn from: parsed once, into compact files that training reads many times."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chesspg.games.chess import Chess
from chesspg.imitation.recorded import Recorded
from chesspg.imitation.tally import Tally
from chesspg.pgn.archive import Archived, Skipped, Source, Wanted
from chesspg.pgn.replay import replay
from chesspg.pgn.text import TextFile
from chesspg.pgn.writing import RESULTS
from chesspg.selfplay.plies import Plies
from chesspg.storage.atomic import write_text
from chesspg.storage.lock import only_one
from chesspg.storage.parsing import parse_json

SHARD_PLIES = 65_536  # 12 MB
FORMAT = 4  # increased when the format of the files, or what is taken from a game, changes
MANIFEST = "manifest.json"
EVERY = 64  # games between two calls of on_progress
OnProgress = Callable[[int, Tally], None]  # called with the bytes read and what became of the games so far


class Shards:
    """The plies of PGN files under filters, in a folder of shards.

    The name of the folder is a hash of the files and filters, so that the same ones find it again: nothing is parsed
    twice, and a parse that was stopped continues after its last shard.

    Args:
        files: PGN files. They need not exist any more if `home` is the folder of their shards.
        home: The folder in which the folder of shards lies, or the folder of shards itself.
        wanted: Which games to use; by default all with a result.
        games: The most games to use; None uses all.

    Raises:
        OSError: A file can't be opened.
        ValueError: A file is empty, or the shards are damaged or of other games.
    """

    def __init__(
        self, files: Sequence[str | Path], home: str | Path, wanted: Wanted | None = None, games: int | None = None
    ) -> None:
        self.files = [Path(file) for file in files]
        self.wanted = wanted or Wanted()
        self.games = games
        self.complete = False
        self.read = [0, 0]  # the number of the file that is being read, and how many of its games have been read
        self.sizes: list[int] = []  # [shards] plies of each
        self.tally = Tally()
        about = {
            "format": FORMAT,
            "encoding_version": Chess.encoding_version,
            "wanted": {**asdict(self.wanted), "results": list(self.wanted.results)},
            "games": games,
        }
        self.about: dict[str, Any]
        if (Path(home) / MANIFEST).is_file():
            self.folder = Path(home)
            self.about = about | {"sources": self._kept_sources(about)}
        else:
            self.about = about | {"sources": [_source(file) for file in self.files]}
            digest = hashlib.sha256(json.dumps(self.about, sort_keys=True).encode()).hexdigest()
            self.folder = Path(home) / digest[:12]
        if self._manifest.is_file():
            self._restore()

    @property
    def paths(self) -> list[Path]:
        return [self.folder / f"{number:05}.npz" for number in range(len(self.sizes))]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(source["bytes"] for source in self.about["sources"])

    def parse(self, on_progress: OnProgress | None = None) -> None:
        """Parse what is not parsed yet.

        Args:
            on_progress: Called after every 64 games with the bytes read and the tally of the games so far.

        Raises:
            OSError: A shard can't be written; those before it stay valid.
            ValueError: There is no game to learn from, or another process is parsing the same files.
        """
        if not self.complete:
            self.folder.mkdir(parents=True, exist_ok=True)
            busy = f"another process is parsing these files into {self.folder}; wait for its end"
            with only_one(self.folder / ".lock", busy):
                if self._manifest.is_file():
                    self._restore()  # another process may have finished since
                if not self.complete:
                    self._parse(on_progress)
        if not self.sizes:
            files = ", ".join(map(str, self.files))
            raise ValueError(f"no game to learn from in {files}: {' '.join(self.tally.lines)}")

    def _parse(self, on_progress: OnProgress | None) -> None:
        for stale in self.folder.glob(".*.tmp"):  # of a parse that was killed
            stale.unlink()
        game = Chess()
        for batch, read in self._batches(on_progress):
            self._write(game, batch)
            self.read = read
            self._save()
        self.complete = True
        self._save()

    def _batches(self, on_progress: OnProgress | None) -> Iterator[tuple[list[Archived], list[int]]]:
        """The games of each shard, and the position (as in `read`) after them."""
        batch: list[Archived] = []
        plies = 0
        before = 0  # bytes of the files that have been read
        for number, file in enumerate(self.files):
            source = Source(file, self.wanted)
            if number < self.read[0]:
                before += source.size
                continue
            done = self.read[1] if number == self.read[0] else 0
            for game in source.read(done):
                done += 1
                if isinstance(game, Skipped):
                    self.tally.skip(game)
                else:
                    batch.append(game)
                    plies += len(game.moves)
                if on_progress and done % EVERY == 0:
                    on_progress(before + source.position, self.tally)
                enough = self.games is not None and self.tally.used + len(batch) >= self.games
                if plies >= SHARD_PLIES or enough:
                    yield batch, [number, done]
                    batch, plies = [], 0
                if self.games is not None and self.tally.used >= self.games:
                    return
            if source.damage:
                self.tally.damage.append(f"{file} ends early ({source.damage}); the games up to there are used")
            before += source.size
        if batch:
            yield batch, [len(self.files), 0]

    def _write(self, game: Chess, batch: list[Archived]) -> None:
        """Write one shard of those games that follow the rules."""
        recorded, games, broken = _replayed(game, batch, first=self.tally.used)
        for skipped in broken:
            self.tally.skip(skipped)
        if not len(recorded):
            return
        path = self.folder / f"{len(self.sizes):05}.npz"
        try:
            recorded.save(path)
        except OSError as error:
            state = f"{error.strerror}; the same command continues after the {len(self.sizes)} shards that are written"
            raise OSError(error.errno, state, str(path)) from None
        self.sizes.append(len(recorded))
        for one in games:
            self.tally.note(one)
        self.tally.used += len(games)
        self.tally.plies += len(recorded)

    @property
    def _manifest(self) -> Path:
        return self.folder / MANIFEST

    def _save(self) -> None:
        state = {"complete": self.complete, "read": self.read, "sizes": self.sizes, "tally": asdict(self.tally)}
        text = json.dumps({**self.about, **state}, indent=1) + "\n"
        write_text(self._manifest, text)

    def _kept_sources(self, about: dict[str, Any]) -> list[dict[str, Any]]:
        """The files whose games are in the folder. Raises ValueError if they are not `files`, or the filters differ."""
        try:
            kept = parse_json(self._manifest.read_text(encoding="utf-8"))
            names = [source["file"] for source in kept["sources"]]
            values = {name: kept[name] for name in about}
            sources: list[dict[str, Any]] = kept["sources"]
        except (ValueError, KeyError, TypeError):
            raise self._damaged() from None
        if self.files and [_name(file) for file in self.files] != names:
            given = ", ".join(map(str, self.files))
            raise ValueError(
                f"files must be {', '.join(map(str, names))}, as for the shards in {self.folder}, got {given}"
            )
        for name, value in about.items():
            if values[name] != value:
                raise ValueError(f"{name} must be {values[name]}, as for the shards in {self.folder}, got {value}")
        return sources

    def _restore(self) -> None:
        try:
            state = parse_json(self._manifest.read_text(encoding="utf-8"))
            self.complete, self.read, self.sizes = state["complete"], state["read"], state["sizes"]
            self.tally = Tally(**state["tally"])
            tally = self.tally
            counts = [*self.read, *self.sizes, tally.used, tally.plies, tally.unwanted, tally.unfinished, tally.noted]
            counts += tally.skipped.values()
            texts = [*self.tally.skipped, *self.tally.named, *self.tally.damage]
            good = len(self.read) == 2 and isinstance(self.complete, bool)
            good = good and all(type(number) is int and number >= 0 for number in counts)
            good = good and sum(self.sizes) == self.tally.plies
            good = good and all(isinstance(text, str) for text in texts)
            good = good and all(zipfile.is_zipfile(path) for path in self.paths)
        except (ValueError, KeyError, TypeError, AttributeError):
            good = False
        if not good:
            raise self._damaged()

    def _damaged(self) -> ValueError:
        return ValueError(f"the shards in {self.folder} are damaged; remove that folder to have them made again")


def _name(file: Path) -> str:
    """The whole name of a file, with escapes for bytes that are not text."""
    return os.fsencode(file.resolve()).decode("utf-8", "backslashreplace")


def _source(file: Path) -> dict[str, Any]:
    """What identifies a PGN file. Raises OSError or ValueError now, not an hour later, if it can't be read."""
    with file.open("rb"):
        about = file.stat()
    if about.st_size == 0:
        raise ValueError(f"{file} is empty; expected a PGN file with games")
    next(iter(TextFile(file)), None)  # refuses what is not text, too
    return {"file": _name(file), "bytes": about.st_size, "changed": about.st_mtime_ns}


def _replayed(
    game: Chess, batch: Sequence[Archived], first: int
) -> tuple[Recorded[NDArray[Any]], list[Archived], list[Skipped]]:
    """Play recorded games again, to find their plies and which games follow the rules.

    Args:
        game: The game, whose rules are used.
        batch: The recorded games.
        first: The number of the first game that follows the rules.

    Returns:
        The plies and the games that follow the rules, and those that break them.
    """
    broken: dict[int, str] = {}
    ended: dict[int, int] = {}  # row -> outcome by mate or stalemate
    parts = [plies for plies in replay(game, batch, broken.__setitem__, ended.__setitem__) if len(plies)]
    games = [_by_the_board(one, ended.get(row)) for row, one in enumerate(batch)]
    number = np.cumsum([row not in broken for row in range(len(batch))]) - 1 + first
    outcome = np.array([one.outcome for one in games], np.int8)  # [n] a game without one is not wanted
    plies = Plies.concatenate(parts) if parts else _none(game)
    row = plies.game
    result = np.where(plies.player == 0, outcome[row], -outcome[row]).astype(np.int8)
    good = ~np.isin(row, list(broken))
    skipped = [Skipped(batch[row].where, "illegal move", what) for row, what in sorted(broken.items())]
    kept = [one for row, one in enumerate(games) if row not in broken]
    return Recorded(replace(plies, game=number[row]), result)[good], kept, skipped


def _by_the_board(game: Archived, outcome: int | None) -> Archived:
    """The game; if mate or stalemate contradict its result, with the outcome on the board and a note."""
    if outcome is None or game.outcome == outcome:
        return game
    result = RESULTS[game.outcome or 0]
    note = f"the result is {result} and the game ends on the board with {RESULTS[outcome]}"
    return game._replace(outcome=outcome, note=note)


def _none(game: Chess) -> Plies[NDArray[Any]]:
    """No plies, with all columns."""
    seen = game.start(1).observe()
    one: NDArray[Any] = np.zeros(1, np.int16)
    plies: Plies[NDArray[Any]] = Plies(seen.planes, seen.scalars, seen.player, seen.legal, one, one.astype(np.int64))
    return plies[np.zeros(0, np.int64)]
