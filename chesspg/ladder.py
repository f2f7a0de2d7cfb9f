"""`python -m chesspg.ladder PLAYER…`: everybody's Elo on one scale, from the games that narrow it most."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from chesspg.arena.ladder import newcomers, standings
from chesspg.arena.ladder.model import INTERVAL, Rating
from chesspg.arena.ladder.picture import AXES, Point, is_picture, svg
from chesspg.arena.ladder.results import Book, Entry, entry, expand, policy_path, results_path
from chesspg.arena.matches import Unplayable, play_in_parts
from chesspg.arena.openings import FORMS, default_plies, openings_from_string
from chesspg.players import roster
from chesspg.players.player import Player
from chesspg.storage import runs
from chesspg.storage.atomic import write_text
from chesspg.storage.outputs import Output, check_outputs, check_writable
from chesspg.terminal import numbers
from chesspg.terminal.command import Parser, one_line_errors, polite_interrupt, run, wrapped
from chesspg.terminal.progress import progress

DESCRIPTION = f"""\
Rate players on one scale of Elo. The two whose games narrow the intervals most meet next, a few paired games at a
time, until every 95% interval is narrow enough or the games are used up. Results are kept in one file for each game:
Ctrl-C loses no more than the games in progress, the same command goes on, and a new player plays only what is missing.

A player is one of: {roster.KNOWN};
or a folder, which stands for all policy files in it and below. A policy file is known by its content.
The game is that of the policy files, else that of a module given by --import, else chess.

Players on the ladder that ships (checkpoints/ratings.json) keep their ratings there, and the others are rated on that
scale.
With --fixed every player named is a newcomer, whose opponents are chosen from that ladder. With --own-scale, or where
games or openings differ from that ladder's, all are rated by their own games alone, with random at 0 if it has played
and else the first player. A 95% interval is the sampling error of the games: against other opponents a player may have
another rating.
"""
UNCONNECTED = "no games connect these players with the ladder that ships"
WIDTH = 120  # columns of what is printed into a file or pipe
CROSS = 16  # most players of a crosstable; a wider one fits no terminal, the JSON has it
GAP = 2  # columns between two of a table


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    with one_line_errors():
        texts = expand(given.players, least=1 if given.fixed else 2)
        game = roster.game_of(texts, given.imported)
        results = given.results or results_path(runs.RUNS, game)
        _check(given, texts, results)
        openings = given.openings or f"random:{default_plies(game)}"
        openings_from_string(openings, game, standings.CHUNK // 2, given.seed)
        conditions = {"openings": openings, "max_plies": given.max_plies}
        fixed = newcomers.opponents(texts, game, conditions) if given.fixed else {}
        if fixed:
            newcomers.base(given.json, texts)  # before the work: what else the file may hold
        results.parent.mkdir(parents=True, exist_ok=True)
        check_writable(results)
        book = Book(results, game, conditions)
    resumable = f"interrupted: {results} keeps what was played; the same command goes on"
    with polite_interrupt(resumable), ExitStack() as stack:

        def seat(text: str) -> tuple[Entry, Player]:
            with one_line_errors():
                (player,) = stack.enter_context(roster.players([text], game, concurrency=given.concurrency))
                return entry(text, player), player

        seats = {one.key: (one, player) for one, player in map(seat, texts)}
        entries = [one for one, _ in seats.values()]

        def kept() -> dict[str, Rating]:
            """Whose ratings stay, by key: of those in the book, to which another ladder may be adding, too."""
            return {} if given.own_scale else newcomers.kept(book, entries)

        bar = stack.enter_context(_progress())
        task = bar.add_task("", total=None)
        with one_line_errors(Unplayable):
            while True:
                with one_line_errors():
                    book.refresh()  # another ladder may be adding to the same file
                if fixed:
                    meeting = newcomers.choose(book, entries, fixed, given.games, given.within)
                else:
                    meeting = standings.choose(book, entries, given.games, given.within, kept())
                if meeting is None:
                    break
                a, b, count = meeting
                if b not in seats:  # of the ladder that ships, whose engines need not be there until they are met
                    seats[b] = seat(b)
                (first, one), (second, other) = seats[a], seats[b]
                bar.reset(task, total=count, description=f"{first.player} – {second.player}", start=True)
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
            table = standings.standings(book, entries, kept()) | {"seed": given.seed}
        unrated = [row["player"] for row in table["players"] if row["rating"] is None]
        if fixed and given.json and unrated:
            raise ValueError(
                f"without games, {', '.join(unrated)} can't be added to {given.json}, which is left as it is; "
                f"--games must be at least 2, got {given.games}"
            )
        if given.json:
            write_text(given.json, json.dumps(table, indent=1, ensure_ascii=False) + "\n")
        if given.picture:
            write_text(given.picture, svg(_points(table, given.against), given.against, _scale(table)))
    own = table["scale"] == standings.OWN
    note = (newcomers.difference(game, conditions) or UNCONNECTED) if own and not given.own_scale else ""
    others = [] if own else newcomers.other_versions([one for one, _ in seats.values()])
    report(
        Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH),
        table,
        {one.player for one in entries},
        given.within,
        note,
        others,
    )
    return 0


def _check(given: argparse.Namespace, texts: Sequence[str], results: Path) -> None:
    """Raise OSError or ValueError if the ladder or its picture would replace anything but an earlier one."""
    outputs = []
    if given.json:
        outputs.append(Output("--json", given.json, standings.is_ladder))
    if given.picture:
        outputs.append(Output("--picture", given.picture, is_picture))
    read = {f"player {text}": policy_path(text) for text in texts}
    openings = Path(given.openings) if given.openings else None
    check_outputs(outputs, read | {"--openings": openings, "--results": results})


def report(
    console: Console,
    table: dict[str, Any],
    asked: Collection[str],
    within: float,
    note: str = "",
    warnings: Sequence[str] = (),
) -> None:
    """Print a ladder.

    Args:
        console: Where to.
        table: As of `standings.standings` or `newcomers.standings`.
        asked: The players that were named, of whom it says against whom they were rated.
        within: Half the width of an interval that is narrow enough.
        note: Why the ladder that ships is of no use here.
        warnings: Lines to be printed too.
    """
    players = table["players"]
    shown = Table(box=None, pad_edge=False)
    titles = ("", "player", "Elo", "95% interval", "games", "score", "drawn")
    for title in titles:
        if title == "player":
            shown.add_column(title, overflow="fold")
        else:
            shown.add_column(title, justify="right", no_wrap=True)
    rows = []
    for rank, row in enumerate(players, 1):
        known = row["rating"] is not None
        interval = f"{row['low']:.0f} to {row['high']:.0f}" if known and row["high"] > row["low"] else ""
        share = f"{row['draws'] / row['games']:.0%}" if row["games"] else ""
        score = f"{row['score']:.1%}" if row["games"] else ""
        elo = f"{row['rating']:.0f}" if known else "?"
        rows.append((str(rank), row["player"], elo, interval, str(row["games"]), score, share))
    others = [
        max(len(cells[k]) for cells in (titles, *rows)) + GAP for k in range(len(titles)) if titles[k] != "player"
    ]
    room = console.width - sum(others)
    for number, player, *figures in rows:
        shown.add_row(number, Text(_broken(player, room)), *figures)
    console.print(shown)
    _crosstable(console, table)
    console.print()
    numbers_of = {row["player"]: str(rank) for rank, row in enumerate(players, 1)}

    def show(line: str, style: str = "") -> None:
        console.print(Text(wrapped(line, console.width) if console.is_terminal else line, style), soft_wrap=True)

    for line in _explanations(table, asked, note, numbers_of):
        show(line)
    for line in [*warnings, *_warnings(table)]:
        show(line, "yellow")
    rated = [row for row in players if row["rating"] is not None and row["player"] in asked and row["against"]]
    wide = [numbers_of[row["player"]] for row in rated if row["high"] - row["low"] > 2 * within]
    if wide:
        show(f"wider than ± {within:g}, which more --games may narrow: {_listed(wide)}", "dim")


def _broken(name: str, width: int) -> str:
    """A player's name in lines of at most `width` columns, each up to a slash or to where options begin."""
    lines = [""]
    for part in re.findall(r"[^/?&]*[/?&]?", name):
        if lines[-1] and len(lines[-1]) + len(part) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def _crosstable(console: Console, table: dict[str, Any]) -> None:
    """Print the score of each two players who met, and of each player's games with anybody who is not in the table."""
    players = table["players"]
    met: dict[tuple[str, str], tuple[float, int]] = {}  # points and games
    for row in table["meetings"]:
        points = row["wins"] + row["draws"] / 2
        met[row["a"], row["b"]] = points, row["games"]
        met[row["b"], row["a"]] = row["games"] - points, row["games"]
    lines = []
    for row in players:
        cells = [met.get((row["player"], column["player"]), (0.0, 0)) for column in players]
        points, games = row["wins"] + row["draws"] / 2, row["games"]
        # A row of the ladder that ships does not count its games with newcomers.
        rest = max(games - sum(games for _, games in cells), 0)
        lines.append([*cells, (points - sum(points for points, _ in cells), rest)])
    unlisted = any(cells[-1][1] for cells in lines)
    titles = ["", *(str(rank) for rank in range(1, len(players) + 1)), *["others"] * unlisted]

    def shown(with_games: bool) -> list[list[str]]:
        return [
            [str(rank)]
            + [
                f"{100 * points / games:.0f}{f'/{games}' * with_games}" if games else "·"
                for points, games in cells[: len(titles) - 1]
            ]
            for rank, cells in enumerate(lines, 1)
        ]

    def fits(rows: list[list[str]]) -> bool:
        return sum(max(map(len, column)) + GAP for column in zip(titles, *rows, strict=True)) - GAP <= console.width

    if not (met or unlisted) or len(players) > CROSS:
        return
    games = fits(shown(True))
    if not fits(shown(games)):
        return
    note = " (others: earlier games with players who are not listed)" if unlisted else ""
    console.print(f"\nscore of the row in %{' / number of games' * games}{note}:")
    cross = Table(box=None, pad_edge=False)
    for title in titles:
        cross.add_column(title, justify="right", no_wrap=True)
    for texts in shown(games):
        cross.add_row(*texts)
    console.print(cross)


def _explanations(
    table: dict[str, Any], asked: Collection[str], note: str, numbers_of: Mapping[str, str]
) -> Iterator[str]:
    """What the numbers of a table are: on which scale, against whom, and what an interval says.

    Args:
        table: The table.
        asked: The players that were named.
        note: Why the ladder that ships is of no use here.
        numbers_of: The number of each player in the table; a player without one goes by name.
    """
    rows = [row for row in table["players"] if row["player"] in asked]
    kept = [row["player"] for row in rows if row["against"] is None]
    stay = f", where {_listed(kept)} keep{'s its rating' if len(kept) == 1 else ' their ratings'}" if kept else ""
    yield f"{_scale(table)}{stay or (f' ({note})' if note else '')}."
    yield INTERVAL
    if len(kept) == len(rows):
        yield "All of these players are on that ladder; --own-scale rates them by their games here."
    for row in rows:
        if row["against"] and row["rating"] is not None and row["player"] != table["anchor"]:
            met = list(row["against"].items())
            games = [
                f"{numbers_of.get(name, name)} ({count:,}{' games' * (not k)})" for k, (name, count) in enumerate(met)
            ]
            yield f"{numbers_of[row['player']]} was rated against {_listed(games)}."
    unlisted = dict.fromkeys(name for row in rows for name in row["against"] or () if name not in numbers_of)
    if unlisted:
        yield f"Earlier games with players who are not listed count too: {_listed(list(unlisted))}."


def _scale(table: dict[str, Any]) -> str:
    if table["scale"] == standings.SHIPPED:
        return "Elo on the scale of the ladder that ships"
    return f"Elo with {table['anchor']} at 0, on a scale of these games alone"


def _warnings(table: dict[str, Any]) -> Iterator[str]:
    for one in table["misfits"]:
        alone = [
            f"{found['rating']:.0f} ({found['low']:.0f} to {found['high']:.0f}) against {found['against']} alone"
            for found in one["alone"]
        ]
        yield f"No single rating fits {one['player']}: it has {_listed(alone)}."
    for a, b, c in table["cycles"]:
        yield f"No ladder can show this: {a} beats {b} beats {c} beats {a}."
    for row in table["players"]:
        if row["forfeits"]:
            yield f"{row['player']} forfeited {row['forfeits']} games."
    unrated = [row["player"] for row in table["players"] if row["rating"] is None]
    if unrated:
        whom = "anybody on the ladder that ships" if table["scale"] == standings.SHIPPED else table["anchor"]
        yield f"No games connect these with {whom}, so they have no rating: {', '.join(unrated)}."


def _listed(words: Sequence[str]) -> str:
    """`a`, `a and b` or `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _points(table: dict[str, Any], against: str) -> list[Point]:
    points = []
    for row in table["players"]:
        if row["rating"] is not None:
            path = policy_path(row["player"])
            rating = Rating(row["rating"], row["low"], row["high"])
            fact = row["facts"].get(against)  # of a file from anywhere
            known = type(fact) in (int, float) and 0 <= fact < 1e18
            line = str(path.parent) if path else ""
            points.append(Point(row["player"], rating, fact if known else None, line, tuple(row["against"] or ())))
    return points


def _progress() -> Progress:
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return progress(*columns)


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python -m chesspg.ladder", description=DESCRIPTION)
    add: Callable[..., Any] = parser.add_argument
    add("players", metavar="PLAYER", nargs="+", help="a player or a folder of policy files; at least "
        "two players in all, with --fixed at least one")  # fmt: skip
    add("--games", type=numbers.whole(0, numbers.GAMES), default=1000, metavar="N",
        help="games of each player, earlier ones included; a player that has "
        "them still meets those that have not (default: 1000; 0 plays none)")  # fmt: skip
    add(
        "--within",
        type=numbers.number(0, 10_000, above=True),
        default=40,
        metavar="ELO",
        help="stop at intervals of ± ELO (default: 40)",
    )
    scale: Callable[..., Any] = parser.add_mutually_exclusive_group().add_argument
    scale("--fixed", action="store_true", help="rate newcomers by their games against opponents chosen from "
        "the ladder that ships; --json then adds their rows to it")  # fmt: skip
    scale("--own-scale", action="store_true", help="rate all players by their own games alone, also those that are "
        "on the ladder that ships")  # fmt: skip
    add("--results", type=Path, metavar="FILE",
        help=f"where results are kept and added to (default: {runs.RUNS / 'ladder-GAME.json'})")  # fmt: skip
    add("--seed", type=numbers.seed, default=0, metavar="N", help="of openings and of all moves (default: 0)")
    add("--openings", help=f"each played twice: {FORMS} (default: an eighth of the squares, random:8 in chess)")
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
    add(
        "--json",
        type=Path,
        metavar="FILE",
        help="write the ladder there; a file that holds anything but a ladder is not replaced",
    )
    add(
        "--picture",
        type=Path,
        metavar="FILE",
        help="draw the ladder there, as SVG; a file that holds anything but such a picture is not replaced",
    )
    add("--against", choices=list(AXES), default="updates", help="the picture's other axis (default: updates)")
    return parser


if __name__ == "__main__":
    run(main)
