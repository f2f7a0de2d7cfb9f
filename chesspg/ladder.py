"""`python -m chesspg.ladder PLAYER…`: players meet where it tells most, and stand on one scale of Elo, random at 0."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from chesspg.arena import numbers, roster
from chesspg.arena.commands import Parser, check_writable, one_line_errors, polite_interrupt, run
from chesspg.arena.ladder import newcomers, standings
from chesspg.arena.ladder.book import Book, Entry, entry, expand, policy_path
from chesspg.arena.ladder.picture import AXES, Point, svg
from chesspg.arena.ladder.rating import Rating
from chesspg.arena.matches import Unplayable, play_in_parts
from chesspg.arena.openings import FORMS, default_plies, openings_from_string
from chesspg.arena.progress import progress
from chesspg.players.player import Player
from chesspg.policy.files import write_text

DESCRIPTION = f"""\
Rate players on one scale of Elo. The two whose games narrow the intervals most meet next, a few paired games at a
time, until every 95 % interval is narrow enough or the games are used up. Results are kept in one file: Ctrl-C loses
no more than the games in progress, the same command goes on, and a new player plays only what is missing.

A player is one of: {roster.KNOWN};
or a folder, which stands for all policy files in it and below. A policy file is known by its content.
The scale begins at `random` if it has played, else at the first player. With --fixed it is that of the ladder that
ships: each player named is a newcomer and meets those on it, whose ratings stay.
"""
WIDTH = 120  # of what is printed into a file or pipe
CROSS = 16  # players; a wider crosstable fits no terminal, the JSON has it


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    with one_line_errors():
        texts = expand(given.players, least=1 if given.fixed else 2)
        game = roster.game_of(texts)
        given.results.parent.mkdir(parents=True, exist_ok=True)
        for path in (given.results, given.json, given.picture):
            if path:
                check_writable(path)
        openings = given.openings or f"random:{default_plies(game)}"
        openings_from_string(openings, game, standings.CHUNK // 2, given.seed)
        conditions = {"openings": openings, "max_plies": given.max_plies}
        fixed = newcomers.opponents(texts, game, conditions) if given.fixed else {}
        if fixed:
            newcomers.base(given.json, texts)  # before the work: what else the file may hold
        book = Book(given.results, game, conditions)
    kept = f"interrupted: {given.results} keeps what was played; the same command goes on"
    with polite_interrupt(kept), ExitStack() as stack:

        def seat(text: str) -> tuple[Entry, Player]:
            with one_line_errors():
                (player,) = stack.enter_context(roster.players([text], game, concurrency=given.concurrency))
                return entry(text, player), player

        seats = {one.key: (one, player) for one, player in map(seat, texts)}
        entries = [one for one, _ in seats.values()]
        choose = partial(newcomers.choose, fixed=fixed) if fixed else standings.choose
        bar = stack.enter_context(_progress())
        task = bar.add_task("", total=None)
        with one_line_errors(Unplayable):
            while True:
                with one_line_errors():
                    book.refresh()  # another ladder may be adding to the same file
                meeting = choose(book, entries, games=given.games, within=given.within)
                if meeting is None:
                    break
                a, b, count = meeting
                if b not in seats:  # of the ladder that ships, whose engines need not be there until they are met
                    seats[b] = seat(b)
                (first, one), (second, other) = seats[a], seats[b]
                told = f"{first.player} – {second.player}"
                bar.reset(task, total=count, description=told, start=True)
                with ExitStack() as claimed:
                    with one_line_errors():
                        seed = claimed.enter_context(book.claim(given.seed, first.key, second.key))
                    some = openings_from_string(openings, game, count // 2, seed)
                    (result,) = play_in_parts(
                        game, one, other, some, seed=seed, max_plies=given.max_plies,
                        on_ply=lambda done, plies: bar.update(task, completed=done),
                    )  # fmt: skip
                    with one_line_errors():
                        book.add(first, second, seed, result)
    with one_line_errors():
        if fixed:
            table = newcomers.standings(book, entries, fixed, given.json)
        else:
            table = standings.standings(book, entries) | {"seed": given.seed}
        unrated = [row["player"] for row in table["players"] if row["rating"] is None]
        if fixed and given.json and unrated:
            told = f"without games, so {given.json} is left as it is; --games of 2 or more would do"
            raise ValueError(f"{', '.join(unrated)} {told}")
        if given.json:
            write_text(given.json, json.dumps(table, indent=1, ensure_ascii=False) + "\n")
        if given.picture:
            write_text(given.picture, svg(_points(table, given.against), given.against))
    report(
        Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH),
        table,
        {one.player for one in entries},
        given.within,
    )
    return 0


def report(console: Console, table: dict[str, Any], asked: Collection[str], within: float) -> None:
    """Print a ladder; of those who were asked for also whose interval is wide."""
    players = table["players"]
    shown = Table(box=None, pad_edge=False)
    for title in ("", "player", "Elo", "95 % interval", "games", "score", "drawn"):
        shown.add_column(title, justify="left" if title == "player" else "right", overflow="fold")
    for rank, row in enumerate(players, 1):
        known = row["rating"] is not None
        interval = f"{row['low']:+.0f} to {row['high']:+.0f}" if known and row["high"] > row["low"] else ""
        share = f"{row['draws'] / row['games']:.0%}" if row["games"] else ""
        score = f"{row['score']:.1%}" if row["games"] else ""
        elo = f"{row['rating']:.0f}" if known else "?"
        shown.add_row(str(rank), Text(row["player"]), elo, interval, str(row["games"]), score, share)
    console.print(shown)
    met = {(row["a"], row["b"]): (row["score"], row["games"]) for row in table["meetings"]}
    met |= {(b, a): (1 - score, games) for (a, b), (score, games) in met.items()}
    if len(players) <= CROSS:
        games = console.width >= 9 * (len(players) + 1)
        title = f"score of the row in %{', of so many games' * games}"
        cross = Table(box=None, pad_edge=False, title=title, title_justify="left")
        for title in ("", *(str(rank) for rank in range(1, len(players) + 1))):
            cross.add_column(title, justify="right", no_wrap=True)
        for rank, row in enumerate(players, 1):
            cells = [met.get((row["player"], column["player"])) for column in players]
            scores = [f"{100 * cell[0]:.0f}{f'/{cell[1]}' * games}" if cell else "·" for cell in cells]
            cross.add_row(str(rank), *scores)
        console.print("", cross)
    for a, b, c in table["cycles"]:
        console.print(Text(f"no ladder shows this: {a} beats {b} beats {c} beats {a}", style="yellow"), soft_wrap=True)
    for row in players:
        if row["forfeits"]:
            console.print(Text(f"{row['player']} gave up {row['forfeits']} games", style="yellow"), soft_wrap=True)
    unrated = [row["player"] for row in players if row["rating"] is None]
    if unrated:
        told = f"no games connect with {table['anchor']}, so without a rating: {', '.join(unrated)}"
        console.print(Text(told, style="yellow"), soft_wrap=True)
    rated = [row for row in players if row["rating"] is not None and row["player"] in asked]
    wide = [row["player"] for row in rated if row["high"] - row["low"] > 2 * within]
    if wide:
        told = f"wider than ± {within:g}, more --games would narrow them: {', '.join(wide)}"
        console.print(Text(told, style="dim"), soft_wrap=True)


def _points(table: dict[str, Any], against: str) -> list[Point]:
    points = []
    for row in table["players"]:
        if row["rating"] is not None:
            path = policy_path(row["player"])
            rating = Rating(row["rating"], row["low"], row["high"])
            fact = row["facts"].get(against)  # of a file from anywhere
            known = type(fact) in (int, float) and 0 <= fact < 1e18
            points.append(Point(row["player"], rating, fact if known else None, str(path.parent) if path else ""))
    return points


def _progress() -> Progress:
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return progress(*columns)


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python -m chesspg.ladder", description=DESCRIPTION, formatter_class=argparse.RawTextHelpFormatter)
    add: Callable[..., Any] = parser.add_argument
    add("players", metavar="PLAYER", nargs="+", help="a player or a folder of policy files;\n"
        "two players or more in all, with --fixed one or more")  # fmt: skip
    add("--games", type=numbers.whole(0, numbers.GAMES), default=1000, metavar="N",
        help="that each player gets, earlier ones included;\n"
        "who has them still meets who has not (default: 1000; 0 shows what is known)")  # fmt: skip
    add(
        "--within",
        type=numbers.number(0, 10_000, above=True),
        default=40,
        metavar="ELO",
        help="stop at intervals of ± ELO (default: 40)",
    )
    add("--fixed", action="store_true", help="rate newcomers by their games against the ladder that ships,\n"
        "whose ratings stay; --json then adds their rows to it")  # fmt: skip
    add("--results", type=Path, default=roster.RUNS / "ladder.json", metavar="FILE",
        help=f"where results are kept and added to (default: {roster.RUNS / 'ladder.json'})")  # fmt: skip
    add("--seed", type=numbers.seed, default=0, help="of openings and of all moves (default: 0)")
    add("--openings", help=f"each played twice: {FORMS}\n(default: an eighth of the squares, random:8 in chess)")
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
        help="processes of each engine (default: 1)",
    )
    add("--json", type=Path, metavar="FILE", help="write the ladder there")
    add("--picture", type=Path, metavar="FILE", help="draw the ladder there, as SVG")
    add("--against", choices=list(AXES), default="updates", help="the picture's other axis (default: updates)")
    return parser


if __name__ == "__main__":
    run(main)
