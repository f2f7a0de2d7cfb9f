"""Games of PGN files as plies to learn from, parsed once into compact files that training reads again and again."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chesspg.games.chess import Chess
from chesspg.games.game import Indices, Legal
from chesspg.pgn.archive import UNFINISHED, UNWANTED, Archived, Skipped, Source, Wanted
from chesspg.pgn.replay import replay
from chesspg.pgn.text import TextFile
from chesspg.pgn.writing import RESULTS
from chesspg.storage.atomic import write_atomically, write_text
from chesspg.storage.lock import only_one
from chesspg.storage.parsing import parse_json

SHARD_PLIES = 65_536  # 12 MB
NAMED = 10  # games that are named; the others are counted
FORMAT = 3  # raised when the files or what is taken from a game change


@dataclass(frozen=True)
class Plies:
    """N plies of recorded games, in any order."""

    planes: NDArray[np.uint64]  # [N, P, W]
    scalars: NDArray[np.uint8]  # [N, S]
    legal: Legal  # [N] ragged
    choice: NDArray[np.int16]  # [N] which of the legal actions was played
    result: NDArray[np.int8]  # [N] of the game, for the mover
    game: NDArray[np.int64]  # [N] number of the game, over all shards

    def __len__(self) -> int:
        return len(self.choice)

    def __getitem__(self, rows: Indices) -> Plies:
        return Plies(
            self.planes[rows], self.scalars[rows], self.legal[rows], self.choice[rows], self.result[rows],
            self.game[rows],
        )  # fmt: skip

    @staticmethod
    def concatenate(parts: Sequence[Plies]) -> Plies:
        def joined(name: str) -> Any:
            return np.concatenate([getattr(part, name) for part in parts])

        return Plies(
            joined("planes"), joined("scalars"), Legal.concatenate([part.legal for part in parts]), joined("choice"),
            joined("result"), joined("game"),
        )  # fmt: skip

    def save(self, path: Path) -> None:
        """Write about 180 bytes per ply, in one step."""
        arrays = {name: value for name, value in vars(self).items() if name != "legal"}
        counts = self.legal.counts.astype(np.uint8)  # no position of chess has more than 218 legal moves

        def fill(temporary: Path) -> None:
            with temporary.open("wb") as file:
                np.savez(file, actions=self.legal.actions, counts=counts, **arrays)

        write_atomically(path, fill)

    @classmethod
    def load(cls, path: Path) -> Plies:
        """Raises Damaged, naming the file, if it is not as `save` wrote it."""
        choice, counts, actions, planes, scalars, result, game = read_arrays(path, *COLUMNS)
        count = len(choice)
        if not (
            all(len(column) == count for column in (counts, planes, scalars, result, game))
            and len(actions) == counts.sum(dtype=np.int64)
            and ((choice >= 0) & (choice < np.maximum(counts, 1))).all()
            and (np.abs(result) <= 1).all()
        ):
            raise Damaged(path, "its columns do not fit together")
        offsets = np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))
        return cls(planes, scalars, Legal(actions, offsets), choice, result, game)


# The arrays of a shard: type and number of dimensions.
COLUMNS: dict[str, tuple[type[np.integer[Any]], int]] = {
    "choice": (np.int16, 1), "counts": (np.uint8, 1), "actions": (np.int16, 1), "planes": (np.uint64, 3),
    "scalars": (np.uint8, 2), "result": (np.int8, 1), "game": (np.int64, 1),
}  # fmt: skip


class Damaged(ValueError):
    """A shard that is not as it was written."""

    def __init__(self, path: Path, why: object) -> None:
        reason = " ".join(str(why).split())
        super().__init__(f"{path} is damaged: {reason}; remove {path.parent} to have its shards made again")


def read_arrays(path: Path, *names: str) -> list[NDArray[Any]]:
    """Some of a shard's arrays; what is read is checked by the CRC-32 in the file. Raises Damaged."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = [arrays[name] for name in names]
    except FileNotFoundError:
        raise
    except Exception as error:  # numpy and zipfile have a dozen kinds of error for it
        raise Damaged(path, error) from None
    for name, array in zip(names, found, strict=True):
        if (array.dtype, array.ndim) != COLUMNS[name]:
            raise Damaged(path, f"its column {name} is {array.dtype} of {array.ndim} dimensions")
    return found


@dataclass
class Tally:
    """What became of the games that were read."""

    used: int = 0
    plies: int = 0
    unwanted: int = 0  # left out by the filters
    unfinished: int = 0
    noted: int = 0  # used, though something is odd about them
    skipped: dict[str, int] = field(default_factory=dict)  # kind of damage -> games
    named: list[str] = field(default_factory=list)  # the first NAMED of those that were skipped or noted
    damage: list[str] = field(default_factory=list)  # files that end early

    def skip(self, game: Skipped) -> None:
        if game.why == UNWANTED:
            self.unwanted += 1
        elif game.why == UNFINISHED:
            self.unfinished += 1
        else:
            self.skipped[game.why] = self.skipped.get(game.why, 0) + 1
            self._name(f"{game.where}: {game.why}" + (f", {game.detail}" if game.detail else ""))

    def note(self, game: Archived) -> None:
        """Count a game that is used, if there is something to say of it."""
        if game.note:
            self.noted += 1
            self._name(f"{game.where}: used, though {game.note}")

    def _name(self, line: str) -> None:
        if len(self.named) < NAMED:
            self.named.append(line)

    @property
    def lines(self) -> list[str]:
        """For a person."""
        broken = sum(self.skipped.values())
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in Counter(self.skipped).most_common())
        counts = [
            f"{self.used:,} {'game' if self.used == 1 else 'games'} used, {self.plies:,} plies",
            f"{self.unwanted:,} left out by the filters",
            f"{self.unfinished:,} without a result",
            f"{broken:,} skipped" + (f" ({kinds})" if broken else ""),
        ]
        if self.noted:
            counts.append(f"{self.noted:,} used with contradictory results")
        lines = ["; ".join(counts)]
        lines += [f"  {name}" for name in self.named]
        if broken + self.noted > len(self.named):
            lines.append(f"  and {broken + self.noted - len(self.named):,} more")
        return lines + [f"  {text}" for text in self.damage]


class Shards:
    """The plies of some PGN files under some filters, in a folder of their own below `home`.

    The folder is named after what is in it, so the same files and filters find it again: what is there is not parsed
    again, and a parse that was stopped goes on behind its last shard.

    games: stop after so many used; None takes all.
    Raises OSError or ValueError for a file that can't be opened or is empty.
    """

    def __init__(
        self, files: Sequence[str | Path], home: str | Path, wanted: Wanted | None = None, games: int | None = None
    ) -> None:
        self.files = [Path(file) for file in files]
        self.wanted = wanted or Wanted()
        self.games = games
        sources = []
        for file in self.files:
            with file.open("rb"):  # one that can't be read is reported now, not after an hour
                about = file.stat()
            if about.st_size == 0:
                raise ValueError(f"{file} is empty; expected a PGN file with games")
            next(iter(TextFile(file)), None)  # what is not text is refused here too
            sources.append({"file": str(file.resolve()), "bytes": about.st_size, "changed": about.st_mtime_ns})
        self.about: dict[str, Any] = {
            "format": FORMAT,
            "encoding_version": Chess.encoding_version,
            "sources": sources,
            "wanted": {**asdict(self.wanted), "results": list(self.wanted.results)},
            "games": games,
        }
        digest = hashlib.sha256(json.dumps(self.about, sort_keys=True).encode()).hexdigest()
        self.folder = Path(home) / digest[:12]
        self.every = 64  # games between two calls of on_progress
        self.complete = False
        self.read = [0, 0]  # the file that is being read, and how many of its games were
        self.sizes: list[int] = []  # [shards] plies of each
        self.tally = Tally()
        if self._manifest.is_file():
            self._restore()

    @property
    def paths(self) -> list[Path]:
        return [self.folder / f"{number:05}.npz" for number in range(len(self.sizes))]

    @property
    def size(self) -> int:
        """Bytes of all sources."""
        return sum(source["bytes"] for source in self.about["sources"])

    def parse(self, on_progress: Callable[[int, Tally], None] | None = None) -> None:
        """Parse what is not parsed yet. on_progress is called with the bytes read and what became of the games.

        Raises OSError where a shard can't be written; those before it are good. Raises ValueError if there is no game,
        or if another process is parsing the same.
        """
        if not self.complete:
            self.folder.mkdir(parents=True, exist_ok=True)
            busy = f"another process is parsing these files into {self.folder}; wait for its end"
            with only_one(self.folder / ".lock", busy):
                if self._manifest.is_file():
                    self._restore()  # another may have come to its end since
                if not self.complete:
                    self._parse(on_progress)
        if not self.sizes:
            files = ", ".join(map(str, self.files))
            raise ValueError(f"no game to learn from in {files}: {' '.join(self.tally.lines)}")

    def _parse(self, on_progress: Callable[[int, Tally], None] | None) -> None:
        for stale in self.folder.glob(".*.tmp"):  # of a parse that was killed
            stale.unlink()
        game = Chess()
        for batch, read in self._batches(on_progress):
            self._write(game, batch)
            self.read = read
            self._save()
        self.complete = True
        self._save()

    def _batches(self, on_progress: Callable[[int, Tally], None] | None) -> Iterator[tuple[list[Archived], list[int]]]:
        """Games enough for a shard, and where to read on behind them."""
        batch: list[Archived] = []
        plies = 0
        before = 0  # bytes of the files behind us
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
                if on_progress and done % self.every == 0:
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
        """One shard of the games that keep the rules."""
        broken: dict[int, str] = {}
        ended: dict[int, int] = {}  # row -> outcome by mate or stalemate
        plies = [ply for ply in replay(game, batch, broken.__setitem__, ended.__setitem__) if len(ply.rows)]
        number = np.cumsum([row not in broken for row in range(len(batch))]) - 1 + self.tally.used
        for row, by_the_board in ended.items():
            if batch[row].outcome != by_the_board:
                said = RESULTS[batch[row].outcome or 0]
                note = f"the result is {said} and the game ends on the board with {RESULTS[by_the_board]}"
                batch[row] = batch[row]._replace(outcome=by_the_board, note=note)
        outcome = np.array([one.outcome for one in batch], np.int8)  # [n] a game without one is not wanted
        rows = np.concatenate([ply.rows for ply in plies]) if plies else np.empty(0, np.int64)
        for row, what in sorted(broken.items()):
            self.tally.skip(Skipped(batch[row].where, "illegal move", what))
        good = ~np.isin(rows, list(broken))
        if not good.any():
            return
        player = np.concatenate([ply.seen.player for ply in plies])
        taken = Plies(
            planes=np.concatenate([ply.seen.planes for ply in plies]),
            scalars=np.concatenate([ply.seen.scalars for ply in plies]),
            legal=Legal.concatenate([ply.seen.legal for ply in plies]),
            choice=np.concatenate([ply.choice for ply in plies]).astype(np.int16),
            result=np.where(player == 0, outcome[rows], -outcome[rows]).astype(np.int8),
            game=number[rows],
        )[good]
        path = self.folder / f"{len(self.sizes):05}.npz"
        try:
            taken.save(path)
        except OSError as error:
            state = f"{error.strerror}; the same command goes on after the {len(self.sizes)} shards that are good"
            raise OSError(error.errno, state, str(path)) from None
        self.sizes.append(len(taken))
        for row, one in enumerate(batch):
            if row not in broken:
                self.tally.note(one)
        self.tally.used += len(batch) - len(broken)
        self.tally.plies += len(taken)

    @property
    def _manifest(self) -> Path:
        return self.folder / "manifest.json"

    def _save(self) -> None:
        state = {"complete": self.complete, "read": self.read, "sizes": self.sizes, "tally": asdict(self.tally)}
        text = json.dumps({**self.about, **state}, indent=1) + "\n"
        write_text(self._manifest, text)

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
            raise ValueError(f"the shards in {self.folder} are damaged; remove that folder to have them made again")
