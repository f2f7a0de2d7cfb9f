"""`python -m chesspg.ladder PLAYER…`: players meet where it tells most, and stand on one scale of Elo, random at 0."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from chesspg.arena import roster
from chesspg.arena.commands import Parser, check_writable, one_line_errors, polite_interrupt
from chesspg.arena.ladder.book import Book, Entry, entry, expand, policy_path
from chesspg.arena.ladder.picture import AXES, Point, svg
from chesspg.arena.ladder.rating import ANCHOR, Meeting, Rating, components, cycles, next_pairing, rate
from chesspg.arena.matches import Unplayable, play_in_parts
from chesspg.arena.openings import FORMS, default_plies, openings_from_string
from chesspg.arena.progress import progress
from chesspg.policy.files import write_atomically

DESCRIPTION = f"""\
Rate players on one scale of Elo. The two whose games narrow the intervals most meet next, a few paired games at a
time, until every 95 % interval is narrow enough or the games are used up. Results are kept in one file: Ctrl-C loses
no more than the games in progress, the same command goes on, and a new player plays only what is missing.

A player is one of: {roster.KNOWN};
or a folder, which stands for all policy files in it and below. A policy file is known by its content.
The scale begins at `random` if it has played, else at the first player.
"""
CHUNK = 40  # games played in one go: enough for a batch, few enough to lose
COUNTS = ("games", "wins", "draws", "losses", "truncated", "forfeits")  # the last: games that A gave up
WIDTH = 120  # of what is printed into a file or pipe
CROSS = 16  # players; a wider crosstable fits no terminal, the JSON has it


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    with one_line_errors():
        if given.games < 0:
            raise ValueError(f"--games {given.games}; 0, to see what is known, or more would do")
        if not given.within > 0:
            raise ValueError(f"--within {given.within:g}; a number of Elo above 0 would do")
        if given.concurrency < 1:
            raise ValueError(f"--concurrency {given.concurrency}; 1 or more would do")
        texts = expand(given.players)
        game = roster.game_of(texts)
        given.results.parent.mkdir(parents=True, exist_ok=True)
        for path in (given.results, given.json, given.picture):
            if path:
                check_writable(path)
        openings = given.openings or f"random:{default_plies(game)}"
        openings_from_string(openings, game, CHUNK // 2, given.seed)
        book = Book(given.results, game, {"openings": openings, "max_plies": given.max_plies})
    kept = f"interrupted: {given.results} keeps what was played; the same command goes on"
    with polite_interrupt(kept), ExitStack() as stack:
        with one_line_errors():
            players = stack.enter_context(roster.players(texts, game, concurrency=given.concurrency))
            entries = [entry(text, player) for text, player in zip(texts, players, strict=True)]
        by_key = {one.key: (one, player) for one, player in zip(entries, players, strict=True)}
        bar = stack.enter_context(_progress())
        task = bar.add_task("", total=None)
        with one_line_errors(Unplayable):
            while (meeting := choose(book, entries, given.games, given.within)) is not None:
                a, b, count = meeting
                (first, one), (second, other) = by_key[a], by_key[b]
                told = f"{first.player} – {second.player}"
                bar.reset(task, total=count, description=told, start=True)
                seed = book.seed(given.seed, a, b)
                some = openings_from_string(openings, game, count // 2, seed)
                (result,) = play_in_parts(
                    game, one, other, some, seed=seed, max_plies=given.max_plies,
                    on_ply=lambda done, plies: bar.update(task, completed=done),
                )  # fmt: skip
                book.add(first, second, seed, result)
    table = standings(book, entries)
    with one_line_errors():
        if given.json:
            _save(given.json, json.dumps(table | {"seed": given.seed}, indent=1, ensure_ascii=False) + "\n")
        if given.picture:
            _save(given.picture, svg(_points(table, given.against), given.against))
    report(Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH), table, given.within)
    return 0


def choose(book: Book, entries: Sequence[Entry], games: int, within: float) -> tuple[str, str, int] | None:
    """The keys of the two who meet next, and for how many games; None if all intervals are narrow or no games left."""
    keys = [one.key for one in entries]
    left = {key: games - book.games(key) for key in keys}
    tired = {key for key in keys if left[key] < 2}
    meetings = book.meetings()
    anchor = _anchor(meetings, keys)
    target = within
    # Planning takes intervals for symmetric; those that are told are not, and may be a little wider.
    while (found := next_pairing(meetings, keys, CHUNK, within=target, tired=tired, anchor=anchor)) is None:
        rated = rate(meetings, anchor, keys)
        narrow = all(key in rated and rated[key].high - rated[key].low <= 2 * within for key in keys)
        if narrow or len(tired) == len(keys) or target < within / 4:
            return None
        target *= 0.97
    return (*found, min(CHUNK, max(left[found[0]], left[found[1]])) // 2 * 2)


def standings(book: Book, entries: Sequence[Entry]) -> dict[str, Any]:
    """Everything there is to tell about these players, for JSON: the highest first, the unrated last."""
    names = {one.key: one.player for one in entries}
    met = book.meetings()
    meetings = [meeting for meeting in met if meeting.a in names and meeting.b in names]
    anchor = _anchor(met, list(names))
    rated = rate(met, anchor, names)  # others in the book connect them too
    rows, crossed = [], []
    for one in sorted(entries, key=lambda one: -rated[one.key].rating if one.key in rated else float("inf")):
        mine = [_record(book, one.key, other) for other in book.entries if other != one.key]
        record = {name: sum(row[name] for row in mine) for name in COUNTS}
        rating = rated[one.key]._asdict() if one.key in rated else dict.fromkeys(Rating._fields)
        rows.append({"player": one.player, **rating, **record, "score": _score(record), "facts": one.facts})
    for meeting in meetings:
        record = _record(book, meeting.a, meeting.b)
        distinct = round(meeting.distinct * record["games"])
        told = {"a": names[meeting.a], "b": names[meeting.b], "score": _score(record)}
        crossed.append(told | record | {"distinct_games": distinct})
    return {
        "game": book.game,
        "conditions": book.conditions,
        "anchor": book.entries[anchor].player if anchor in book.entries else names[anchor],
        "players": rows,
        "meetings": crossed,
        "cycles": [[names[key] for key in cycle] for cycle in cycles(meetings)],
    }


def report(console: Console, table: dict[str, Any], within: float) -> None:
    """Print a ladder."""
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
    wide = [row["player"] for row in players if row["rating"] is not None and row["high"] - row["low"] > 2 * within]
    if wide:
        told = f"wider than ± {within:g}, more --games would narrow them: {', '.join(wide)}"
        console.print(Text(told, style="dim"), soft_wrap=True)


def _anchor(meetings: Sequence[Meeting], keys: Sequence[str]) -> str:
    """`random` if it is one of these or earlier games connect it with one, else the first."""
    return ANCHOR if set(components(meetings, [ANCHOR, *keys])[0]) & set(keys) else keys[0]


def _record(book: Book, a: str, b: str) -> dict[str, int]:
    """What came of all games of A against B."""
    record = dict.fromkeys(COUNTS, 0)
    for chunk in book.chunks:
        if {chunk.a, chunk.b} == {a, b}:
            won, lost = (chunk.wins, chunk.losses) if chunk.a == a else (chunk.losses, chunk.wins)
            gave_up = chunk.forfeits[chunk.a != a]
            for name, count in zip(
                COUNTS, (chunk.games, won, chunk.draws, lost, chunk.truncated, gave_up), strict=True
            ):
                record[name] += count
    return record


def _score(record: dict[str, int]) -> float | None:
    return (record["wins"] + record["draws"] / 2) / record["games"] if record["games"] else None


def _points(table: dict[str, Any], against: str) -> list[Point]:
    points = []
    for row in table["players"]:
        if row["rating"] is not None:
            path = policy_path(row["player"])
            rating = Rating(row["rating"], row["low"], row["high"])
            points.append(Point(row["player"], rating, row["facts"].get(against), str(path.parent) if path else ""))
    return points


def _save(path: Path, text: str) -> None:
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def _progress() -> Progress:
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return progress(*columns)


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python -m chesspg.ladder", description=DESCRIPTION, formatter_class=argparse.RawTextHelpFormatter)
    add: Callable[..., Any] = parser.add_argument
    add("players", metavar="PLAYER", nargs="+", help="a player or a folder of policy files; two players or more in all")
    add("--games", type=int, default=1000, metavar="N", help="that each player gets, earlier ones included;\n"
        "who has them still meets who has not (default: 1000; 0 shows what is known)")  # fmt: skip
    add("--within", type=float, default=40, metavar="ELO", help="stop at intervals of ± ELO (default: 40)")
    add("--results", type=Path, default=roster.RUNS / "ladder.json", metavar="FILE",
        help=f"where results are kept and added to (default: {roster.RUNS / 'ladder.json'})")  # fmt: skip
    add("--seed", type=int, default=0, help="of openings and of all moves (default: 0)")
    add("--openings", help=f"each played twice: {FORMS}\n(default: an eighth of the squares, random:8 in chess)")
    add("--max-plies", type=int, metavar="P", help="stop longer games and count them as draws (default: never)")
    add("--concurrency", type=int, default=1, metavar="N", help="processes of each engine (default: 1)")
    add("--json", type=Path, metavar="FILE", help="write the ladder there")
    add("--picture", type=Path, metavar="FILE", help="draw the ladder there, as SVG")
    add("--against", choices=list(AXES), default="updates", help="the picture's other axis (default: updates)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
