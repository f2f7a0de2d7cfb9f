"""A person plays against a player in a terminal: the commands to type, and what they print."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import Future
from typing import NamedTuple

from chesspg.arena.saved_games import SavedGames
from chesspg.arena.session import Likely, Session
from chesspg.games.game import STONES
from chesspg.pgn.sgf import SUFFIX
from chesspg.players.player import Player
from chesspg.terminal import board
from chesspg.terminal.command import one_line_errors
from chesspg.terminal.screen import Screen

PERSON = "you"
MOVES = "in SAN or UCI, as in Nf3, g1f3, exd5, O-O, e8=Q"
EVENT = "chesspg play"


class Table:
    """A person and a player at one game; the player may still be loading.

    Args:
        session: The game.
        opponent: The player, once it is loaded.
        name: Name of the player.
        screen: The terminal of the person.
    """

    def __init__(self, session: Session, opponent: Future[Player], name: str, screen: Screen) -> None:
        self.session, self.opponent, self.name, self.screen = session, opponent, name, screen
        self.flipped = False  # whether the person's side is at the top of the board

    def begin(self) -> None:
        """Introduce the game, and let the player move if it has the first move."""
        seats, seat = self.session.game.seats, self.session.seat
        colored = (
            board.stone_colors(seats)[1] and not self.session.game.notation and not self.screen.console.color_system
        )
        stone = f" ({STONES[seat]} on the board)" if colored else ""
        self.screen.say(f"You have {seats[seat]}{stone} against {self.name}. Type a move, or help.")
        self.advance()

    def move(self, text: str) -> None:
        """Play a move of the person and let the player reply. Raises ValueError if the move is illegal or ambiguous."""
        self.session.move(text)
        self.advance()

    def advance(self) -> None:
        """Let the player move while it is its turn, then show the board and, if the game is over, its result."""
        while not self.session.result and not self.session.to_move:
            self.reply(f"{self.name} plays")
        self.show()
        self.say_end()

    def reply(self, who: str) -> None:
        """Let the player make a move and print it after `who`."""
        player, number = self.player(), self.session.number
        reply = self.session.reply(player)
        if reply:
            self.screen.say(f"{who} {number} {_likely(reply)}")

    def say_end(self) -> None:
        """Print the result if the game is over."""
        if self.session.result:
            verdict = self.session.verdict
            self.screen.say(f"{verdict}. {self.session.result}" if self.session.game.notation else f"{verdict}.")

    def show(self) -> None:
        """Print the board."""
        game = self.session.game
        # Each player sees a board of chess from their own side; boards of other games look the same to both.
        turned = (self.session.seat == 1 and game.notation is not None) != self.flipped
        self.screen.say(board.draw(game, self.session.position, turned, self.screen.console))

    def player(self) -> Player:
        """Wait until the player is loaded. A policy that can't be read ends the command."""
        with one_line_errors():
            return self.opponent.result()


class Command(NamedTuple):
    """A command that the person may type instead of a move."""

    form: str  # how to type it; a word in capitals stands for an argument
    about: str  # what it does
    do: Callable[[str], None]  # called with the argument, empty if there is none


class Commands:
    """All commands that the person may type at a table."""

    def __init__(self, table: Table) -> None:
        self.table, self.say, self.saved = table, table.screen.say, SavedGames()
        game = table.session.game
        chess = game.notation is not None
        form = " as PGN" if chess else f", as SGF if FILE ends in {SUFFIX}" if game.sgf else ""
        commands = (
            Command("help", "show this list", self.help),
            Command("board", "show the board again", lambda _: table.show()),
            Command("flip", "turn the board around", self.flip),
            Command("moves", "list all legal moves", self.moves),
            Command("hint", "show the most likely moves of the policy", self.hint),
            Command("eval", "show the result that the policy expects", self.eval),
            Command("fen", "show the position as a FEN", self.position)
            if chess
            else Command("position", "show the position as text", self.position),
            Command("undo", "take back your last move and the reply", self.undo),
            Command("go", "let the policy make this move for you", self.go),
            Command("switch", "change sides: the policy plays yours from now on", self.switch),
            Command("draw", "list the rules that end a game, by a draw or not", self.draws),
            Command("resign", "give up", self.resign),
            Command("new [FEN]", "start a new game, from the same position or from a FEN", self.new)
            if chess
            else Command("new [TEXT]", "start a new game, from the same position or from one as text", self.new),
            Command("save FILE", f"save the game{form}", self.save),
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
                self.table.player()  # a policy that can't be read is reported now, not after another move
            if line.lower() in ("quit", "exit"):
                return
            if line:
                try:
                    self.obey(line)
                except ValueError as error:
                    self.say(str(error))

    def obey(self, line: str) -> None:
        """Carry out a command or play a move. Raises ValueError for anything else."""
        word, argument = (*line.split(maxsplit=1), "")[:2]
        command = self.commands.get(word.lower())
        if command and not self.session.is_move(line):  # a move may have the name of a command
            if argument and " " not in command.form:
                raise ValueError(f"{word} takes no argument, got {argument!r}")
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
            # The text may be a mistyped command.
            raise ValueError(f"{error}; commands are {', '.join(self.commands)}") from None

    def require_unfinished(self, what: str) -> None:
        """Raise ValueError if the game is over; `what` says what is impossible then."""
        if self.session.result:
            raise ValueError(f"{what}: the game is over")

    def help(self, _: str) -> None:
        some = self.session.legal_moves()[:3]
        moves = MOVES if self.session.game.notation else f"such as {', '.join(some)}" if some else "in another game"
        self.say(f"{'a move':<10} {moves}")
        for command in self.commands.values():
            self.say(f"{command.form:<10} {command.about}")

    def flip(self, _: str) -> None:
        self.table.flipped = not self.table.flipped
        self.table.show()

    def moves(self, _: str) -> None:
        self.say(" ".join(self.session.legal_moves()) or "no legal moves: the game is over")

    def hint(self, _: str) -> None:
        self.require_unfinished("no hint")
        for likely in self.session.hint(self.table.player()):
            self.say(_likely(likely))

    def eval(self, _: str) -> None:
        self.require_unfinished("no evaluation")
        value = self.session.value(self.table.player())
        side = f"{self.session.game.seats[0]} ({PERSON if self.session.seat == 0 else self.table.name})"
        self.say(
            f"{round(value, 2) + 0:+.2f} for {side}: an expected score of {(1 + value) / 2:.0%}; "
            "+1 is a certain win, -1 a certain loss"
        )

    def position(self, _: str) -> None:
        self.say(self.session.shown)

    def undo(self, _: str) -> None:
        self.session.undo()
        self.table.show()

    def go(self, _: str) -> None:
        self.require_unfinished("no move")
        self.table.reply("For you it plays")
        self.table.advance()

    def switch(self, _: str) -> None:
        self.require_unfinished("no change of sides")
        self.session.switch()
        self.table.begin()

    def draws(self, _: str) -> None:
        game = self.session.game
        ends = ", ".join(reason for reason in game.reasons[1:] if reason != "variant rule")
        self.say(
            "The game ends by itself as soon as a rule ends it; a draw is neither claimed nor offered. "
            f"In {game.name} it ends by: {ends}."
        )

    def resign(self, _: str) -> None:
        self.require_unfinished("no resignation")
        self.session.resigned = True
        self.table.say_end()

    def new(self, start: str) -> None:
        self.table.session = self.session.new(start)
        self.table.begin()

    def save(self, name: str) -> None:
        names = (PERSON, self.table.name)
        text = self.session.record(EVENT, *names, sgf=name.lower().endswith(SUFFIX))
        count = self.saved.save(name, self.session.number_of_game, text)
        held = f", which now has {count} games" if count > 1 else ""
        who = ", ".join(f"{side}: {who}" for side, who in self.session.authors(*names).items())
        self.say(f"saved to {name}{held}; {who}")


def _likely(likely: Likely) -> str:
    return likely.name if likely.probability is None else f"{likely.name} ({likely.probability:.1%})"
