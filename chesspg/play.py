"""`python -m chesspg.play [PLAYER]`: a person plays a policy in the terminal."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import re
import secrets
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from rich.console import Console

from chesspg.arena import default_player
from chesspg.arena.saved_games import SavedGames
from chesspg.arena.session import NAMES, Likely, Session
from chesspg.games.game import Game
from chesspg.games.randomness import Randomness
from chesspg.players import roster
from chesspg.players.player import Player
from chesspg.storage import runs
from chesspg.storage.shipped import shipped_names
from chesspg.terminal import board, numbers
from chesspg.terminal.command import Parser, one_line_errors, polite_interrupt, run, waiting
from chesspg.terminal.screen import Screen

DESCRIPTION = f"""\
Play against a policy, or any other player, by typing moves as in Nf3 or g1f3; help lists the other commands.

PLAYER is one of:
{roster.TABLE}
({shipped_names()}).

If none is named, it is the newest run under ./{runs.RUNS}, or else the strongest policy that ships.
"""
PERSON = "you"
MOVES = "in SAN or UCI, as in Nf3, g1f3, exd5, O-O, e8=Q; or as another game writes them"
EVENT = "chesspg play"


class Table:
    """The person at the screen, the session, and the player, who may still be on the way.

    Args:
        session: The game.
        opponent: The player, as soon as it is there.
        name: The player's.
        screen: Where the person types and reads.
    """

    def __init__(self, session: Session, opponent: Future[Player], name: str, screen: Screen) -> None:
        self.session, self.opponent, self.name, self.screen = session, opponent, name, screen
        self.flipped = False  # whether the person's side is above

    def begin(self) -> None:
        seat = self.session.seat
        self.screen.say(f"You have {NAMES[seat]} against {self.name}. Type a move, or help.")
        self.advance()

    def move(self, text: str) -> None:
        """Play the person's move, and have the player reply."""
        self.session.move(text)
        self.advance()

    def advance(self) -> None:
        """Let the player reply while it is its turn, show the board, and say how the game ended if it has."""
        while not self.session.result and not self.session.to_move:
            self.reply(f"{self.name} plays")
        self.show()
        self.say_end()

    def reply(self, who: str) -> None:
        player, number = self.player(), self.session.number
        reply = self.session.reply(player)
        if reply:
            self.screen.say(f"{who} {number} {_likely(reply)}")

    def say_end(self) -> None:
        if self.session.result:
            self.screen.say(f"{self.session.verdict}. {self.session.result}")

    def show(self) -> None:
        from_black = (self.session.seat == 1) != self.flipped
        self.screen.say(board.draw(self.session.game, self.session.position, from_black, self.screen.console))

    def player(self) -> Player:
        """Waits for the player. A policy that can't be read ends the command."""
        with one_line_errors():
            return self.opponent.result()


class Command(NamedTuple):
    """What the person may type instead of a move."""

    form: str  # with a word in capitals if something may follow
    about: str
    do: Callable[[str], None]  # with what follows


class Commands:
    """What the person may type, and what then happens at the table."""

    def __init__(self, table: Table) -> None:
        self.table, self.say, self.saved = table, table.screen.say, SavedGames()
        commands = (
            Command("help", "show this list", self.help),
            Command("board", "show the board again", lambda _: table.show()),
            Command("flip", "turn the board around", self.flip),
            Command("moves", "all legal moves", self.moves),
            Command("hint", "the moves that the policy finds likeliest", self.hint),
            Command("eval", "the result that the policy expects", self.eval),
            Command("fen", "the position as a FEN", lambda _: self.say(self.session.fen)),
            Command("undo", "take back your last move and the reply", self.undo),
            Command("go", "have the policy make this move for you", self.go),
            Command("switch", "change sides: the policy plays yours from now on", self.switch),
            Command("draw", "how a game is drawn", self.draws),
            Command("resign", "give up", self.resign),
            Command("new [FEN]", "a new game, from the same start or from a FEN", self.new),
            Command("save FILE", "write the game as PGN", self.save),
            Command("quit", "leave", lambda _: None),
        )
        self.commands = {command.form.split()[0]: command for command in commands}

    @property
    def session(self) -> Session:
        return self.table.session

    def run(self) -> None:
        """Play until the person leaves."""
        self.table.begin()
        while (line := self.table.screen.ask("> " if self.session.result else f"{self.session.number} ")) is not None:
            if self.table.opponent.done():
                self.table.player()  # a policy that could not be read is reported now, not a move later
            if line.lower() in ("quit", "exit"):
                return
            if line:
                try:
                    self.obey(line)
                except ValueError as error:
                    self.say(str(error))

    def obey(self, line: str) -> None:
        """Carry out a command or play a move. Raises ValueError for what is neither."""
        word, argument = (*line.split(maxsplit=1), "")[:2]
        command = self.commands.get(word.lower())
        if command and line not in self.session.legal_moves():  # a game may have a move of that name
            if argument and " " not in command.form:
                raise ValueError(f"{word} takes nothing after it, got {argument!r}")
            command.do(argument)
        elif self.session.result:
            raise ValueError(f"the game is over, got {line[:40]!r}; expected new, undo, save FILE or quit")
        else:
            self.move(line)

    def move(self, text: str) -> None:
        try:
            self.table.move(text)
        except ValueError as error:
            if re.search(r"\d|\A[oO]-[oO]", text):
                raise
            raise ValueError(f"{error}; commands are {', '.join(self.commands)}") from None  # it may be meant for one

    def going_on(self, what: str) -> None:
        """Raise ValueError if the game is over."""
        if self.session.result:
            raise ValueError(f"{what}: the game is over")

    def help(self, _: str) -> None:
        self.say(f"{'a move':<10} {MOVES}")
        for command in self.commands.values():
            self.say(f"{command.form:<10} {command.about}")

    def flip(self, _: str) -> None:
        self.table.flipped = not self.table.flipped
        self.table.show()

    def moves(self, _: str) -> None:
        self.say(" ".join(self.session.legal_moves()) or "no legal moves: the game is over")

    def hint(self, _: str) -> None:
        self.going_on("no hint")
        for likely in self.session.hint(self.table.player()):
            self.say(_likely(likely))

    def eval(self, _: str) -> None:
        self.going_on("no evaluation")
        value = self.session.value(self.table.player())
        side = f"{NAMES[0]} ({PERSON if self.session.seat == 0 else self.table.name})"
        self.say(
            f"{round(value, 2) + 0:+.2f} for {side}: an expected score of {(1 + value) / 2:.0%}; "
            "+1 is a win, 0 a draw, -1 a loss"
        )

    def undo(self, _: str) -> None:
        self.session.undo()
        self.table.show()

    def go(self, _: str) -> None:
        self.going_on("no move")
        self.table.reply("For you it plays")
        self.table.advance()

    def switch(self, _: str) -> None:
        self.going_on("no change of sides")
        self.session.switch()
        self.table.begin()

    def draws(self, _: str) -> None:
        game = self.session.game
        ends = ", ".join(reason for reason in game.reasons[1:] if reason != "variant rule")
        self.say(
            "There is nothing to claim, since the game ends by itself as soon as a rule ends it. "
            f"In {game.name} these are {ends}. {self.table.name} accepts no offers."
        )

    def resign(self, _: str) -> None:
        self.going_on("no resignation")
        self.session.resigned = True
        self.table.say_end()

    def new(self, start: str) -> None:
        self.table.session = self.session.new(start)
        self.table.begin()

    def save(self, name: str) -> None:
        names = (PERSON, self.table.name)
        count = self.saved.save(name, self.session.number_of_game, self.session.pgn(EVENT, *names))
        held = f", which holds {count} games now" if count > 1 else ""
        who = ", ".join(f"{side}: {who}" for side, who in self.session.authors(*names).items())
        self.say(f"saved to {name}{held}; {who}")


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    for stream in (sys.stdin, sys.stdout):
        with contextlib.suppress(AttributeError):  # another stream has been put in its place
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # terminals without pieces, bytes that are no text
    with polite_interrupt("goodbye"), contextlib.ExitStack() as stack:
        loader = ThreadPoolExecutor(1)
        stack.callback(loader.shutdown, wait=False)  # whoever leaves does not wait for an import
        with one_line_errors():
            text = given.player or _default()
            game = roster.game_of([text], given.imported)  # reads the header: a bad file is reported at once
            is_policy = _is_policy(text)
            if given.temperature is not None:
                text = _with_temperature(text, given.temperature, is_policy)
            game = game.for_few_games()
            rng = Randomness(secrets.randbits(32) if given.seed is None else given.seed)
            seat = int(rng.generator().integers(2)) if given.color == "random" else NAMES.index(given.color.title())
            session = _first_session(game, seat, rng, given.fen)
        # torch takes seconds to import and the person longer to think: both at once.
        opponent = loader.submit(roster.player_from_string, text, game)
        if not is_policy:
            with waiting(f"starting {text}…"), one_line_errors():
                opponent.result()  # the others are there at once, or, as an engine that can't start, not at all
        _line_editing()
        screen = Screen(Console(highlight=False, soft_wrap=True))
        Commands(Table(session, opponent, text, screen)).run()
    return 0


def _default() -> str:
    default = default_player.default_player()
    if default is None:
        raise ValueError(
            f"no run under ./{runs.RUNS} and no rated policy that ships; train one with `python -m chesspg.train`, "
            "or name a player"
        )
    text, what = default
    print(f"{text}: {what}")
    return text


def _is_policy(text: str) -> bool:
    """Whether a player is a policy. The player must be one that can be read."""
    try:
        roster.policy_of(text)
    except ValueError:
        return False
    return True


def _with_temperature(text: str, temperature: float, is_policy: bool) -> str:
    """A player with a temperature. Raises ValueError if it can't have one, or has one already."""
    if not is_policy:
        raise ValueError(f"--temperature {temperature:.15g} is for policies, but {text!r} is a player without a policy")
    if "temperature" in roster.policy_of(text)[1]:
        raise ValueError(
            f"--temperature {temperature:.15g} is given, but {text!r} has a temperature; give one of the two"
        )
    return f"{text}{'&' if '?' in text else '?'}temperature={temperature:.15g}"


def _first_session(game: Game, seat: int, rng: Randomness, start: str | None) -> Session:
    """The first game, from the position of --fen if there is one. Raises ValueError, naming --fen, if that is none."""
    if start is None:
        return Session(game, seat, rng, game.start(1).position(0))
    try:
        return Session(game, seat, rng, start)
    except ValueError as error:
        raise ValueError(f"--fen: {error}") from None


def _likely(likely: Likely) -> str:
    return likely.name if likely.probability is None else f"{likely.name} ({likely.probability:.1%})"


def _line_editing() -> None:
    """Give input() the arrow keys and a history, as importing readline does where there is one (not on Windows)."""
    with contextlib.suppress(ImportError):
        importlib.import_module("readline")


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python -m chesspg.play", description=DESCRIPTION)
    parser.add_argument("player", metavar="PLAYER", nargs="?", help="whom to play against")
    parser.add_argument("--color", choices=("white", "black", "random"), default="white", help="yours (default: white)")
    parser.add_argument(
        "--temperature",
        metavar="T",
        type=numbers.temperature,
        help="0 always plays the likeliest move (default: the policy's)",
    )
    parser.add_argument(
        "--seed",
        type=numbers.seed,
        help="the same number gives the same replies again (default: other replies each time)",
    )
    parser.add_argument("--fen", metavar="FEN", help="the position to start from")
    return parser


if __name__ == "__main__":
    run(main)
