"""`python -m chesspg.play [PLAYER]`: play against a policy in the terminal, or with --browser on a page."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from rich.console import Console

from chesspg.arena import default_player
from chesspg.arena.session import Session
from chesspg.arena.table import Commands, Table
from chesspg.games.game import Game
from chesspg.games.randomness import Randomness
from chesspg.players import roster
from chesspg.players.game_strings import add_game_option, game_from_string
from chesspg.players.player import Player
from chesspg.policy import files
from chesspg.storage.run_folder import RUNS
from chesspg.storage.shipped import shipped_names
from chesspg.terminal import numbers
from chesspg.terminal.command import Parser, one_line_errors, polite_interrupt, run, waiting
from chesspg.terminal.screen import Screen

ORDER = ("first", "second")  # the seats of any game, for --color
DESCRIPTION = f"""\
Play against a policy, or any other player, by typing moves, in chess such as Nf3 or g1f3. Type help for the other
commands. With --browser, play with the mouse or the keyboard on a page that your browser shows.

PLAYER is one of:
{roster.TABLE}
({shipped_names()}).

By default it is the newest run under ./{RUNS}, or else the strongest policy that ships.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Play; returns the exit code."""
    given = _parser().parse_args(arguments)
    for stream in (sys.stdin, sys.stdout):
        with contextlib.suppress(AttributeError):  # somebody replaced the stream by one of another kind
            # Some terminals can't show pieces, and what is typed may not be valid text.
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    with polite_interrupt("goodbye"), contextlib.ExitStack() as stack:
        loader = ThreadPoolExecutor(1)
        stack.callback(loader.shutdown, wait=False)  # a person who quits need not wait for an import
        with one_line_errors():
            text = given.player or _default(given.game)
            game = roster.game_of(
                [text], given.imported, given.game
            )  # reads the header: a bad file is reported at once
            is_policy = _is_policy(text)
            if given.temperature is not None:
                text = _with_temperature(text, given.temperature, is_policy)
            game = game.for_few_games()
            rng = Randomness(secrets.randbits(32) if given.seed is None else given.seed)
            session = _first_session(game, _seat(given.color, game, rng), rng, given.position)
        # Importing torch takes seconds; meanwhile the person thinks about the first move.
        opponent = loader.submit(roster.player_from_string, text, game)
        if not is_policy:
            with waiting(f"starting {text}…"), one_line_errors():
                opponent.result()  # others load at once, or fail, such as an engine that can't start
        if given.browser:
            _in_browser(session, opponent, text, partial(roster.player_from_string, game=game) if is_policy else None)
            return 0
        _line_editing()
        screen = Screen(Console(highlight=False, soft_wrap=True))
        Commands(Table(session, opponent, text, screen)).run()
    return 0


def _default(named: str | None) -> str:
    if named is None:
        default = default_player.default_player()
    else:
        wanted = files.describe(game_from_string(named))
        default = default_player.default_player(lambda game: files.describe(game) == wanted, named)
    if default is None:
        of = f" of {named}" if named else ""
        raise ValueError(
            f"no run{of} under ./{RUNS} and no rated policy{of} that ships; train one with `python -m chesspg.train`, "
            "or name a player"
        )
    text, what = default
    print(f"{text}: {what}")
    return text


def _is_policy(text: str) -> bool:
    """Whether a player, whose string has been checked, is a policy."""
    try:
        roster.policy_of(text)
    except ValueError:
        return False
    return True


def _with_temperature(text: str, temperature: float, is_policy: bool) -> str:
    """The string of a player with a temperature. Raises ValueError if the player can't have one or has one already."""
    if not is_policy:
        raise ValueError(f"--temperature {temperature:.15g} needs a policy, but {text!r} is a player without one")
    if "temperature" in roster.policy_of(text)[1]:
        raise ValueError(
            f"--temperature {temperature:.15g} is given, but {text!r} has a temperature too; give only one of them"
        )
    return roster.with_temperature(text, temperature)


def _seat(color: str, game: Game, rng: Randomness) -> int:
    """The seat of the person, 0 or 1. Raises ValueError if --color names none of the game's seats."""
    seats = {**dict(zip(ORDER, (0, 1), strict=True)), **{name.lower(): seat for seat, name in enumerate(game.seats)}}
    seats["random"] = int(rng.generator().integers(2))
    if color.lower() not in seats:
        accepted = ", ".join(dict.fromkeys([*game.seats, *ORDER]))
        raise ValueError(f"--color must be {accepted} or random in {game.name}, got {color[:40]!r}")
    return seats[color.lower()]


def _first_session(game: Game, seat: int, rng: Randomness, start: str | None) -> Session:
    """The first game, from the position of --position if it is given. Raises ValueError that names the option."""
    if start is None:
        return Session(game, seat, rng, game.start(1).position(0))
    try:
        return Session(game, seat, rng, start)
    except ValueError as error:
        raise ValueError(f"{'--fen' if game.notation else '--position'}: {error}") from None


def _in_browser(session: Session, opponent: Future[Player], name: str, rebuild: Callable[[str], Player] | None) -> None:
    """Serve the page until Ctrl-C, then print the game, so that it is not lost."""
    # Imported here because aiohttp takes a third of a second, which a game in the terminal need not wait for.
    from chesspg.browser.opening import show_address
    from chesspg.browser.server import Server
    from chesspg.browser.shared_game import SharedGame

    with one_line_errors():
        game = SharedGame(session, opponent, name, rebuild)
        server = Server(game)
    with server:
        try:
            show_address(server, game.name)
            while True:
                time.sleep(0.5)  # not longer: a signal that comes just before it is noticed only after it
        finally:  # first, because somebody who presses Ctrl-C twice does not wait for the end of the server
            if game.session.plies:
                print(f"\n{game.state['pgn']}", flush=True)


def _line_editing() -> None:
    """Give input() arrow keys and a history by importing readline, which Windows does not have."""
    with contextlib.suppress(ImportError):
        importlib.import_module("readline")


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python -m chesspg.play", description=DESCRIPTION)
    parser.add_argument("player", metavar="PLAYER", nargs="?", help="the player to play against")
    add_game_option(parser)
    parser.add_argument(
        "--browser",
        action="store_true",
        help="play on a page in a browser, which a server on this machine shows to you alone",
    )
    parser.add_argument(
        "--color",
        default=ORDER[0],
        help="your color, such as white or black, or the name of your side in another game; first and second are the "
        "players who move first and second, and random chooses (default: first)",
    )
    parser.add_argument(
        "--temperature",
        metavar="T",
        type=numbers.temperature,
        help="sampling temperature of the policy; 0 always plays the most likely move (default: the policy's own)",
    )
    parser.add_argument(
        "--seed",
        type=numbers.seed,
        help="the same seed gives the same replies again (default: a new one each time)",
    )
    parser.add_argument(
        "--position",
        "--fen",
        metavar="TEXT",
        help="the position to start from: in chess a FEN, in another game the text that the command position shows",
    )
    return parser


if __name__ == "__main__":
    run(main)
