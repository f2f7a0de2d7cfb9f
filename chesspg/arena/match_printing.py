"""Print the result of a match."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from chesspg.arena import elo
from chesspg.arena.match_result import MatchResult, Record
from chesspg.games.game import Game
from chesspg.terminal.command import wrapped

COLUMN = 18  # columns of the names of the figures


def print_result(
    console: Console,
    result: MatchResult,
    a: str,
    b: str,
    sprt: Sequence[float] | None = None,
    game: Game | None = None,
) -> None:
    """Print the result of a match from A's side.

    Args:
        console: The console to print on; lines are wrapped only if it is a terminal.
        result: The match.
        a: Name of A.
        b: Name of B.
        sprt: elo0 and elo1 of a sequential test, if there was one.
        game: The game that was played, to be named in the first line.
    """
    score, difference = result.score_interval, result.elo_interval
    first, second = game.seats if game else Game.seats
    ends = ", ".join(f"{count} {reason}" for reason, count in result.reason_counts.items())
    rows = {
        "won, drawn, lost": _slashed(result.record),
        "score": f"{result.score:.1%}   95% interval {score.low:.1%} to {score.high:.1%}",
        "Elo difference": f"{result.elo:+.0f}   95% interval {difference.low:+.0f} to {difference.high:+.0f}",
        "normalized Elo": f"{result.normalized_elo:+.0f}",
        "stronger": f"with a likelihood of {result.los:.1%}",
        "pairs": f"{_slashed(elo.pentanomial(result.pairs))} with 0, ½, 1, 1½, 2 points",
        f"as {first}": _slashed(result.as_first),
        f"as {second}": _slashed(result.as_second),
        "games": f"{result.games}, {result.distinct_games} of them distinct, {result.draw_rate:.1%} drawn by the rules",
        "mean length": f"{result.mean_length:.1f} plies, openings included",
        "ended by": ends,
    }
    if result.truncated:
        rows["truncated"] = f"{result.truncated} at the ply cap, counted as draws"
    if result.forfeits:
        by_a, by_b = result.forfeited
        rows["forfeits"] = f"{by_a} by {a}, {by_b} by {b}, counted as losses"
    if sprt:
        rows["SPRT"] = _sprt_row(result.sprt(*sprt), *sprt)

    def show(name: str, value: str, style: str = "") -> None:
        line = f"{name:<{COLUMN}}{value}" if name else value
        text = Text(
            wrapped(line, console.width, " " * len(name and " " * COLUMN)) if console.is_terminal else line, style
        )
        text.stylize("bold", 0, len(name))
        console.print(text, soft_wrap=True)

    show("", f"{a} against {b}{f', {game.name}' if game else ''}", "bold")
    for name, value in rows.items():
        show(name, value)
    if abs(result.elo) == max(map(abs, difference)):
        show("", "±1200 Elo stands for any larger difference too.", "dim")


def _sprt_row(test: elo.Sprt, elo0: float, elo1: float) -> str:
    verdict = {
        "accept": f"{elo1:+g} Elo rather than {elo0:+g}",
        "reject": f"{elo0:+g} Elo rather than {elo1:+g}",
        None: f"undecided between {elo0:+g} and {elo1:+g} Elo",
    }[test.decision]
    return f"{verdict}   log-likelihood ratio {test.llr:+.2f}, bounds {test.lower:+.2f} and {test.upper:+.2f}"


def _slashed(counts: Record | elo.Pentanomial) -> str:
    return " / ".join(map(str, counts))
