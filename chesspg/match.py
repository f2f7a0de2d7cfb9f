"""`python -m chesspg.match A B`: play two players against each other and estimate the Elo difference."""

from __future__ import annotations

import argparse
import datetime
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from chesspg.arena import elo
from chesspg.arena.devices import add_device_option, device_of_policies
from chesspg.arena.ladder.entries import entry, policy_path
from chesspg.arena.match_file import is_match, load_match, save_match
from chesspg.arena.match_printing import print_result
from chesspg.arena.match_result import TRUNCATED, MatchResult
from chesspg.arena.matches import play_in_parts
from chesspg.arena.openings import FORMS, Unplayable, openings_from_string, usual_openings
from chesspg.games.game import Game
from chesspg.pgn.sgf import all_of_event as sgf_of_event
from chesspg.pgn.sgf import to_sgf
from chesspg.pgn.writing import RESULTS, all_of_event, players_tags, save_pgn, to_pgn
from chesspg.players import roster
from chesspg.players.game_strings import add_game_option
from chesspg.players.player import Player
from chesspg.selfplay.rollout import Values
from chesspg.storage.outputs import Output, check_outputs, check_writable
from chesspg.terminal import numbers
from chesspg.terminal.command import INTERRUPTED, Parser, one_line_errors, polite_interrupt, run, say
from chesspg.terminal.progress import Rate, progress

GAMES, MOST = 100, 10_000  # games of a match by default; MOST with --sprt, which stops early
AT_ONCE = 1000  # pairs of games played at once; after them the result is saved and the test is evaluated
SLOW = 25  # pairs of games played at once with an engine or a test …
FOR_A_PROCESS = 4  # … but at least this many per process, so that none is idle
EVENT = "chesspg match"

DESCRIPTION = f"""\
Play a match between two players: each opening twice with seats swapped, all games at once.

A player is one of: {roster.KNOWN}. A file may have options, as in 'checkpoints/my-run?temperature=0.3'; temperature 0
always plays the most likely move. Any player can be weakened: 'greedy?random=0.3' plays 30% of its moves at random.

Games are never adjudicated. The game is that of the policy files, else that of
--game or of a module given by --import, else chess.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Play a match and print its result; returns the exit code."""
    given = _parser().parse_args(arguments)
    games = given.games if given.games is not None else MOST if given.sprt else GAMES
    kept = given.json or given.resume
    result, interrupted = None, False
    with polite_interrupt("interrupted: no result, nothing written"), ExitStack() as stack:
        with one_line_errors():
            _check(given)
            game = roster.game_of((given.a, given.b), given.imported, given.game)
            if given.sgf and not game.sgf:
                raise ValueError(f"--sgf is for Othello and Hex, got {game.name}; --pgn writes games of every game")
            source = usual_openings(game) if given.openings is None else given.openings
            openings = openings_from_string(source, game, games // 2, given.seed)
            names = given.a, given.b
            device = device_of_policies(given.device, names, game)
            players = roster.players(names, game, concurrency=given.concurrency, device=device)
            a, b = stack.enter_context(players)
            settings = {
                "a": given.a, "b": given.b, "a_identity": entry(given.a, a).key, "b_identity": entry(given.b, b).key,
                "game": game.name, "openings": source, "seed": given.seed, "max_plies": given.max_plies,
                "sprt": given.sprt,
            }  # fmt: skip
            result = load_match(given.resume, settings, openings, game) if given.resume else None
        different = len(set(openings))
        if different < len(openings):
            say(f"note: {source} has {different} openings for {len(openings)} pairs of games, so openings are repeated")
        bar = stack.enter_context(_progress())
        before = result.games if result else 0
        task = bar.add_task(f"{given.a} – {given.b}", total=games, completed=before, plies=0)
        slow = given.sprt or _runs_processes(a) or _runs_processes(b)
        parts = play_in_parts(
            game, a, b, openings, seed=given.seed, max_plies=given.max_plies, before=result,
            part=max(SLOW, FOR_A_PROCESS * given.concurrency) if slow else AT_ONCE,
            on_ply=lambda done, plies: bar.update(task, completed=before + done, plies=plies),
        )  # fmt: skip
        try:
            while not _decided(result, given.sprt):
                # Unplayable is raised before the first move, because of the options; any other error is a bug.
                with one_line_errors(Unplayable):
                    played = next(parts, None)
                if played is None:
                    break
                result = played
                if kept:
                    with one_line_errors(OSError):
                        save_match(kept, settings, result)
        except KeyboardInterrupt:
            if result is None:
                raise
            interrupted = True
    assert result is not None  # there is at least one opening, so at least one part
    print_result(Console(highlight=False), result, given.a, given.b, given.sprt, game)
    with polite_interrupt("interrupted: not all files are written"), one_line_errors():
        if kept:
            save_match(kept, settings, result)  # even if there was nothing left to play, or its last part was not saved
        if given.pgn:
            save_pgn(given.pgn, match_pgn(game, result, given.a, given.b))
        if given.sgf:
            tags = _tags(game, result, given.a, given.b)
            texts = [to_sgf(game, *one) for one in zip(result.positions, tags, strict=True)]
            save_pgn(given.sgf, texts)
    if interrupted:
        remedy = f"the same command with --resume {kept} continues" if kept else "with --json it could be resumed"
        say(f"interrupted after {result.games} of {games} games; {remedy}")
    return INTERRUPTED if interrupted else 0


def match_pgn(game: Game, result: MatchResult, a: str, b: str) -> list[str]:
    """[games] the games of a match as PGN.

    Args:
        game: The game that was played.
        result: The match.
        a: Name of A.
        b: Name of B.

    Returns:
        The PGN of each game; round 3.2 is the second game of the third pair.
    """
    tags = _tags(game, result, a, b)
    values = [_centipawns(result.values.get(index, ())) for index in range(result.games)]
    return [to_pgn(game, *one) for one in zip(result.positions, tags, values, strict=True)]


def _tags(game: Game, result: MatchResult, a: str, b: str) -> list[dict[str, str]]:
    """[games] the tags of the games of a match."""
    date = datetime.date.today().strftime("%Y.%m.%d")  # PGN dates are in local time
    tags = []
    for index, reason in enumerate(result.reasons):
        seated = (b, a) if index % 2 else (a, b)
        headers = {"Event": EVENT, "Date": date, "Round": f"{index // 2 + 1}.{index % 2 + 1}"}
        outcome = round(2 * result.results[index] - 1) * (-1 if index % 2 else 1)
        headers |= players_tags(game, *seated)
        headers["Result"] = "*" if reason == TRUNCATED else RESULTS[outcome]
        why = result.forfeits.get(index)
        headers["Termination"] = f"{reason}: {why}" if why else reason
        tags.append(headers)
    return tags


def _centipawns(values: Values) -> list[int | None]:
    """shape [plies] what the movers expected, in centipawns; None where a player gave no value."""
    if not values:
        return []
    from chesspg.uci.analysis import centipawns

    return [value if value is None else centipawns(value) for value in values]


def _decided(result: MatchResult | None, sprt: Sequence[float] | None) -> bool:
    return bool(result and sprt and result.sprt(*sprt).decision)


def _runs_processes(player: Player) -> bool:
    return hasattr(getattr(player, "player", player), "close")  # a mixture contains another player


def _check(given: argparse.Namespace) -> None:
    """Raise OSError or ValueError for options that are wrong whatever the players are."""
    if given.sprt:
        try:
            elo.sprt((), *given.sprt)
        except ValueError as error:
            raise ValueError(f"--sprt: {error}") from None
    outputs = []
    if given.pgn:
        outputs.append(Output("--pgn", given.pgn, lambda path: all_of_event(path, EVENT)))
    if given.sgf:
        outputs.append(Output("--sgf", given.sgf, lambda path: sgf_of_event(path, EVENT)))
    if given.json:
        outputs.append(Output("--json", given.json, is_match))
    read = {f"player {text}": policy_path(text) for text in (given.a, given.b)}
    check_outputs(outputs, read | {"--openings": Path(given.openings) if given.openings else None})
    if given.resume:
        check_writable(given.resume)


def _progress() -> Progress:
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TextColumn("games"))
    speed = Rate("{:,.0f} plies/s", lambda task: task.fields["plies"])
    return progress(*columns, speed, TimeElapsedColumn(), TimeRemainingColumn())


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python -m chesspg.match", description=DESCRIPTION)
    parser.add_argument("a", metavar="A", help="a player; the result is from its side")
    parser.add_argument("b", metavar="B", help="the opponent")
    parser.add_argument(
        "--games",
        type=numbers.whole(2, numbers.GAMES, even=True),
        metavar="N",
        help=f"number of games, which must be even (default: {GAMES}; with --sprt at most {MOST:,})",
    )
    parser.add_argument(
        "--openings",
        metavar="FROM",
        help=f"{FORMS} (default: balanced, which ships with chesspg, for chess; random plies for other games)",
    )
    parser.add_argument(
        "--sprt",
        type=numbers.number(-elo.BOUND, elo.BOUND),
        nargs=2,
        metavar=("ELO0", "ELO1"),
        help="stop as soon as a sequential test with 5%% errors decides whether A is ELO1 stronger than B or only ELO0",
    )
    parser.add_argument("--seed", type=numbers.seed, default=0, help="seed of openings and moves (default: 0)")
    parser.add_argument(
        "--max-plies",
        type=numbers.plies,
        metavar="P",
        help="stop longer games; they count as draws and are reported separately (default: never)",
    )
    parser.add_argument(
        "--concurrency",
        type=numbers.processes,
        default=1,
        metavar="N",
        help="processes per engine (default: 1)",
    )
    add_game_option(parser)
    add_device_option(parser)
    parser.add_argument(
        "--pgn",
        metavar="FILE",
        type=Path,
        help="write the games to FILE, in chess as PGN, in other games in a form like it that the report reads; a file "
        "that match wrote is replaced at the end, any other file is not",
    )
    parser.add_argument(
        "--sgf",
        metavar="FILE",
        type=Path,
        help="write the games of Othello or Hex to FILE as SGF, which the report and other programs read; a file that "
        "match wrote is replaced at the end, any other file is not",
    )
    parser.add_argument(
        "--json",
        metavar="FILE",
        type=Path,
        help="write the result to FILE, also during the match; a file that match wrote is replaced after the first "
        "games, any other file is not",
    )
    parser.add_argument(
        "--resume",
        metavar="FILE",
        type=Path,
        help="continue the match in a --json file; players and settings must be the same, --games may be larger",
    )
    return parser


if __name__ == "__main__":
    run(main)
