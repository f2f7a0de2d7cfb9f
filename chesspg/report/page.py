"""Runs and games as one HTML page that needs nothing else: page.html with their figures and games written into it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chess.svg import PIECES

from chesspg.policy import files
from chesspg.policy.policy import Policy
from chesspg.report.collection import Collection
from chesspg.report.runs import CAPPED, CLOCKS, Run, headers_of, moves_of, sample_games
from chesspg.report.samples import Sample, read_sample
from chesspg.storage import atomic

TEMPLATE = Path(__file__).with_name("page.html")
LAST = ("epoch", "total_games", "total_plies", "total_seconds")  # columns of which a run's card has the last value
GAMES = 24  # sample games on a page, shared by its runs


def write_page(path: str | Path, runs: Sequence[Run], collections: Sequence[Collection] = ()) -> None:
    """Write the page of these runs and games in one step, over what is there. Raises OSError if it can't be written."""
    html = page(runs, collections)
    atomic.write_text(path, html)


def page(runs: Sequence[Run], collections: Sequence[Collection] = ()) -> str:
    """The page of these runs and of the games of these files.

    What comes out of folders and files is in one block of JSON, which the page's script shows as text, never as HTML.
    """
    # Within a script element only this character could begin what ends it.
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
    """What the page says of a run, and its sample games."""
    notes: list[str] = []
    games: list[dict[str, Any]] = []
    facts: dict[str, Any] = {"game": "", "network": ""}
    if run.going:
        notes.append(
            f"still going, or stopped a moment ago: its last row came {run.idle:.0f} s before this page was made"
        )
    if not run.rows:
        notes.append("nothing logged yet")
    elif not any(name.startswith(("score/", "rating")) for row in run.rows for name in row):
        notes.append("no evaluations yet")
    unlogged = [name for name, column in CLOCKS.items() if not run.latest(column)] if run.rows else []
    if unlogged:
        notes.append(f"its metrics count no {' and no '.join(unlogged)}: it is left out of curves over them")
    try:
        policy = files.load(run.folder)
    except ValueError as error:
        notes.append(f"no sample games: {error}")
    else:
        size = sum(parameter.numel() for parameter in policy.parameters())
        facts = {"game": policy.game.name, "network": f"{type(policy.network).__name__} of {size:,} parameters"}
        games, unread = _games(run.folder, policy, limit)
        if unread:
            notes.append(f"{unread} sample games left out: their moves can't be read")
    tables = [
        {
            "clocks": {name: _short(column) for name, column in table.clocks.items()},
            "columns": {name: _short(_bounded(name, column)) for name, column in table.columns.items()},
        }
        for table in run.tables
    ]
    last = {name: value for name in LAST if (value := run.latest(name)) is not None}
    return {**facts, "notes": notes, "last": last, "tables": tables, "config": run.config}, games


def _collection(one: Collection) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What the page says of a file of games, and the games."""
    facts = {
        "game": one.game.name,
        "policy": one.policy,
        "network": one.network,
        "shown": one.share,
        "notes": one.skipped,
        "last": {},
        "tables": [],
        "config": "",
    }
    return facts, [{**shown.tags, **_sample(shown.sample)} for shown in one.games]


def _games(folder: Path, policy: Policy, limit: int) -> tuple[list[dict[str, Any]], int]:
    """The sample games of a run, and how many more could not be read."""
    games, unread = [], 0
    for pgn in sample_games(folder, limit):
        headers = headers_of(pgn)
        try:
            sample = read_sample(headers.get("FEN", ""), moves_of(pgn), policy)
        except ValueError:
            unread += 1
            continue
        tags = {
            name.lower(): value
            for name in ("Event", "Result", "Termination")
            if (value := headers.get(name, "?")) != "?"
        }
        if (players := [headers.get(seat, "?") for seat in ("White", "Black")]) != ["?", "?"]:
            tags["players"] = " – ".join(players)
        if tags.get("termination") in ("unterminated", "truncated"):
            tags["termination"] = CAPPED
        games.append({**tags, **_sample(sample)})
    return games, unread


def _bounded(column: str, numbers: list[float]) -> list[float]:
    """The bounds of a score within [0, 1], which no score leaves."""
    if not column.startswith(("score_low/", "score_high/")):
        return numbers
    return [min(1.0, max(0.0, number)) for number in numbers]


def _sample(sample: Sample) -> dict[str, Any]:
    """A sample as the page reads it: positions as what changes from one to the next, probabilities in per mille."""
    on_board = any(one.squares for one in sample.likely[0])
    boards = [_changes(*pair) for pair in zip(sample.boards, sample.boards[1:], strict=False)]
    likely = [[[one.name, round(1000 * one.probability), *(one.squares or ())] for one in ply] for ply in sample.likely]
    return {
        "mover": sample.mover,
        "number": sample.number,
        "names": sample.names,
        "board": sample.boards[0] if on_board else None,
        "changes": boards if on_board else None,
        "texts": None if on_board else sample.boards,
        "likely": likely,
        "chances": [round(1000 * chance) for chance in sample.chances],
        "values": [round(value, 2) for value in sample.values],
        "keys": sample.keys,
    }


def _changes(before: str, after: str) -> str:
    """What differs, three characters a square: its number and what stands there, as in `12.28P`."""
    return "".join(f"{i:02}{b}" for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b)


def _names(folders: Sequence[Path]) -> list[str]:
    """What runs and files are called: by their own names, or by whole paths where those are the same."""
    names = [folder.resolve().name for folder in folders]
    return [name if names.count(name) == 1 else str(folder) for name, folder in zip(names, folders, strict=True)]


def _pieces() -> str:
    """The drawings of the pieces, each once, to be used by letter."""
    drawings = [(letter, re.sub(r' (id|class)="[^"]*"', "", drawing)) for letter, drawing in PIECES.items()]
    return "".join(
        f'<symbol id="piece-{letter}" viewBox="0 0 45 45">{drawing}</symbol>' for letter, drawing in drawings
    )


def _short(numbers: list[float]) -> list[float]:
    """Five digits each, which no screen shows more of."""
    rounded = (float(f"{number:.5g}") for number in numbers)
    return [int(number) if number.is_integer() else number for number in rounded]
