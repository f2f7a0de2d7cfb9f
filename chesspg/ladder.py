"""`python -m chesspg.ladder PLAYER…`: rate players on one scale of Elo."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from chesspg.arena.devices import add_device_option, device_of_policies
from chesspg.arena.ladder import newcomers, standings
from chesspg.arena.ladder.entries import Entry, entry, expand, policy_path
from chesspg.arena.ladder.pairings import Rating
from chesspg.arena.ladder.picture import AXES, is_ladder_picture, points, svg
from chesspg.arena.ladder.printing import print_ladder
from chesspg.arena.ladder.results import Results, results_path
from chesspg.arena.matches import play_in_parts
from chesspg.arena.openings import FORMS, Unplayable, default_plies, openings_from_string
from chesspg.games.game import Game
from chesspg.players import roster
from chesspg.players.game_strings import add_game_option
from chesspg.players.player import Player
from chesspg.storage.atomic import write_text
from chesspg.storage.outputs import Output, check_outputs, check_writable
from chesspg.storage.pictures import check_matplotlib
from chesspg.storage.run_folder import RUNS
from chesspg.terminal import numbers
from chesspg.terminal.command import Parser, one_line_errors, polite_interrupt, run
from chesspg.terminal.progress import progress

DESCRIPTION = f"""\
Rate players on one scale of Elo. In each step, the two players whose games narrow the intervals most play a few pairs
of games, until every 95% interval is narrow enough or the games are used up. Results are kept in one file per game.
Ctrl-C loses only the games in progress; the same command continues, and a new player plays only the games that are
missing.

A player is one of: {roster.KNOWN};
or a folder, which stands for all policy files in it and below it. A policy file is identified by its content.
The game is that of the policy files, else that of --game or of a module given by --import, else chess.

Players on the ladder that ships (checkpoints/ratings.json) keep their ratings, and the others are rated on that scale.
With --fixed every given player is a newcomer, and the opponents are chosen from that ladder. With --own-scale, or if
the game or the openings differ from that ladder's, all players are rated by their own games alone; the rating 0 is then
that of random if it has played, else that of the first player. 95% intervals cover the sampling error of the games;
against other opponents a player may have another rating.
"""
UNCONNECTED = "no games connect these players with the ladder that ships"
WIDTH = 120  # columns of output into a file or pipe


@dataclass(frozen=True)
class Plan:
    """The ladder to compute, after all options have been checked."""

    given: argparse.Namespace
    players: list[str]
    game: Game
    results: Results
    ships: dict[str, Rating]  # with --fixed the opponents of the newcomers, by name; else empty
    device: str  # where policies compute

    @property
    def openings(self) -> str:
        return str(self.results.conditions["openings"])

    def next_match(self, entries: Sequence[Entry]) -> tuple[str, str, int] | None:
        """The keys of the two players who meet next (with --fixed a key and a name) and the number of games."""
        with one_line_errors():
            self.results.refresh()  # another process may have added to the file
        games, within = self.given.games, self.given.within
        if self.ships:
            return newcomers.next_match(self.results, entries, self.ships, games, within)
        return standings.next_match(self.results, entries, games, within, self._fixed(entries))

    def table(self, entries: Sequence[Entry]) -> dict[str, Any]:
        """The whole ladder as JSON values."""
        if self.ships:
            return newcomers.standings(self.results, entries, self.ships, self.given.json)
        return standings.standings(self.results, entries, self._fixed(entries)) | {"seed": self.given.seed}

    def _fixed(self, entries: Sequence[Entry]) -> dict[str, Rating]:
        """The ratings that stay, by key, including those of players whom another process has added to the file."""
        return {} if self.given.own_scale else newcomers.fixed_ratings(self.results, entries)


class Seats:
    """Open players by key, each when it is first needed.

    Args:
        stack: Closes the players at its end.
        game: The game they play.
        concurrency: Processes per engine.
        device: Where policies compute, as torch names it.
    """

    def __init__(self, stack: ExitStack, game: Game, concurrency: int, device: str) -> None:
        self._stack = stack
        self._game = game
        self._concurrency = concurrency
        self._device = device
        self._seated: dict[str, tuple[Entry, Player]] = {}

    def open(self, text: str) -> tuple[Entry, Player]:
        """Open the player that a string describes; a mistake in it ends the command."""
        with one_line_errors():
            players = roster.players([text], self._game, concurrency=self._concurrency, device=self._device)
            (player,) = self._stack.enter_context(players)
            one = entry(text, player)
        self._seated[one.key] = one, player
        return one, player

    def find(self, key: str) -> tuple[Entry, Player]:
        """Return the player with this key, or open the player with this name.

        A name is that of an opponent on the ladder that ships, such as an engine, which need not be installed unless
        it is met.
        """
        if key not in self._seated:
            self._seated[key] = self.open(key)
        return self._seated[key]

    @property
    def entries(self) -> list[Entry]:
        """All players opened so far."""
        return list({one.key: one for one, _ in self._seated.values()}.values())


def main(arguments: Sequence[str] | None = None) -> int:
    """Play what is missing and print the ladder; returns the exit code."""
    given = _parser().parse_args(arguments)
    with one_line_errors():
        plan = _plan(given)
    resumable = f"interrupted: {plan.results.path} has the games so far; the same command continues"
    with polite_interrupt(resumable), ExitStack() as stack:
        seats = Seats(stack, plan.game, given.concurrency, plan.device)
        for text in plan.players:
            seats.open(text)
        asked = seats.entries
        bar = stack.enter_context(_progress())
        with one_line_errors(Unplayable):
            while match := plan.next_match(asked):
                _play(plan, seats, match, bar)
    with one_line_errors():
        table = plan.table(asked)
        _write(given, table)
    _print(plan, table, asked, seats)
    return 0


def _plan(given: argparse.Namespace) -> Plan:
    """Check all options. Raises OSError or ValueError for anything that can't be done."""
    players = expand(given.players, least=1 if given.fixed else 2)
    game = roster.game_of(players, given.imported, given.game)
    path = given.results or results_path(RUNS, game)
    _check_files(given, players, path)
    openings = given.openings or f"random:{default_plies(game)}"
    openings_from_string(openings, game, standings.CHUNK // 2, given.seed)
    device = device_of_policies(given.device, players, game)
    conditions = {"openings": openings, "max_plies": given.max_plies}
    ships = newcomers.opponents(players, game, conditions) if given.fixed else {}
    if ships:
        newcomers.base(given.json, players)  # reports before the first game whether the file can be used
    path.parent.mkdir(parents=True, exist_ok=True)
    check_writable(path)
    return Plan(given, players, game, Results(path, game, conditions), ships, device)


def _check_files(given: argparse.Namespace, players: Sequence[str], path: Path) -> None:
    """Raise OSError or ValueError if the ladder or its picture can't be written or would replace another file."""
    outputs = []
    if given.json:
        outputs.append(Output("--json", given.json, standings.is_ladder))
    if given.picture:
        check_matplotlib("--picture")
        outputs.append(Output("--picture", given.picture, is_ladder_picture))
    read = {f"player {text}": policy_path(text) for text in players}
    openings = Path(given.openings) if given.openings else None
    check_outputs(outputs, read | {"--openings": openings, "--results": path})


def _play(plan: Plan, seats: Seats, match: tuple[str, str, int], bar: Progress) -> None:
    """Play one match and add it to the results."""
    a, b, count = match
    (first, one), (second, other) = seats.find(a), seats.find(b)
    task = bar.add_task(f"{first.player} – {second.player}", total=count)
    with ExitStack() as claimed:
        with one_line_errors():
            seed = claimed.enter_context(plan.results.claim(plan.given.seed, first.key, second.key))
        openings = openings_from_string(plan.openings, plan.game, count // 2, seed)
        (result,) = play_in_parts(
            plan.game, one, other, openings, seed=seed, max_plies=plan.given.max_plies,
            on_ply=lambda done, plies: bar.update(task, completed=done),
        )  # fmt: skip
        with one_line_errors():
            plan.results.add(first, second, seed, result)
    bar.remove_task(task)


def _write(given: argparse.Namespace, table: dict[str, Any]) -> None:
    """Write the files of --json and --picture. Raises OSError or ValueError."""
    unrated = [row["player"] for row in table["players"] if row["rating"] is None]
    if given.fixed and given.json and unrated:
        raise ValueError(
            f"--games must be at least 2 to add {', '.join(unrated)} to {given.json}, got {given.games}; "
            "the file is left as it is"
        )
    if given.json:
        write_text(given.json, json.dumps(table, indent=1, ensure_ascii=False) + "\n")
    if given.picture:
        picture = svg(points(table), given.against or ["updates"], standings.scale_name(table))
        write_text(given.picture, picture)


def _print(plan: Plan, table: dict[str, Any], asked: Sequence[Entry], seats: Seats) -> None:
    own = table["scale"] == standings.OWN
    note = ""
    if own and not plan.given.own_scale:
        note = newcomers.difference(plan.game, plan.results.conditions) or UNCONNECTED
    print_ladder(
        Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH),
        table,
        {one.player for one in asked},
        plan.given.within,
        note,
        [] if own else newcomers.other_versions(seats.entries),
    )


def _progress() -> Progress:
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return progress(*columns)


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python -m chesspg.ladder", description=DESCRIPTION)
    add: Callable[..., Any] = parser.add_argument
    add("players", metavar="PLAYER", nargs="+", help="a player, or a folder of policy files; at least "
        "two players in all, or one with --fixed")  # fmt: skip
    add("--games", type=numbers.whole(0, numbers.GAMES), default=1000, metavar="N",
        help="most games of each player, including earlier ones; a player that has played them still meets players "
        "that have not (default: 1000; 0 plays none)")  # fmt: skip
    add(
        "--within",
        type=numbers.number(0, 10_000, above=True),
        default=40,
        metavar="ELO",
        help="stop when all intervals are within ± ELO (default: 40)",
    )
    scale: Callable[..., Any] = parser.add_mutually_exclusive_group().add_argument
    scale("--fixed", action="store_true", help="rate newcomers by their games against opponents chosen from "
        "the ladder that ships; --json then adds their rows to it")  # fmt: skip
    scale("--own-scale", action="store_true", help="rate all players by their own games alone, even those on the "
        "ladder that ships")  # fmt: skip
    add("--results", type=Path, metavar="FILE",
        help=f"the file with the results, which is added to (default: {RUNS / 'ladder-GAME.json'})")  # fmt: skip
    add("--seed", type=numbers.seed, default=0, metavar="N", help="seed of openings and moves (default: 0)")
    add(
        "--openings",
        help=f"{FORMS}; each is played twice (default: random plies, an eighth of the squares, random:8 in chess)",
    )
    add(
        "--max-plies",
        type=numbers.plies,
        metavar="P",
        help="stop longer games and count them as draws (default: never)",
    )
    add(
        "--concurrency",
        type=numbers.processes,
        default=1,
        metavar="N",
        help="processes per engine (default: 1)",
    )
    add_game_option(parser)
    add_device_option(parser)
    add(
        "--json",
        type=Path,
        metavar="FILE",
        help="write the ladder to FILE; a file that holds anything but a ladder is not replaced",
    )
    add(
        "--picture",
        type=Path,
        metavar="FILE",
        help="draw the ladder to FILE as SVG with matplotlib; a file that holds anything else is not replaced",
    )
    add(
        "--against",
        action="append",
        choices=list(AXES),
        help="horizontal axis of the picture; given twice, the picture has two panels (default: updates)",
    )
    return parser


if __name__ == "__main__":
    run(main)
