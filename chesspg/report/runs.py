"""What a run folder holds: its settings, its metrics as tables, whether it is still going, its sample games as PGN."""

from __future__ import annotations

import csv
import io
import math
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import chess.pgn

from chesspg.storage import parsing
from chesspg.storage.runs import CONFIG, GAMES, METRICS

CAPPED = "stopped at the ply cap"  # what a game is called that the rules did not end
POINTS = 400  # of a curve; more rows are averaged in groups, which no screen shows apart
CLOCKS = {"plies": "total_plies", "seconds": "total_seconds"}  # what curves run over, and the columns that count it
INDICES = ("step", "epoch", *CLOCKS.values())  # columns that are no curves

Metrics = Mapping[str, float]


@dataclass(frozen=True)
class Table:
    """Columns of metrics.csv that are filled in the same rows, such as all of an evaluation; thinned to POINTS."""

    clocks: dict[str, list[float]]  # by name of CLOCKS, [rows]; without those that the run does not log
    columns: dict[str, list[float]]  # by name, [rows]


@dataclass(frozen=True)
class Run:
    """A run folder as it stood when it was read."""

    folder: Path
    rows: list[Metrics]  # of metrics.csv: the numbers that are there and finite
    config: str  # config.yaml as it is; empty if there is none
    settings: dict[str, str]  # what it holds, with a dotted name for each field
    idle: float | None  # seconds since the last row; None without rows
    pace: float  # seconds per row, by the times of the files; 0 if these are no help

    @property
    def going(self) -> bool:
        """Whether rows came so lately that the next may be on its way: nothing in a folder says that it is done."""
        return self.idle is not None and self.idle < max(60, 3 * self.pace)

    @property
    def tables(self) -> list[Table]:
        filled: dict[str, list[int]] = {}
        for index, row in enumerate(self.rows):
            for name in row.keys() - INDICES:
                filled.setdefault(name, []).append(index)
        alike: dict[tuple[int, ...], list[str]] = {}
        for name in sorted(filled):
            alike.setdefault(tuple(filled[name]), []).append(name)
        clocks = {name: clock for name, column in CLOCKS.items() if (clock := self._clock(column))}
        return [
            Table(
                {clock: _thinned([times[i] for i in indices]) for clock, times in clocks.items()},
                {name: _thinned([self.rows[i][name] for i in indices]) for name in names},
            )
            for indices, names in alike.items()
        ]

    def latest(self, column: str) -> float | None:
        return next((row[column] for row in reversed(self.rows) if column in row), None)

    def _clock(self, column: str) -> list[float]:
        """[rows] what the column counts, which an evaluation before training leaves out; empty if no row has it."""
        if not any(column in row for row in self.rows):
            return []
        times = [0.0]
        for row in self.rows:
            times.append(row.get(column, times[-1]))
        return times[1:]


def is_run(folder: Path) -> bool:
    """Whether training wrote into a folder."""
    return (folder / METRICS).is_file() or (folder / CONFIG).is_file()


def read_run(folder: str | Path) -> Run:
    """The run in a folder that training wrote, be it done or not. Raises ValueError if it is none, or damaged."""
    folder = Path(folder)
    metrics, config = folder / METRICS, folder / CONFIG
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder; expected a run folder, such as training makes under checkpoints/")
    if not is_run(folder):
        raise ValueError(f"{folder} is not a run folder: it has neither {METRICS} nor {CONFIG}")
    try:
        rows = _read_rows(metrics.read_text(encoding="utf-8", errors="replace")) if metrics.is_file() else []
    except csv.Error as error:
        raise ValueError(f"{metrics} is damaged: {error}") from None
    tree = parsing.read_mapping(config) if config.is_file() else {}
    written, begun = (path.stat().st_mtime if path.is_file() else math.nan for path in (metrics, config))
    return Run(
        folder,
        rows,
        config.read_text(encoding="utf-8", errors="replace") if config.is_file() else "",
        dict(_flat(tree)) if tree else {},
        max(0.0, time.time() - written) if rows else None,
        max(0.0, written - begun) / len(rows) if rows and begun <= written else 0.0,
    )


def sample_games(folder: Path, limit: int) -> list[str]:
    """At most `limit` games of a run as PGN: of its last evaluations one won and one not won against each opponent,
    then of its last and its first rollout.
    """
    evaluations: dict[str, Path] = {}  # of each opponent the last
    for path in sorted((folder / GAMES).glob("against-*.pgn")):
        evaluations[path.stem.rpartition("-")[0]] = path
    rollouts = sorted((folder / GAMES).glob("rollout-*.pgn"))
    chosen = [game for path in evaluations.values() for game in _won_and_not(_split(path))]
    own = [game for path in dict.fromkeys(rollouts[-1:] + rollouts[:1]) for game in _split(path)[:1]]
    return (chosen[: max(0, limit - len(own))] + own)[:limit]


def headers_of(pgn: str) -> Mapping[str, str]:
    return chess.pgn.read_headers(io.StringIO(pgn)) or {}


def moves_of(pgn: str) -> list[str]:
    """The moves in a PGN that to_pgn wrote, of whatever game."""
    return own_moves(pgn.rpartition("]\n")[2])


def own_moves(text: str) -> list[str]:
    """The words of a game's text that are neither numbers of moves nor results."""
    return [word for word in text.split() if not re.fullmatch(r"\d+\.+|1-0|0-1|1/2-1/2|\*", word)]


def _won_and_not(games: list[str]) -> Iterator[str]:
    """The first game that the policy won and the first that it did not."""
    by_success: dict[bool, str] = {}
    for game in games:
        headers = headers_of(game)
        won = "1-0" if headers.get("White") == "policy" else "0-1"
        by_success.setdefault(headers.get("Result") == won, game)
    yield from (by_success[won] for won in (True, False) if won in by_success)


def _split(path: Path) -> list[str]:
    """The games of a file that to_pgn wrote, one text each."""
    text = path.read_text(encoding="utf-8", errors="replace")
    return [f"[Event {part}" for part in ("\n" + text).split("\n[Event ")[1:]]


def _read_rows(text: str) -> list[Metrics]:
    """The rows with the numbers that are there and finite. A last line without its end is still being written."""
    whole = text[: text.rfind("\n") + 1]
    rows: list[Metrics] = []
    for cells in csv.DictReader(io.StringIO(whole)):
        row = {name: number for name, cell in cells.items() if name and (number := _number(cell)) is not None}
        if row:
            rows.append(row)
    return rows


def _number(cell: Any) -> float | None:
    try:
        number = float(cell)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _thinned(values: list[float]) -> list[float]:
    """At most POINTS values: the means of neighbours, as many each."""
    size = math.ceil(len(values) / POINTS)
    groups = (values[i : i + size] for i in range(0, len(values), size)) if values else ()
    return [sum(group) / len(group) for group in groups]


def _flat(tree: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """(dotted name, value as text) of each leaf of a YAML tree."""
    if isinstance(tree, dict) and tree:
        for key, branch in tree.items():
            yield from _flat(branch, f"{name}.{key}".lstrip("."))
    elif isinstance(tree, list) and any(isinstance(branch, dict | list) for branch in tree):
        for index, branch in enumerate(tree):
            yield from _flat(branch, f"{name}.{index}".lstrip("."))
    else:
        yield name, ", ".join(map(str, tree)) if isinstance(tree, list) else str(tree)
