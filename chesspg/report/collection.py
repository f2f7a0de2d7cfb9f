"""The games of a file as a page shows them, with the moves and values of a policy."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from chesspg.games.game import Game
from chesspg.pgn.archive import EVERY, Archived, Skipped, Source
from chesspg.pgn.movetext import OUTCOMES
from chesspg.pgn.own_games import recorded
from chesspg.pgn.sgf import described, headers_of, is_sgf, moves_of, plays, read_sgf
from chesspg.pgn.text import TextFile
from chesspg.pgn.variant import game_name
from chesspg.pgn.writing import RESULTS, players_of
from chesspg.players import roster
from chesspg.players.policy_player import PolicyPlayer
from chesspg.report.runs import CAPPED
from chesspg.report.samples import Sample, read_sample

GAMES, PLIES = 50, 6_000  # a page shows games of a file until it has this many games or more plies
LONGEST = 2_000  # most plies of a game
COUNTED = 20_000  # most games that are counted; beyond that the number is estimated from the size of the file
NAMED = 5  # most skipped games that are reported one by one
TEXT = 60  # most characters of a tag's value
# PGN terminations in the words of the page; empty if they add nothing to the result.
TERMINATIONS = {"normal": "", "unterminated": "", "unknown": "", "truncated": CAPPED}


class Shown(NamedTuple):
    """A game on the page."""

    sample: Sample
    tags: dict[str, str]  # those that are known of event, players, date, result, termination


@dataclass(frozen=True)
class Collection:
    """The games of a file that a page shows, with what it says of the file."""

    path: Path
    game: Game
    policy: str  # the policy that evaluated the games, with the reason for its choice
    network: str  # its network in words
    games: list[Shown]
    count: str  # number of games in the file, in words
    full: bool  # whether the file has more games than a page shows
    unfit: int  # number of games that can't be shown
    skipped: list[str]  # lines about games that can't be shown

    @property
    def share(self) -> str:
        """How many of the games are shown, and why not all, in words."""
        of = f"{self.count} game{'s' * (self.count != '1')}"
        why = [f"{self.unfit:,} can't be shown"] * bool(self.unfit) + ["a page shows no more"] * self.full
        if not why:
            return of
        first = "the first " if not self.unfit else ""
        return f"{first}{len(self.games)} of {of} ({', and '.join(why)})"


def read_collection(path: Path, policy: str, why: str = "", on_game: Callable[[int], None] | None = None) -> Collection:
    """Read the first games of a file and evaluate them with a policy.

    Args:
        path: The file.
        policy: The policy, as a player's string.
        why: The reason for its choice, as returned by `policy_for`.
        on_game: Called after each game with the number of games to show so far.

    Returns:
        The games.

    Raises:
        OSError: The file can't be read.
        ValueError: The file has no game that can be shown as a game of the policy.
    """
    own = roster.game_of([policy])
    game = own.for_few_games()
    player = roster.player_from_string(policy, game)
    assert isinstance(player, PolicyPlayer)
    reading = _Reading(path, game)
    shown: list[Shown] = []
    skipped: list[Skipped] = []
    plies = seen = 0
    more = False  # whether the file has more games than the page shows
    for one in reading:
        if seen == COUNTED:
            more = True
            break
        seen += 1
        full = len(shown) == GAMES or plies > PLIES
        more = more or (full and isinstance(one, Archived))
        looked_at = _show(one, player) if isinstance(one, Archived) and not full else one
        if isinstance(looked_at, Shown):
            shown.append(looked_at)
            plies += len(looked_at.sample.names)
            if on_game:
                on_game(len(shown))
        elif isinstance(looked_at, Skipped):
            skipped.append(looked_at)
    else:
        reading.whole = True
    if not shown:
        raise ValueError(_nothing_to_show(reading, seen, skipped))
    network = player.policy.network
    size = sum(parameter.numel() for parameter in network.parameters())
    return Collection(
        path=path,
        game=game,
        policy=f"{policy} ({why})" if why else policy,
        network=f"{type(network).__name__} of {size:,} parameters",
        games=shown,
        count=reading.count(seen),
        full=more,
        unfit=len(skipped),
        skipped=_left_out(reading, skipped),
    )


class _Reading:
    """Iterates over the games of a file, in any game's notation."""

    def __init__(self, path: Path, game: Game) -> None:
        self.path, self.game = path, game
        self.source = Source(path, EVERY, game) if game.notation else TextFile(path)  # chess has no SGF
        self.whole = False  # whether the file was read to its end
        self.share = 1.0  # fraction of the file that was read

    @property
    def damage(self) -> str:
        return self.source.damage

    def count(self, seen: int) -> str:
        """The number of games in the file, in words, after `seen` of them were read."""
        return f"{seen:,}" if self.whole else f"about {float(f'{seen / self.share:.1e}'):,.0f}"

    def __iter__(self) -> Iterator[Archived | Skipped]:
        for one in self._games():
            self.share = max(self.source.position, 1) / max(self.source.size, 1)
            yield one

    def _games(self) -> Iterable[Archived | Skipped]:
        if isinstance(self.source, Source):
            return self.source
        return self._of_sgf(self.source) if is_sgf(self.source) else self._of_another_game(self.source)

    def _of_sgf(self, lines: Iterable[str]) -> Iterator[Archived | Skipped]:
        """The games of a file of SGF."""
        for one in read_sgf(lines):
            where = f"{self.path.name}, line {one.line}"
            if not plays(self.game, one):
                yield Skipped(where, "game", f"{described(one)} instead of {self.game.name}")
                continue
            try:
                moves = moves_of(self.game, one)
            except ValueError as error:
                yield Skipped(where, "start", str(error))
                continue
            headers = headers_of(self.game, one)
            yield Archived(where, "", moves, OUTCOMES.get(headers["Result"]), headers)

    def _of_another_game(self, lines: TextFile) -> Iterator[Archived | Skipped]:
        """The games of a file of a game without a notation, as `to_pgn` writes them."""
        for one in recorded(lines):
            where, headers = f"{self.path.name}, line {one.line}", one.headers
            if headers.get("Variant") != self.game.name:
                yield Skipped(where, "variant", f"{game_name(headers)[:TEXT]} instead of {self.game.name}")
            else:
                outcome = OUTCOMES.get(headers.get("Result", ""))
                yield Archived(where, headers.get("FEN", ""), one.moves, outcome, headers)


def _nothing_to_show(reading: _Reading, seen: int, skipped: Sequence[Skipped]) -> str:
    """The message for a file with `seen` games, none of which can be shown."""
    path, count = reading.path, reading.count(seen)
    games = f"none of the {count} games in {path} can" if count != "1" else f"the one game in {path} can't"
    faults = [f"{one.where.removeprefix(f'{path.name}, ')}: {one.detail or one.why}" for one in skipped[:NAMED]]
    faults += [f"and {len(skipped) - NAMED:,} more"] * (len(skipped) > NAMED)
    faults += [f"the file ends early: {reading.damage}"] * bool(reading.damage)
    return f"{games} be shown as a game of {reading.game.name}: {'; '.join(faults)}"


def _left_out(reading: _Reading, skipped: Sequence[Skipped]) -> list[str]:
    """Lines about the games of a file that are not shown."""
    lines = [f"{one.where} is left out: {one.detail or one.why}" for one in skipped[:NAMED]]
    lines += [f"{len(skipped) - NAMED:,} more games are left out"] * (len(skipped) > NAMED)
    lines += [f"the file ends early: {reading.damage}"] * bool(reading.damage)
    return lines


def _show(one: Archived, player: PolicyPlayer) -> Shown | Skipped:
    """A game evaluated by a policy, or the reason why it can't be shown."""
    if not one.moves:
        return Skipped(one.where, "no moves", "it has no moves that can be read; expected moves as in 1. e4 e5 2. Nf3")
    if len(one.moves) > LONGEST:
        return Skipped(one.where, "too long", f"it has {len(one.moves):,} plies; expected at most {LONGEST:,}")
    try:
        sample = read_sample(one.start, one.moves, player.policy)
    except ValueError as error:
        return Skipped(one.where, "moves", str(error))
    return Shown(sample, _tags(one, sample))


def _tags(one: Archived, sample: Sample) -> dict[str, str]:
    """The tags of a game that are known, see `Shown`."""
    said = {name: value.strip()[:TEXT] for name, value in one.headers.items() if value.strip() not in ("", "?", "-")}
    names = [
        name + (f" ({said[f'{side}Elo']})" if f"{side}Elo" in said else "")
        for side, name in zip(("White", "Black"), players_of(said), strict=True)
    ]
    termination = said.get("Termination", "")
    termination = TERMINATIONS.get(termination.lower(), termination)
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
