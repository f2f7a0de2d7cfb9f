"""Evaluation results as the rows of a table that fits the terminal."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping, Sequence

from chesspg.arena.ladder.model import Rating
from chesspg.arena.match_result import MatchResult
from chesspg.terminal.command import listed

SCORE, ELO = 12, 18  # widths of a cell, enough for `100 (96–100)` and `-1200 (-1234–-999)`
MEANINGS = {  # of opponents that are not player strings
    "previous": "The opponent `previous` is the policy of the row before.",
    "best": "The opponent `best` is the best policy so far.",
}
REPEAT = 20  # rows after which the header is printed again, since the first one may have left the screen


def head(updates: int | None, games: int | None) -> str:
    """The two cells with which each row begins, such as `   640     5,120`; None leaves a cell blank."""
    return f"{'' if updates is None else updates:>6} {'' if games is None else f'{games:,}':>9}"


def fit_width(parts: Sequence[str], width: int) -> str:
    """The first parts that fit into the width, with dots between them."""
    line = ""
    for part in parts:
        longer = f"{line} · {part}" if line else part
        if len(longer) > width:
            break
        line = longer
    return line


def terminal_width() -> int:
    """The columns of the terminal; 80 if unknown."""
    return shutil.get_terminal_size((80, 24)).columns


class ScoreTable:
    """Rows of scores against the same opponents, at most as wide as the terminal.

    A wider row continues in another line; it is never broken within a cell.

    Args:
        opponents: The opponents, which are the names of the columns.
        rated: The opponents whose games give the rating; without any there is no column for it.
        repeat: The number of rows after which the header is printed again.
    """

    def __init__(self, opponents: Sequence[str], rated: Sequence[str], repeat: int = REPEAT) -> None:
        self.opponents = list(opponents)
        self.rated = list(rated)
        self.repeat = repeat
        self._rows = 0

    def row(
        self,
        updates: int,
        games: int | None,
        results: Mapping[str, MatchResult],
        rating: Rating | None,
        note: str = "",
    ) -> list[str]:
        """The lines to print for one evaluation, including the header if it is due.

        Args:
            updates: Optimizer steps so far.
            games: Games learned from so far; None if they are not counted.
            results: The results by opponent; the cell of an opponent without a result is empty.
            rating: The policy's rating, if it has one.
            note: Text at the end of the row.
        """
        cells = [_score(results.get(name)).ljust(self._width(name)) for name in self.opponents]
        if self.rated:
            cells.append(("{:>5.0f} ({:.0f}–{:.0f})".format(*rating) if rating else "").ljust(ELO))
        header = self._header() if self._rows % self.repeat == 0 else []
        self._rows += 1
        return [*header, *_laid_out(head(updates, games), [*cells, note])]

    def _header(self) -> list[str]:
        text = "Scores against each opponent are in %, (wins + draws / 2) / games, with 95% intervals."
        if self.rated:
            text += (
                f" Elo counts random moves as 0. It follows from the games against {listed(self.rated)} alone, "
                "and its interval is their sampling error; against other opponents the rating may differ by more."
            )
        named = {name.split("@")[0] for name in self.opponents}  # a temperature follows the name
        text += "".join(f" {meaning}" for name, meaning in MEANINGS.items() if name in named)
        titles = [f"  {name}".ljust(self._width(name)) for name in self.opponents]
        explained = textwrap.wrap(text, terminal_width(), break_long_words=False) if not self._rows else []
        return [*explained, *_laid_out(f"{'update':>6} {'games':>9}", [*titles, *(["  Elo"] if self.rated else [])])]

    def _width(self, name: str) -> int:
        return max(SCORE, len(name) + 2)


def _score(result: MatchResult | None) -> str:
    if result is None:
        return ""
    score, low, high = (round(100 * share) for share in (result.score, *result.score_interval))
    return f"{score:>3} ({low}–{high})"


def _laid_out(first: str, cells: Sequence[str]) -> list[str]:
    """One row in as many lines as the terminal needs, all but the first indented by the width of `first`."""
    lines, indent = [first], " " * len(first)
    for cell in cells:
        if len(f"{lines[-1]} {cell}".rstrip()) > terminal_width() and lines[-1] != indent:
            lines.append(indent)
        lines[-1] += f" {cell}"
    return [line.rstrip() for line in lines if line.strip()]
