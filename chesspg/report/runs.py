"""Read a run folder: its settings, its metrics as tables, whether it is in progress, and its sample games."""

from __future__ import annotations

import csv
import io
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chesspg.pgn.own_games import Recorded, recorded
from chesspg.pgn.writing import players_of
from chesspg.storage import parsing
from chesspg.storage.run_folder import CONFIG, GAMES, METRICS, check_no_link

CAPPED = "stopped at the ply cap"  # the termination of a game that the rules did not end
POINTS = 400  # most points of a curve; more rows are averaged in groups, as a screen can't show them all
CLOCKS = {
    "plies": "total_plies",
    "seconds": "total_seconds",
}  # horizontal axes of the curves, and the columns that count them
MOST_METRICS = 1 << 28  # bytes of metrics.csv; a rollout has less than a thousand
MOST_GAMES = 1 << 24  # bytes of a file with sample games
INDICES = ("step", "epoch", *CLOCKS.values())  # columns that are not drawn as curves

Metrics = Mapping[str, float]


@dataclass(frozen=True)
class Table:
    """Columns of metrics.csv that have values in the same rows, such as those of an evaluation; at most POINTS rows."""

    clocks: dict[str, list[float]]  # name in CLOCKS -> [rows]; without those that the run does not log
    columns: dict[str, list[float]]  # name -> [rows]


@dataclass(frozen=True)
class Run:
    """The content of a run folder when it was read."""

    folder: Path
    rows: list[Metrics]  # rows of metrics.csv, with the finite numbers in them
    config: str  # text of config.yaml; empty if there is none
    settings: dict[str, str]  # dotted name of each field in config.yaml -> value
    idle: float | None  # seconds since the last row was written; None if there are no rows
    pace: float  # seconds per row; 0 if unknown

    @property
    def in_progress(self) -> bool:
        """Whether the last row is so recent that another may follow; no file says that a run has ended."""
        return self.idle is not None and self.idle < max(60, 3 * self.pace)

    @property
    def tables(self) -> list[Table]:
        """The metrics, with a table per set of columns that have values in the same rows."""
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
        """The last value of a column; None if it has none."""
        return next((row[column] for row in reversed(self.rows) if column in row), None)

    def _clock(self, column: str) -> list[float]:
        """shape [rows] a counting column, with gaps filled by the value before, 0 at first; empty if no row has it."""
        if not any(column in row for row in self.rows):
            return []
        times = [0.0]
        for row in self.rows:
            times.append(row.get(column, times[-1]))
        return times[1:]


def is_run(folder: Path) -> bool:
    """Return whether a folder is a run folder."""
    return (folder / METRICS).is_file() or (folder / CONFIG).is_file()


def read_run(folder: str | Path) -> Run:
    """Read a run folder, whether the run has ended or not.

    Args:
        folder: The folder.

    Returns:
        The run.

    Raises:
        OSError: A file can't be read.
        ValueError: The folder is not a run folder, or a file in it is damaged.
    """
    folder = Path(folder)
    metrics, config = folder / METRICS, folder / CONFIG
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder; expected a run folder, such as those in checkpoints/")
    if not is_run(folder):
        raise ValueError(f"{folder} is not a run folder; expected a folder with {METRICS} or {CONFIG} in it")
    for path in (config, metrics):
        check_no_link(path)
    if metrics.is_file() and metrics.stat().st_size > MOST_METRICS:
        raise ValueError(f"{metrics} must have at most {MOST_METRICS:,} bytes, got {metrics.stat().st_size:,}")
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
        max(_pace(rows), (written - begun) / len(rows) if rows and begun <= written else 0.0),
    )


def sample_games(folder: Path, limit: int) -> list[Recorded]:
    """Choose sample games of a run.

    They are one game that was won and one that was not from the last evaluation against each opponent, then a game of
    the last rollout and a game of the first.

    Args:
        folder: The run folder.
        limit: Greatest number of games.

    Returns:
        The games.
    """
    evaluations: dict[str, Path] = {}  # opponent -> its last evaluation
    for path in _files_of_games(folder, "against"):
        evaluations[path.stem.rpartition("-")[0]] = path
    rollouts = _files_of_games(folder, "rollout")
    chosen = [game for path in evaluations.values() for game in _won_and_not(_read(path))]
    own = [game for path in dict.fromkeys(rollouts[-1:] + rollouts[:1]) for game in _read(path)[:1]]
    return (chosen[: max(0, limit - len(own))] + own)[:limit]


def _files_of_games(folder: Path, kind: str) -> list[Path]:
    """The files of one kind, the oldest first. What no run writes is left out: links, pipes, folders, large files."""
    found = [path for path in (folder / GAMES).glob(f"{kind}-*.pgn") if path.is_file() and not path.is_symlink()]
    small = [path for path in found if path.stat().st_size <= MOST_GAMES]
    return sorted(small, key=lambda path: (len(path.stem.rpartition("-")[2]), path.name))  # a million after 999,999


def _won_and_not(games: list[Recorded]) -> Iterator[Recorded]:
    """The first game that the policy won and the first that it did not win."""
    by_success: dict[bool, Recorded] = {}
    for game in games:
        won = "1-0" if players_of(game.headers)[0] == "policy" else "0-1"
        by_success.setdefault(game.headers.get("Result") == won, game)
    yield from (by_success[won] for won in (True, False) if won in by_success)


def _read(path: Path) -> list[Recorded]:
    """The games of a file that `to_pgn` wrote."""
    return list(recorded(path.read_text(encoding="utf-8", errors="replace").split("\n")))


def _read_rows(text: str) -> list[Metrics]:
    """The rows with their finite numbers. A last line without a line break is still being written and left out."""
    whole = text[: text.rfind("\n") + 1]
    rows: list[Metrics] = []
    for cells in csv.DictReader(io.StringIO(whole)):
        row = {name: number for name, cell in cells.items() if name and (number := _number(cell)) is not None}
        if row:
            rows.append(row)
    return rows


def _pace(rows: list[Metrics]) -> float:
    """Seconds of games and learning per row in the last rows; 0 if unknown."""
    seconds = [row["total_seconds"] for row in rows[-20:] if "total_seconds" in row]
    return max(0.0, seconds[-1] - seconds[0]) / (len(seconds) - 1) if len(seconds) > 1 else 0.0


def _number(cell: Any) -> float | None:
    try:
        number = float(cell)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _thinned(values: list[float]) -> list[float]:
    """shape [at most POINTS] means of groups of neighboring values, all groups but the last of the same size."""
    size = math.ceil(len(values) / POINTS)
    groups = (values[i : i + size] for i in range(0, len(values), size)) if values else ()
    return [sum(group) / len(group) for group in groups]


def _flat(tree: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """The (dotted name, value as text) of each leaf of a YAML tree."""
    if isinstance(tree, dict) and tree:
        for key, branch in tree.items():
            yield from _flat(branch, f"{name}.{key}".lstrip("."))
    elif isinstance(tree, list) and any(isinstance(branch, dict | list) for branch in tree):
        for index, branch in enumerate(tree):
            yield from _flat(branch, f"{name}.{index}".lstrip("."))
    else:
        yield name, ", ".join(map(str, tree)) if isinstance(tree, list) else str(tree)
