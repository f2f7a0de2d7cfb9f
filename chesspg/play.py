"""`python -m chesspg.play [CHECKPOINT]`: a person plays a policy in the terminal."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import importlib
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from rich.console import Console
from rich.text import Text

from chesspg.arena import board, numbers, roster
from chesspg.arena.commands import Parser, one_line_errors, polite_interrupt, run
from chesspg.arena.records.pgn import save_pgn, to_pgn
from chesspg.arena.session import NAMES, Likely, Session
from chesspg.games.chess import Chess
from chesspg.games.game import Game
from chesspg.players.draws import Draws
from chesspg.players.player import Player

DESCRIPTION = f"""\
Play a policy in the terminal, by typing moves as in Nf3 or g1f3.

CHECKPOINT is {roster.KINDS["file"].form}; also random or greedy.
If none is named, it is the newest run under ./{roster.RUNS}, or else the strongest policy that ships.
"""
HELP = """\
a move        in SAN or UCI, as in Nf3, g1f3, exd5, O-O, e8=Q; or a square in smaller games
board         show the board again
moves         all legal moves
hint          the moves that the policy finds likeliest
undo          take back your last move and the reply
resign        give up
save FILE     write the game as PGN
quit          leave"""
WHITE_PIECES, SOLID = "♔♕♖♗♘♙", "♚♛♜♝♞♟"  # on coloured squares both sides are solid, told apart by colour
BACKGROUND = {
    board.LAST: ("#cdd26a", "#aaa23a"),
    board.CHECK: ("#e05050", "#e05050"),
    board.PLAIN: ("#b59a6c", "#7d5f3f"),
}


class Table:
    """The person at the terminal, the session, and the player, who may still be on the way."""

    def __init__(self, session: Session, opponent: Future[Player], name: str, console: Console) -> None:
        self.session, self.opponent, self.name, self.console = session, opponent, name, console
        self.commands: dict[str, Callable[[], None]] = {
            "help": lambda: self.say(HELP), "board": self.show, "moves": self.moves, "hint": self.hint,
            "undo": self.undo, "resign": self.resign,
        }  # fmt: skip

    def run(self) -> None:
        """Play until the person leaves."""
        self.say(f"You have {NAMES[self.session.seat]} against {self.name}. Type a move, or help.")
        self.advance(shown=False)
        while (line := self.ask()) is not None:
            if self.opponent.done():
                self.player()  # a policy that could not be read is told now, not a move later
            if line.lower() in ("quit", "exit"):
                return
            if line:
                self.obey(line)

    def obey(self, line: str) -> None:
        word, _, argument = line.partition(" ")
        try:
            if word.lower() == "save":
                self.save(argument.strip())
            elif line.lower() in self.commands:
                self.commands[line.lower()]()
            elif self.session.result:
                self.say("The game is over; undo, save FILE or quit.")
            else:
                self.session.move(line)
                self.advance(shown=False)
        except ValueError as error:
            self.say(str(error))

    def advance(self, *, shown: bool) -> None:
        """Let the player reply if it is its turn, show the board, and tell the end if it has come."""
        session = self.session
        if not session.result and not session.to_move:
            player, number = self.player(), session.number
            reply = session.reply(player)
            if reply:
                self.say(f"{self.name} plays {number} {_likely(reply)}")
            shown = False
        if not shown:
            self.show()
        if session.result:
            self.say(f"{session.verdict}. {session.result}")

    def player(self) -> Player:
        """Waits for the player. A policy that can't be read ends the command."""
        with one_line_errors():
            return self.opponent.result()

    def show(self) -> None:
        self.console.print(draw(self.session.game, self.session.position, self.session.seat == 1, self.console))

    def moves(self) -> None:
        self.say(" ".join(self.session.legal_moves()) or "none, the game is over")

    def hint(self) -> None:
        if self.session.result:
            raise ValueError("no hint: the game is over")
        for likely in self.session.hint(self.player()):
            self.say(_likely(likely))

    def undo(self) -> None:
        self.session.undo()
        self.show()

    def resign(self) -> None:
        if self.session.result:
            raise ValueError("the game is over already")
        self.session.resigned = True
        self.advance(shown=True)

    def save(self, path: str) -> None:
        if not path:
            raise ValueError("save where? As in: save game.pgn")
        session = self.session
        players = {NAMES[session.seat]: "you", NAMES[1 - session.seat]: self.name}
        date = datetime.date.today().strftime("%Y.%m.%d")  # a PGN's date is local
        headers = {"Event": "chesspg play", "Date": date, **players}
        if session.result:
            headers |= {"Result": session.result, "Termination": session.reason}
        try:
            save_pgn(path, [to_pgn(session.game, session.position, headers)], replace=False)
        except FileExistsError as error:
            raise ValueError(f"{error}; choose another name") from None
        except OSError as error:
            raise ValueError(f"{path} can't be written: {error.strerror}") from None
        self.say(f"saved to {path}")

    def ask(self) -> str | None:
        """A line of the person's, None when there are no more."""
        try:
            return input("> " if self.session.result else f"{self.session.number} ").strip()
        except EOFError:
            self.say("")
            return None

    def say(self, text: str) -> None:
        self.console.print(Text(text))


def draw(game: Game, position: str, from_black: bool, console: Console) -> Text:
    """The board in colours on a terminal, else as plain text."""
    squares = board.read_board(game, position, from_black=from_black) if console.color_system else None
    if squares is None:
        return Text(board.plain(game, position, from_black=from_black))
    text = Text()
    for label, cells in squares.rows:
        text.append(f"{label} ", "dim")
        for piece, mark, dark in cells:
            white = piece in WHITE_PIECES
            sign = SOLID[WHITE_PIECES.index(piece)] if white else piece.replace("·", " ")
            # The marks stay, for terminals and eyes that tell few colours.
            text.append(mark[0] + sign + mark[1], f"{'#ffffff' if white else '#000000'} on {BACKGROUND[mark][dark]}")
        text.append("\n")
    return text.append(f"   {'  '.join(squares.files)}", "dim")


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    with polite_interrupt("goodbye"), contextlib.ExitStack() as stack:
        loader = ThreadPoolExecutor(1)
        stack.callback(loader.shutdown, wait=False)  # whoever leaves does not wait for an import
        with one_line_errors():
            text = given.checkpoint or _default()
            if given.temperature is not None:
                text += f"{'&' if '?' in text else '?'}temperature={given.temperature}"
            game = roster.game_of([text])  # reads the header: a bad file is told at once
            if isinstance(game, Chess):
                game = Chess(game.variant, backend="python-chess")  # one game is not worth compiling rules for
            draws = Draws(secrets.randbits(32) if given.seed is None else given.seed)
            seat = int(draws.generator().integers(2)) if given.color == "random" else NAMES.index(given.color.title())
            session = Session(game, seat, draws, given.fen or game.start(1).position(0))
        # torch takes seconds to import and the person longer to think: both at once.
        opponent = loader.submit(roster.player_from_string, text, game)
        _line_editing()
        Table(session, opponent, text, Console(highlight=False, soft_wrap=True)).run()
    return 0


def _default() -> str:
    default = roster.default_player()
    if default is None:
        raise ValueError(
            f"no run under ./{roster.RUNS} and no rated policy that ships; train one with `python -m chesspg.train`, "
            "or name a checkpoint"
        )
    text, what = default
    print(f"{text}: {what}")
    return text


def _likely(likely: Likely) -> str:
    return likely.name if likely.probability is None else f"{likely.name} ({likely.probability:.1%})"


def _line_editing() -> None:
    """Give input() the arrow keys and a history, as importing readline does where there is one (not on Windows)."""
    with contextlib.suppress(ImportError):
        importlib.import_module("readline")


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python -m chesspg.play", description=DESCRIPTION, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("checkpoint", metavar="CHECKPOINT", nargs="?", help="whom to play")
    parser.add_argument("--color", choices=("white", "black", "random"), default="white", help="yours (default: white)")
    parser.add_argument("--temperature", metavar="T", help="0 always plays the likeliest move (default: the policy's)")
    parser.add_argument(
        "--seed",
        type=numbers.seed,
        help="makes the policy's moves the same again (default: others each time)",
    )
    parser.add_argument("--fen", metavar="FEN", help="the position to begin from")
    return parser


if __name__ == "__main__":
    run(main)
