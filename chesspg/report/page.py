"""Runs and games as one self-contained HTML page: page.html with the data of the runs and games inserted."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from chess.svg import PIECES

from chesspg.games.game import Game
from chesspg.pgn.writing import players_of
from chesspg.policy import files
from chesspg.policy.policy import Policy
from chesspg.report.collection import Collection
from chesspg.report.runs import CAPPED, CLOCKS, Run, sample_games
from chesspg.report.samples import Sample, read_sample
from chesspg.storage import atomic
from chesspg.terminal.board import LAST, parse_board, stone_colors

TEMPLATE = Path(__file__).with_name("page.html")
COUNTED = (
    "epoch",
    "total_games",
    "total_plies",
    "total_seconds",
)  # columns whose last value is shown on the card of a run
GAMES = 24  # most sample games on a page, of all runs together


def write_page(path: str | Path, runs: Sequence[Run], collections: Sequence[Collection] = ()) -> None:
    """Write a page atomically, replacing an earlier one.

    Args:
        path: The file.
        runs: Runs to show.
        collections: Files of games to show.

    Raises:
        OSError: The file can't be written.
    """
    html = page(runs, collections)
    atomic.write_text(path, html)


def page(runs: Sequence[Run], collections: Sequence[Collection] = ()) -> str:
    """Make a page.

    Everything that comes from folders and files is in one block of JSON, which the script of the page inserts as text,
    never as HTML.

    Args:
        runs: Runs to show.
        collections: Files of games to show.

    Returns:
        The page as HTML.
    """
    # Only this character can begin the end tag of a script element.
    data = json.dumps(_data(runs, collections), separators=(",", ":")).replace("<", "\\u003c")
    html = TEMPLATE.read_text(encoding="utf-8").replace("{{pieces}}", _pieces())
    [script] = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return html.replace("{{script}}", digest).replace("{{data}}", data)


def _data(runs: Sequence[Run], collections: Sequence[Collection]) -> dict[str, Any]:
    names = _names([*(run.folder for run in runs), *(one.path for one in collections)])
    settings = [run.settings for run in runs]
    fields = dict.fromkeys(field for one in settings for field in one)
    different = [field for field in fields if len({one.get(field) for one in settings}) > 1]
    described = [_run(run, max(2, GAMES // len(runs))) for run in runs] + [_collection(one) for one in collections]
    return {
        "made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "runs": [{"name": name, **facts} for name, (facts, _) in zip(names, described, strict=True)],
        "settings": {field: [one.get(field) for one in settings] for field in different},
        "games": [{"run": index, **game} for index, (_, games) in enumerate(described) for game in games],
    }


def _run(run: Run, limit: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The card of a run and its sample games, as JSON values."""
    notes: list[str] = []
    games: list[dict[str, Any]] = []
    facts: dict[str, Any] = {"game": "", "seats": ("the first player", "the second player"), "network": ""}
    if run.in_progress:
        notes.append(
            f"in progress, or stopped a moment ago: the last row was written {run.idle:.0f} s before this page was made"
        )
    if not run.rows:
        notes.append("nothing logged yet")
    elif not any(name.startswith(("score/", "rating")) for row in run.rows for name in row):
        notes.append("no evaluations yet")
    unlogged = [name for name, column in CLOCKS.items() if not run.latest(column)] if run.rows else []
    if unlogged:
        notes.append(f"its metrics do not count {' or '.join(unlogged)}, so it is left out of curves over them")
    try:
        policy = files.load(run.folder)
    except ValueError as error:
        notes.append(f"no sample games: {error}")
    else:
        size = sum(parameter.numel() for parameter in policy.parameters())
        network = f"{type(policy.network).__name__} of {size:,} parameters"
        facts = {"game": policy.game.name, "seats": policy.game.seats, "network": network}
        games, unread = _games(run.folder, policy, limit)
        if unread:
            notes.append(f"{unread} sample games are left out because their moves can't be read")
    tables = [
        {
            "clocks": {name: _short(column) for name, column in table.clocks.items()},
            "columns": {name: _short(_bounded(name, column)) for name, column in table.columns.items()},
        }
        for table in run.tables
    ]
    last = {name: value for name in COUNTED if (value := run.latest(name)) is not None}
    return {**facts, "notes": notes, "last": last, "tables": tables, "config": run.config}, games


def _collection(one: Collection) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The card of a file of games and the games, as JSON values."""
    facts = {
        "game": one.game.name,
        "seats": one.game.seats,
        "policy": one.policy,
        "network": one.network,
        "shown": one.share,
        "notes": one.skipped,
        "last": {},
        "tables": [],
        "config": "",
    }
    return facts, [{**shown.tags, **_sample(shown.sample, one.game)} for shown in one.games]


def _games(folder: Path, policy: Policy, limit: int) -> tuple[list[dict[str, Any]], int]:
    """The sample games of a run as JSON values, and the number of games that could not be read."""
    games, unread = [], 0
    for one in sample_games(folder, limit):
        headers = one.headers
        try:
            sample = read_sample(headers.get("FEN", ""), one.moves, policy)
        except ValueError:
            unread += 1
            continue
        tags = {
            name.lower(): value
            for name in ("Event", "Result", "Termination")
            if (value := headers.get(name, "?")) != "?"
        }
        if (players := players_of(headers)) != ("?", "?"):
            tags["players"] = " – ".join(players)
        if tags.get("termination") in ("unterminated", "truncated"):
            tags["termination"] = CAPPED
        games.append({**tags, **_sample(sample, policy.game)})
    return games, unread


def _bounded(column: str, numbers: list[float]) -> list[float]:
    """The values of a column; the bounds of a score are limited to [0, 1]."""
    if not column.startswith(("score_low/", "score_high/")):
        return numbers
    return [min(1.0, max(0.0, number)) for number in numbers]


def _sample(sample: Sample, game: Game) -> dict[str, Any]:
    """A sample as JSON values: positions as changes from the position before, probabilities in per mille."""
    likely = [[[one.name, round(1000 * one.probability), *(one.squares or ())] for one in ply] for ply in sample.likely]
    return {
        "mover": sample.mover,
        "number": sample.number,
        "names": sample.names,
        **_boards(sample.boards, game),
        "likely": likely,
        "chances": [round(1000 * chance) for chance in sample.chances],
        "values": [round(value, 2) for value in sample.values],
        "keys": sample.keys,
    }


def _boards(boards: Sequence[str], game: Game) -> dict[str, Any]:
    """The positions of a game as JSON values: the pieces of chess, the cells of `draw_board`, or texts."""
    if game.notation:
        return {"board": boards[0], "changes": [_changes(*pair) for pair in pairwise(boards)]}
    drawn = [parse_board(text, game.board) for text in boards]
    read = [one for one in drawn if one is not None]
    if len(read) < len(drawn):
        return {"texts": boards}
    first, cells = read[0], [[cell for row in one.rows for cell in row.cells] for one in read]
    colors, discs = stone_colors(game.seats)
    grid = {
        "labels": [row.label for row in first.rows],
        "files": first.files,
        "on_top": first.letters_on_top,
        "sides": first.sides,
        "colors": colors,
        "discs": discs,
    }
    return {
        "grid": grid,
        "board": "".join(cell.piece for cell in cells[0]),
        "changes": [[f"{i} {b.piece}" for i, (a, b) in enumerate(zip(*pair, strict=True)) if a.piece != b.piece]
                    for pair in pairwise(cells)],
        "marks": [[i for i, cell in enumerate(one) if cell.mark == LAST] for one in cells],
    }  # fmt: skip


def _changes(before: str, after: str) -> str:
    """The squares that changed, with three characters per square: its number and its new content, as in `12.28P`."""
    return "".join(f"{i:02}{b}" for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b)


def _names(folders: Sequence[Path]) -> list[str]:
    """The names of runs and files on the page: that of the folder or file, or its path if several have that name."""
    names = [folder.resolve().name for folder in folders]
    return [name if names.count(name) == 1 else str(folder) for name, folder in zip(names, folders, strict=True)]


def _pieces() -> str:
    """The drawings of the pieces as SVG symbols, which the page uses by letter."""
    drawings = [(letter, re.sub(r' (id|class)="[^"]*"', "", drawing)) for letter, drawing in PIECES.items()]
    return "".join(
        f'<symbol id="piece-{letter}" viewBox="0 0 45 45">{drawing}</symbol>' for letter, drawing in drawings
    )


def _short(numbers: list[float]) -> list[float]:
    """The numbers with five significant digits, the most that a screen can show."""
    rounded = (float(f"{number:.5g}") for number in numbers)
    return [int(number) if number.is_integer() else number for number in rounded]
