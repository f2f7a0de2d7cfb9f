"""`python -m chesspg.match A B`: two players meet, colours swapped, and the Elo between them with its interval."""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from chesspg.arena import roster
from chesspg.arena.commands import Parser, check_writable, one_line_errors, polite_interrupt
from chesspg.arena.matches import MatchResult, Record, Unplayable, play_match
from chesspg.arena.pgn import save_pgn, to_pgn
from chesspg.games.game import Game
from chesspg.policy.files import write_atomically

DESCRIPTION = f"""\
Play a match between two players on random openings, each played twice with colours swapped, all games at once.

A player is one of: {roster.KNOWN}.
A file may carry options, as in 'checkpoints/my-run?temperature=0.3'; temperature 0 always plays the likeliest move.
Games are never adjudicated. The game is that of the policy files, or chess.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    with polite_interrupt("interrupted: no result, nothing written"):
        with one_line_errors():
            if given.games <= 0 or given.games % 2:
                raise ValueError(f"--games {given.games}: {_even(given.games)} would do, as colours are swapped")
            for path in (given.pgn, given.json):
                if path:
                    check_writable(path)
            game = roster.game_of((given.a, given.b))
            a, b = (roster.player_from_string(text, game) for text in (given.a, given.b))
        # Numbers that make no match are told before its first move; any other error is a bug.
        with one_line_errors(Unplayable), _progress() as progress:
            task = progress.add_task(f"{given.a} – {given.b}", total=given.games, plies=0)
            result = play_match(
                game, a, b, given.games, opening_plies=given.opening_plies, seed=given.seed, max_plies=given.max_plies,
                on_ply=lambda done, plies: progress.update(task, completed=done, plies=plies),
            )  # fmt: skip
        with one_line_errors():
            if given.pgn:
                save_pgn(given.pgn, match_pgn(game, result, given.a, given.b))
            if given.json:
                facts = {"a": given.a, "b": given.b, "game": game.name, "seed": given.seed, **result.as_dict()}
                _save_json(given.json, facts)
    report(Console(highlight=False, soft_wrap=True), result, given.a, given.b)
    return 0


def match_pgn(game: Game, result: MatchResult, a: str, b: str) -> list[str]:
    """[games] the games of a match as PGN; round 3.2 is the second game of the third pair."""
    date = datetime.date.today().strftime("%Y.%m.%d")  # a PGN's date is local
    texts = []
    for index, (position, reason) in enumerate(zip(result.positions, result.reasons, strict=True)):
        white, black = (b, a) if index % 2 else (a, b)
        headers = {"Event": "chesspg match", "Date": date, "Round": f"{index // 2 + 1}.{index % 2 + 1}"}
        texts.append(to_pgn(game, position, headers | {"White": white, "Black": black, "Termination": reason}))
    return texts


def report(console: Console, result: MatchResult, a: str, b: str) -> None:
    """Print what came of a match, from A's side."""
    score, elo = result.score_interval, result.elo_interval
    ends = ", ".join(f"{count} {reason}" for reason, count in result.reason_counts.items())
    rows = {
        "won, drawn, lost": _slashed(result.record),
        "score": f"{result.score:.1%}   95 % interval {score.low:.1%} to {score.high:.1%}",
        "Elo difference": f"{result.elo:+.0f}   95 % interval {elo.low:+.0f} to {elo.high:+.0f}",
        "as White": _slashed(result.as_white),
        "as Black": _slashed(result.as_black),
        "games": f"{result.games}, {result.distinct_games} of them distinct",
        "mean length": f"{result.mean_length:.1f} plies, openings included",
        "ended by": ends,
    }
    if result.truncated:
        rows["truncated"] = f"{result.truncated} at the ply cap, counted as draws"
    console.print(Text(f"{a} against {b}", style="bold"))
    for name, value in rows.items():
        console.print(Text.assemble((name.ljust(18), "bold"), value))
    if abs(result.elo) == max(map(abs, elo)):
        console.print(Text("An Elo of ±1200 stands for anything beyond.", style="dim"))


def _slashed(record: Record) -> str:
    return " / ".join(map(str, record))


def _even(games: int) -> str:
    return f"{games - 1} or {games + 1}" if games > 1 else "an even number of 2 or more"


def _save_json(path: str, facts: dict[str, Any]) -> None:
    text = json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


class _Speed(TextColumn):
    """Plies a second."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Any) -> Text:
        return Text(f"{task.fields['plies'] / task.elapsed:,.0f} plies/s" if task.elapsed else "")


def _progress() -> Progress:
    """A bar on standard error, where there is somebody to see it."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TextColumn("games"))
    return Progress(
        *columns, _Speed(), TimeElapsedColumn(), TimeRemainingColumn(),
        console=console, disable=not console.is_terminal, transient=True,
    )  # fmt: skip


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python -m chesspg.match", description=DESCRIPTION, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("a", metavar="A", help="a player; results are from its side")
    parser.add_argument("b", metavar="B", help="its opponent")
    parser.add_argument("--games", type=int, default=100, metavar="N", help="an even number of games (default: 100)")
    parser.add_argument("--seed", type=int, default=0, help="of openings and of all moves (default: 0)")
    parser.add_argument(
        "--opening-plies",
        type=int,
        metavar="P",
        help="random plies at the start of a game\n(default: an eighth of the squares, 8 in chess)",
    )
    parser.add_argument(
        "--max-plies",
        type=int,
        metavar="P",
        help="stop longer games and count them as draws, reported apart\n(default: never)",
    )
    replaced = "an existing file\nis replaced when the match is over"
    parser.add_argument("--pgn", metavar="FILE", type=Path, help=f"write the games there; {replaced}")
    parser.add_argument("--json", metavar="FILE", type=Path, help=f"write the result there; {replaced}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
