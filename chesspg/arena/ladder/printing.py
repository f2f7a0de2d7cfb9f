"""Print a ladder: its table, its crosstable and an explanation of the numbers."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from chesspg.arena.ladder.model import INTERVAL
from chesspg.arena.ladder.standings import SHIPPED, scale_name
from chesspg.terminal.command import listed, wrapped

CROSS = 16  # most players of a crosstable; a larger one is too wide for a terminal, and the JSON has all results
GAP = 2  # spaces between two columns of a table


def print_ladder(
    console: Console,
    table: dict[str, Any],
    asked: Collection[str],
    within: float,
    note: str = "",
    warnings: Sequence[str] = (),
) -> None:
    """Print a ladder.

    Args:
        console: The console to print on.
        table: The ladder, from `standings.standings` or `newcomers.standings`.
        asked: The players on the command line, whose opponents are listed.
        within: Half the width in Elo of an interval that is narrow enough.
        note: Why the ladder that ships can't be used; empty if it can.
        warnings: More lines to print.
    """
    players = table["players"]
    console.print(_players_table(players, console.width))
    _print_crosstable(console, table)
    console.print()
    ranks = {row["player"]: str(rank) for rank, row in enumerate(players, 1)}

    def show(line: str, style: str = "") -> None:
        console.print(Text(wrapped(line, console.width) if console.is_terminal else line, style), soft_wrap=True)

    for line in _explanations(table, asked, note, ranks):
        show(line)
    for line in [*warnings, *_warnings(table)]:
        show(line, "yellow")
    rated = [row for row in players if row["rating"] is not None and row["player"] in asked and row["against"]]
    wide = [ranks[row["player"]] for row in rated if row["high"] - row["low"] > 2 * within]
    if wide:
        show(f"wider than ± {within:g}: {listed(wide)}; more --games may narrow these intervals", "dim")


def _players_table(players: Sequence[dict[str, Any]], width: int) -> Table:
    """The table with a row for each player; long names are wrapped so that numbers need not be."""
    titles = ("", "player", "Elo", "95% interval", "games", "score", "drawn")
    shown = Table(box=None, pad_edge=False)
    for title in titles:
        if title == "player":
            shown.add_column(title, overflow="fold")
        else:
            shown.add_column(title, justify="right", no_wrap=True)
    lines = []
    for rank, row in enumerate(players, 1):
        known = row["rating"] is not None
        interval = f"{row['low']:.0f} to {row['high']:.0f}" if known and row["high"] > row["low"] else ""
        share = f"{row['draws'] / row['games']:.0%}" if row["games"] else ""
        score = f"{row['score']:.1%}" if row["games"] else ""
        elo = f"{row['rating']:.0f}" if known else "?"
        lines.append((str(rank), row["player"], elo, interval, str(row["games"]), score, share))
    columns = zip(titles, *lines, strict=True)
    others = [max(map(len, column)) + GAP for column in columns if column[0] != "player"]
    for number, player, *figures in lines:
        shown.add_row(number, Text(_broken(player, width - sum(others))), *figures)
    return shown


def _broken(name: str, width: int) -> str:
    """The name of a player in lines of at most `width` columns, broken after slashes and the separators of options."""
    lines = [""]
    for part in re.findall(r"[^/?&]*[/?&]?", name):
        if lines[-1] and len(lines[-1]) + len(part) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def _print_crosstable(console: Console, table: dict[str, Any]) -> None:
    """Print the scores between players if they fit the console, with the numbers of games if these fit too."""
    players = table["players"]
    lines = _points_and_games(table)
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

    if not (table["meetings"] or unlisted) or len(players) > CROSS:
        return
    games = fits(shown(True))
    if not fits(shown(games)):
        return
    note = " (others: earlier games against players who are not listed)" if unlisted else ""
    console.print(f"\nscore of the row in %{' / number of games' * games}{note}:")
    cross = Table(box=None, pad_edge=False)
    for title in titles:
        cross.add_column(title, justify="right", no_wrap=True)
    for texts in shown(games):
        cross.add_row(*texts)
    console.print(cross)


def _points_and_games(table: dict[str, Any]) -> list[list[tuple[float, int]]]:
    """The points and games of each player against every player, and in a last cell against players not in the table."""
    met: dict[tuple[str, str], tuple[float, int]] = {}
    for row in table["meetings"]:
        points = row["wins"] + row["draws"] / 2
        met[row["a"], row["b"]] = points, row["games"]
        met[row["b"], row["a"]] = row["games"] - points, row["games"]
    lines = []
    for row in table["players"]:
        cells = [met.get((row["player"], column["player"]), (0.0, 0)) for column in table["players"]]
        points, games = row["wins"] + row["draws"] / 2, row["games"]
        # The rows of players on the ladder that ships do not count their games with newcomers.
        rest = max(games - sum(games for _, games in cells), 0)
        lines.append([*cells, (points - sum(points for points, _ in cells), rest)])
    return lines


def _explanations(table: dict[str, Any], asked: Collection[str], note: str, ranks: Mapping[str, str]) -> Iterator[str]:
    """Explain the numbers: their scale, the meaning of an interval, and the opponents of each player.

    Args:
        table: The ladder.
        asked: The players on the command line.
        note: Why the ladder that ships can't be used; empty if it can.
        ranks: The number of each player in the table; players without one are called by name.

    Yields:
        Lines of text.
    """
    rows = [row for row in table["players"] if row["player"] in asked]
    kept = [row["player"] for row in rows if row["against"] is None]
    stay = f", where {listed(kept)} keep{'s its rating' if len(kept) == 1 else ' their ratings'}" if kept else ""
    yield f"{scale_name(table)}{stay or (f' ({note})' if note else '')}."
    yield INTERVAL
    if len(kept) == len(rows):
        yield "All of these players are on that ladder; --own-scale rates them by their games here."
    for row in rows:
        if row["against"] and row["rating"] is not None and row["player"] != table["anchor"]:
            met = list(row["against"].items())
            games = [f"{ranks.get(name, name)} ({count:,}{' games' * (not k)})" for k, (name, count) in enumerate(met)]
            yield f"{ranks[row['player']]} was rated against {listed(games)}."
    unlisted = dict.fromkeys(name for row in rows for name in row["against"] or () if name not in ranks)
    if unlisted:
        yield f"Earlier games against players who are not listed count too: {listed(list(unlisted))}."


def _warnings(table: dict[str, Any]) -> Iterator[str]:
    """Lines about what a ladder can't express: misfits, cycles, forfeits and players without a rating."""
    for one in table["misfits"]:
        alone = [
            f"{found['rating']:.0f} ({found['low']:.0f} to {found['high']:.0f}) against {found['against']} alone"
            for found in one["alone"]
        ]
        yield f"No single rating fits {one['player']}: it has {listed(alone)}."
    for a, b, c in table["cycles"]:
        yield f"Ratings can't express that {a} beats {b}, {b} beats {c} and {c} beats {a}."
    for row in table["players"]:
        if row["forfeits"]:
            yield f"{row['player']} forfeited {row['forfeits']} games."
    unrated = [row["player"] for row in table["players"] if row["rating"] is None]
    if unrated:
        whom = "a player on the ladder that ships" if table["scale"] == SHIPPED else table["anchor"]
        yield f"These players have no rating, since no games connect them with {whom}: {', '.join(unrated)}."
