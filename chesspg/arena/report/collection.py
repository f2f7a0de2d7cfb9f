"""The games of a PGN file as a page shows them: which policy looks at them, and what it makes of each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import chess.pgn

from chesspg.arena import roster
from chesspg.arena.records.archive import EVERY, Archived, Skipped, Source
from chesspg.arena.records.movetext import OUTCOMES
from chesspg.arena.records.pgn import RESULTS
from chesspg.arena.records.split import headers_of, split
from chesspg.arena.records.text import TextFile
from chesspg.arena.report.runs import own_moves
from chesspg.arena.report.samples import Sample, read_sample
from chesspg.games.chess import VARIANTS, Chess
from chesspg.games.game import Game
from chesspg.players.policy_player import PolicyPlayer

GAMES, PLIES = 50, 15_000  # of a file on a page
LONGEST = 2_000  # plies of one game
COUNTED = 20_000  # games that are counted one by one; more are estimated by the size of the file
NAMED = 5  # skipped games that are named
TEXT = 60  # characters of a name in a tag
UNSAID = ("normal", "unterminated", "unknown")  # terminations that say nothing


class Shown(NamedTuple):
    """A game on the page."""

    sample: Sample
    tags: dict[str, str]  # event, players, date, result, termination: those that are known


@dataclass(frozen=True)
class Collection:
    """The games of a file that a page shows."""

    path: Path
    game: Game
    policy: str  # by which policy, and why by that one
    network: str
    games: list[Shown]
    count: str  # how many there are in the file
    skipped: list[str]  # what was left out because it can't be shown, in a few lines


def policy_for(path: Path, named: str = "") -> tuple[str, str]:
    """The policy that looks at the games of a file, and why that one; the reason is empty for one that was named.

    By default it is the one that `play` takes, of those that play the game of the file's first game. Imports no torch.
    Raises ValueError if there is none, or if what was named is not a policy; OSError if the file can't be read.
    """
    if named:
        _, options = roster.policy_of(named)
        if "random" in options:
            raise ValueError(f"--policy must be a policy without random moves, got {named[:80]!r}")
        roster.game_of([named])
        return named, ""
    first = next(iter(split(TextFile(path))), None)
    wanted = _game_name(headers_of(first.tags) if first else {})
    default = roster.default_player(lambda game: game.name == wanted)
    if default is None:
        raise ValueError(f"no policy that plays {wanted[:80]}, the game of {path}; name one with --policy")
    return default


def read_collection(path: Path, policy: str, why: str) -> Collection:
    """The first games of a file as a policy sees them. Raises ValueError if there is none that it can look at."""
    own = roster.game_of([policy])
    game = Chess(own.variant, backend="python-chess") if isinstance(own, Chess) else own  # not worth compiling rules
    player = roster.player_from_string(policy, game)
    assert isinstance(player, PolicyPlayer)
    shown: list[Shown] = []
    skipped: list[str] = []
    seen = room = 0
    counted = Counter[str]()
    reading = _Reading(path, game)
    for one in reading:
        seen += 1
        full = len(shown) == GAMES or room > PLIES
        if full and seen == COUNTED:
            break
        if isinstance(one, Archived) and not full:
            one = _show(one, player)  # noqa: PLW2901
        if isinstance(one, Shown):
            shown.append(one)
            room += len(one.sample.names)
        elif isinstance(one, Skipped):
            counted[one.why] += 1
            skipped += [f"{one.where} is left out: {one.detail or one.why}"][: max(0, NAMED - len(skipped))]
    if not shown:
        raise ValueError(f"{path} has no game of {game.name} that can be shown" + (f": {skipped[0]}" if skipped else ""))
    more = sum(counted.values()) - len(skipped)
    skipped += [f"{more:,} more are left out"] if more else []
    size = sum(parameter.numel() for parameter in player.policy.parameters())
    return Collection(
        path,
        game,
        policy + (f" ({why})" if why else ""),
        f"{type(player.policy.network).__name__} of {size:,} parameters",
        shown,
        f"about {_round(seen / reading.share):,}" if seen == COUNTED else f"{seen:,}",
        skipped,
    )


class _Reading:
    """Reads the games of a file, whatever they are games of."""

    def __init__(self, path: Path, game: Game) -> None:
        self.path, self.game = path, game
        self.source = Source(path, EVERY, game) if isinstance(game, Chess) else TextFile(path)

    @property
    def share(self) -> float:
        """Of the file that was read."""
        return max(self.source.position, 1) / max(self.source.size, 1)

    def __iter__(self) -> Iterator[Archived | Skipped]:
        if isinstance(self.source, Source):
            yield from self.source
            return
        for text in split(self.source):  # another game, as to_pgn writes it
            where, headers = f"{self.path.name}, line {text.line}", headers_of(text.tags)
            if text.too_long:
                yield Skipped(where, "too long")
            elif headers.get("Variant") != self.game.name:
                yield Skipped(where, "variant", f"it is a game of {_game_name(headers)[:TEXT]}, not of {self.game.name}")
            else:
                outcome = OUTCOMES.get(headers.get("Result", ""))
                yield Archived(where, headers.get("FEN", ""), own_moves(text.moves), outcome, headers)


def _show(one: Archived, player: PolicyPlayer) -> Shown | Skipped:
    if len(one.moves) > LONGEST:
        return Skipped(one.where, "too long", f"it has {len(one.moves):,} plies; at most {LONGEST:,} are shown")
    try:
        sample = read_sample(one.start, one.moves, player.policy)
    except ValueError as error:
        return Skipped(one.where, "moves", str(error))
    return Shown(sample, _tags(one, sample))


def _tags(one: Archived, sample: Sample) -> dict[str, str]:
    said = {name: value.strip()[:TEXT] for name, value in one.headers.items() if value.strip() not in ("", "?", "-")}
    names = [
        said.get(seat, "?") + (f" ({said[f'{seat}Elo']})" if f"{seat}Elo" in said else "") for seat in ("White", "Black")
    ]
    termination = said.get("Termination", "")
    if termination.lower() in UNSAID:
        termination = ""
    if sample.left:
        termination = f"{termination + ', ' if termination else ''}shown up to the {sample.reason}"
    tags = {
        "event": said.get("Event", ""),
        "players": " – ".join(names) if names != ["?", "?"] else "",
        "date": re.sub(r"(\.?\?+)+$", "", said.get("Date", said.get("UTCDate", ""))),
        "result": "*" if one.outcome is None else RESULTS[one.outcome],
        "termination": sample.reason if sample.reason and not sample.left else termination,
    }
    return {name: value for name, value in tags.items() if value}


def _game_name(headers: Mapping[str, str]) -> str:
    """The name of the game that a PGN's tags say: that of a variant of chess, else what stands there."""
    said = headers.get("Variant", "").strip()
    known = chess.pgn.Headers({"Variant": said} if said else {})
    try:
        board, chess960 = known.variant(), known.is_chess960()
    except ValueError:
        return said
    variants = (name for name, kind in VARIANTS.items() if kind is board and (name == "chess960") == chess960)
    return next((Chess(name).name for name in variants), said)


def _round(number: float) -> int:
    return round(number, 1 - len(str(int(number))) + 1)  # type: ignore[return-value]
