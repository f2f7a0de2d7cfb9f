"""The results of a ladder, in one JSON file per game. A damaged file is reported and never overwritten."""

from __future__ import annotations

import hashlib
import json
import math
import re
import string
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import count
from operator import mul
from pathlib import Path
from typing import Any

from chesspg.arena.elo import SCORES, pentanomial
from chesspg.arena.ladder.entries import Entry
from chesspg.arena.ladder.pairings import Meeting
from chesspg.arena.match_result import MatchResult
from chesspg.games.game import Game
from chesspg.policy import files
from chesspg.policy.names import is_spec
from chesspg.storage import atomic
from chesspg.storage.lock import Busy, only_one
from chesspg.storage.parsing import parse_json

FORMAT = 1
DIGEST = 8  # hexadecimal digits of a game's digest


@dataclass(frozen=True)
class Chunk:
    """Games of A against B that were played together."""

    a: str  # key of A
    b: str  # key of B
    seed: int  # of the openings and moves
    pairs: tuple[int, ...]  # [5] number of pairs of games in which A scored 0, ½, 1, 1½ and 2 points
    wins: int
    draws: int
    losses: int
    truncated: int
    forfeits: tuple[int, int]  # games that A gave up, and that B gave up; they count as losses
    seconds: float  # wall-clock time
    digests: str  # DIGEST digits per game; equal games have equal digits

    @property
    def games(self) -> int:
        return 2 * sum(self.pairs)


def results_path(folder: Path, game: Game) -> Path:
    """The default file for the results of a game.

    Args:
        folder: The folder with the file.
        game: The game that is played.

    Returns:
        FOLDER/ladder-GAME.json, or FOLDER/ladder.json if only that exists, written by an earlier version for this game.
    """
    name = re.sub(r"[\W_]+", "-", game.name.lower()).strip("-") or "game"
    path, earlier = folder / f"ladder-{name}.json", folder / "ladder.json"
    with suppress(OSError, ValueError, TypeError, KeyError):
        if not path.exists() and parse_json(earlier.read_text(encoding="utf-8"))["game"] == files.describe(game):
            return earlier
    return path


class Results:
    """The results in a file, all of the same game under the same conditions.

    Args:
        path: The file, which may not exist yet.
        game: The game that is played.
        conditions: The conditions of all games, such as {"openings": "random:8"}.

    Raises:
        OSError: The file can't be read.
        ValueError: The file is damaged, or of another game or other conditions. It is left as it is.
    """

    def __init__(self, path: str | Path, game: Game, conditions: dict[str, Any]) -> None:
        self.path = Path(path)
        self.game = files.describe(game)
        self.conditions = conditions
        self.entries: dict[str, Entry] = {}
        self.chunks: list[Chunk] = []
        self._read()

    def add(self, a: Entry, b: Entry, seed: int, result: MatchResult) -> None:
        """Append a match to the file atomically, after what other processes have added in the meantime.

        Args:
            a: The player A.
            b: The player B.
            seed: Seed of the match.
            result: The games.

        Raises:
            OSError: The file can't be read or written.
            ValueError: The file is damaged.
        """
        with only_one(self.path.with_name(f".{self.path.name}.lock")):
            self._add(a, b, seed, result)

    def _add(self, a: Entry, b: Entry, seed: int, result: MatchResult) -> None:
        self._read()
        digests = (hashlib.sha256(text.encode()).hexdigest()[:DIGEST] for text in result.positions)
        self.entries |= {a.key: a, b.key: b}
        self.chunks.append(
            Chunk(
                a.key,
                b.key,
                seed,
                pentanomial(result.pairs),
                *result.record,
                truncated=result.truncated,
                forfeits=result.forfeited,
                seconds=round(result.seconds, 3),
                digests="".join(digests),
            )
        )
        whole = self._head() | {
            "players": [asdict(entry) for entry in self.entries.values()],
            "chunks": [asdict(chunk) for chunk in self.chunks],
        }
        text = json.dumps(whole, ensure_ascii=False).replace(', {"', ',\n{"') + "\n"
        atomic.write_text(self.path, text)

    def meetings(self) -> list[Meeting]:
        """One meeting per pairing, by key. Repeated games are recognized across chunks too."""
        found: dict[tuple[str, str], list[Chunk]] = {}
        for chunk in self.chunks:
            found.setdefault((min(chunk.a, chunk.b), max(chunk.a, chunk.b)), []).append(chunk)
        meetings = []
        for (a, b), chunks in found.items():
            pairs = []
            for chunk in chunks:
                scores = SCORES if chunk.a == a else SCORES[::-1]
                pairs += [score for score, count in zip(scores, chunk.pairs, strict=True) for _ in range(count)]
            digests = [chunk.digests[k : k + DIGEST] for chunk in chunks for k in range(0, len(chunk.digests), DIGEST)]
            meetings.append(Meeting(a, b, pairs, len(set(digests)) / len(digests)))
        return meetings

    def games(self, key: str) -> int:
        """Number of games that the player with this key has played."""
        return sum(chunk.games for chunk in self.chunks if key in (chunk.a, chunk.b))

    @contextmanager
    def claim(self, seed: int, a: str, b: str) -> Iterator[int]:
        """Reserve a seed for the next chunk of a pairing, one that no chunk has and no other process is playing with.

        The reservation ends with the block, or with the process, even if it is killed.

        Args:
            seed: Seed of the ladder.
            a: Key of a player.
            b: Key of the other player.

        Yields:
            The seed of the chunk.

        Raises:
            OSError: The file can't be read, or its lock can't be written.
            ValueError: The file is damaged.
        """
        for number in count():
            own = int(hashlib.sha256(json.dumps([seed, sorted((a, b)), number]).encode()).hexdigest()[:8], 16)
            if self._played(own, a, b):
                continue
            lock = self.path.with_name(f".{self.path.name}.{own:08x}.lock")
            with ExitStack() as stack:
                try:
                    stack.enter_context(only_one(lock, "claimed"))
                except Busy:
                    continue
                stack.callback(_remove, lock)
                self.refresh()  # the process that had reserved it until now may have played it
                if not self._played(own, a, b):
                    yield own
                    return

    def refresh(self) -> None:
        """Read what other processes have added. Raises OSError, or ValueError if the file is damaged."""
        self._read()

    def _played(self, seed: int, a: str, b: str) -> bool:
        return any(chunk.seed == seed and {chunk.a, chunk.b} == {a, b} for chunk in self.chunks)

    def _head(self) -> dict[str, Any]:
        return {"format": FORMAT, "game": self.game, "conditions": self.conditions}

    def _read(self) -> None:
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        except UnicodeDecodeError:
            text = ""
        other = "it is left as it is; name another file with --results"
        try:
            whole = parse_json(text)
            head = {name: whole[name] for name in self._head()}
            entries = [_entry(entry) for entry in whole["players"]]
            chunks = [_chunk(chunk) for chunk in whole["chunks"]]
            keys = {entry.key for entry in entries}
            if not all({chunk.a, chunk.b} <= keys for chunk in chunks):
                raise ValueError("a match of unknown players")
        except (ValueError, TypeError, KeyError, AttributeError):
            raise ValueError(f"{self.path} is damaged or does not hold results of a ladder; {other}") from None
        for name, wanted in self._head().items():
            if head[name] != wanted:
                theirs, ours = (_as_text(name, thing) for thing in (head[name], wanted))
                raise ValueError(f"{self.path} has results of {theirs:.200}, not of {ours}; {other}")
        self.entries = {entry.key: entry for entry in entries}
        self.chunks = chunks


def _entry(read: dict[str, Any]) -> Entry:
    """A player from JSON. Raises ValueError or TypeError if it is not valid."""
    one = Entry(**read)
    if not (isinstance(one.key, str) and isinstance(one.player, str) and isinstance(one.facts, dict)):
        raise ValueError("a player without a name")
    return one


def _chunk(read: dict[str, Any]) -> Chunk:
    """A chunk from JSON. Raises ValueError or TypeError if it is not valid."""
    chunk = Chunk(**read | {name: tuple(read[name]) for name in ("pairs", "forfeits")})
    counts = (*chunk.pairs, chunk.wins, chunk.draws, chunk.losses, chunk.truncated, *chunk.forfeits, chunk.seed)
    if (
        not isinstance(chunk.digests, str)
        or not all(type(count) is int and count >= 0 for count in counts)
        or (len(chunk.pairs), len(chunk.forfeits)) != (len(SCORES), 2)
        or chunk.wins + chunk.draws + chunk.losses != chunk.games
        or chunk.wins + chunk.draws / 2 != 2 * sum(map(mul, SCORES, chunk.pairs))
        or chunk.truncated > chunk.draws
        or chunk.forfeits[0] > chunk.losses
        or chunk.forfeits[1] > chunk.wins
        or chunk.a == chunk.b
        or type(chunk.seconds) not in (int, float)
        or not 0 <= chunk.seconds < math.inf
        or len(chunk.digests) != DIGEST * chunk.games
        or not set(chunk.digests) <= set(string.hexdigits)
        or not chunk.games
    ):
        raise ValueError("numbers that contradict each other")
    return chunk


def _remove(lock: Path) -> None:
    with suppress(OSError):  # some systems can't remove an open file
        lock.unlink(missing_ok=True)


def as_options(conditions: Mapping[str, Any]) -> str:
    """Conditions written as options of the command, such as `--openings random:8 and no --max-plies`."""
    options = ((f"--{name.replace('_', '-')}", value) for name, value in conditions.items())
    return " and ".join(f"no {option}" if value is None else f"{option} {value}" for option, value in options)


def _as_text(name: str, thing: Any) -> str:
    """A field of a results file for a message: conditions as options, the game by its class, anything else as JSON."""
    if name == "conditions" and isinstance(thing, dict):
        return f"games with {as_options(thing)}"
    if is_spec(thing):
        arguments = ", ".join(f"{name}={value}" for name, value in thing["init_args"].items())
        return f"{name} {thing['class_path'].rpartition('.')[2]}({arguments})"
    return f"{name} {json.dumps(thing)}"
