"""`python -m chesspg.play [PLAYER]`: a person plays a policy in the terminal."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import importlib
import os
import re
import secrets
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.text import Text

from chesspg.arena import default_player
from chesspg.arena.session import NAMES, Likely, Session
from chesspg.games.game import Game
from chesspg.games.randomness import Randomness
from chesspg.pgn.writing import save_pgn, to_pgn
from chesspg.players import roster
from chesspg.players.player import Player
from chesspg.storage import runs
from chesspg.storage.shipped import shipped_names
from chesspg.terminal import board, numbers
from chesspg.terminal.command import Parser, one_line_errors, polite_interrupt, run, waiting

DESCRIPTION = f"""\
Play against a policy, or any other player, by typing moves as in Nf3 or g1f3; help lists the other commands.

PLAYER is one of:
{roster.TABLE}
({shipped_names()}).

If none is named, it is the newest run under ./{runs.RUNS}, or else the strongest policy that ships.
"""
PERSON = "you"
MOVES = "in SAN or UCI, as in Nf3, g1f3, exd5, O-O, e8=Q; or as another game writes them"
WHITE_PIECES, SOLID = "♔♕♖♗♘♙", "♚♛♜♝♞♟"  # on colored squares both sides are solid and differ in color
BACKGROUND = {
    board.LAST: ("#cdd26a", "#aaa23a"),
    board.CHECK: ("#e05050", "#e05050"),
    board.PLAIN: ("#b59a6c", "#7d5f3f"),
}


class Command(NamedTuple):
    """What the person may type instead of a move."""

    form: str  # with a word in capitals if something may follow
    about: str
    do: Callable[[str], None]  # with what follows


class Saved(NamedTuple):
    """A file that this session wrote."""

    games: dict[int, str]  # PGN by number of the game
    content: bytes


class Table:
    """The person at the terminal, the session, and the player, who may still be on the way."""

    def __init__(self, session: Session, opponent: Future[Player], name: str, console: Console) -> None:
        self.session, self.opponent, self.name, self.console = session, opponent, name, console
        self.flipped = False  # whether the person's side is above
        self.saved: dict[Path, Saved] = {}
        commands = (
            Command("help", "show this list", self.help),
            Command("board", "show the board again", self.show),
            Command("flip", "turn the board around", self.flip),
            Command("moves", "all legal moves", self.moves),
            Command("hint", "the moves that the policy finds likeliest", self.hint),
            Command("eval", "the result that the policy expects", self.eval),
            Command("fen", "the position as a FEN", self.fen),
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

    def run(self) -> None:
        """Play until the person leaves."""
        self.begin()
        while (line := self.ask()) is not None:
            if self.opponent.done():
                self.player()  # a policy that could not be read is reported now, not a move later
            if line.lower() in ("quit", "exit"):
                return
            if line:
                self.obey(line)

    def obey(self, line: str) -> None:
        word, argument = (*line.split(maxsplit=1), "")[:2]
        command = self.commands.get(word.lower())
        try:
            if command and line not in self.session.legal_moves():  # a game may have a move of that name
                if argument and " " not in command.form:
                    raise ValueError(f"{word} takes nothing after it, got {argument!r}")
                command.do(argument)
            elif self.session.result:
                raise ValueError(f"the game is over, got {line[:40]!r}; expected new, undo, save FILE or quit")
            else:
                self.move(line)
        except ValueError as error:
            self.say(str(error))

    def move(self, text: str) -> None:
        try:
            self.session.move(text)
        except ValueError as error:
            if re.search(r"\d|\A[oO]-[oO]", text):
                raise
            raise ValueError(f"{error}; commands are {', '.join(self.commands)}") from None  # it may be meant for one
        self.advance()

    def begin(self) -> None:
        seat = self.session.seat
        self.say(f"You have {NAMES[seat]} against {self.name}. Type a move, or help.")
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
            self.say(f"{who} {number} {_likely(reply)}")

    def say_end(self) -> None:
        if self.session.result:
            self.say(f"{self.session.verdict}. {self.session.result}")

    def player(self) -> Player:
        """Waits for the player. A policy that can't be read ends the command."""
        with one_line_errors():
            return self.opponent.result()

    # ---- Commands

    def help(self, _: str = "") -> None:
        self.say(f"{'a move':<10} {MOVES}")
        for command in self.commands.values():
            self.say(f"{command.form:<10} {command.about}")

    def show(self, _: str = "") -> None:
        from_black = (self.session.seat == 1) != self.flipped
        self.console.print(draw(self.session.game, self.session.position, from_black, self.console))

    def flip(self, _: str = "") -> None:
        self.flipped = not self.flipped
        self.show()

    def moves(self, _: str = "") -> None:
        self.say(" ".join(self.session.legal_moves()) or "no legal moves: the game is over")

    def hint(self, _: str = "") -> None:
        self.going_on("no hint")
        for likely in self.session.hint(self.player()):
            self.say(_likely(likely))

    def eval(self, _: str = "") -> None:
        self.going_on("no evaluation")
        value = self.session.value(self.player())
        side = f"{NAMES[0]} ({PERSON if self.session.seat == 0 else self.name})"
        self.say(
            f"{round(value, 2) + 0:+.2f} for {side}: an expected score of {(1 + value) / 2:.0%}; "
            "+1 is a win, 0 a draw, -1 a loss"
        )

    def fen(self, _: str = "") -> None:
        self.say(self.session.fen)

    def undo(self, _: str = "") -> None:
        self.session.undo()
        self.show()

    def go(self, _: str = "") -> None:
        self.going_on("no move")
        self.reply("For you it plays")
        self.advance()

    def switch(self, _: str = "") -> None:
        self.going_on("no change of sides")
        self.session.switch()
        self.begin()

    def draws(self, _: str = "") -> None:
        game = self.session.game
        ends = ", ".join(reason for reason in game.reasons[1:] if reason != "variant rule")
        self.say(
            "There is nothing to claim, since the game ends by itself as soon as a rule ends it. "
            f"In {game.name} these are {ends}. {self.name} accepts no offers."
        )

    def resign(self, _: str = "") -> None:
        self.going_on("no resignation")
        self.session.resigned = True
        self.say_end()

    def new(self, start: str = "") -> None:
        self.session = self.session.new(start)
        self.begin()

    def save(self, name: str = "") -> None:
        """Write the game to a file; with the other games that went there in this session, as they are, if any did."""
        if not name:
            raise ValueError("the name of a file is missing; expected one, as in save game.pgn")
        path = Path(os.path.expanduser(name)).absolute()
        earlier = self.saved.get(path)
        games = {**(earlier.games if earlier else {}), self.session.number_of_game: self.pgn()}
        try:
            ours = earlier is not None and path.exists() and path.read_bytes() == earlier.content
            save_pgn(path, games.values(), replace=ours)
            self.saved[path] = Saved(games, path.read_bytes())
        except FileExistsError:
            changed = " (it was changed since it was saved here)" if earlier else ""
            raise ValueError(f"{name} exists and is not overwritten{changed}; choose another name") from None
        except OSError as error:
            raise ValueError(f"{name} can't be written: {error.strerror}") from None
        held = f", which holds {len(games)} games now" if len(games) > 1 else ""
        self.say(f"saved to {name}{held}; {', '.join(f'{side}: {who}' for side, who in self.authors().items())}")

    def authors(self) -> dict[str, str]:
        """Who had which side."""
        return {NAMES[seat]: self.session.authors(seat, PERSON, self.name) for seat in (0, 1)}

    def pgn(self) -> str:
        session = self.session
        date = datetime.date.today().strftime("%Y.%m.%d")  # a PGN's date is local
        headers = {"Event": "chesspg play", "Date": date, **self.authors()}
        if session.result:
            headers |= {"Result": session.result, "Termination": session.reason}
        return to_pgn(session.game, session.position, headers)

    # ---- Input and output

    def going_on(self, what: str) -> None:
        """Raise ValueError if the game is over."""
        if self.session.result:
            raise ValueError(f"{what}: the game is over")

    def ask(self) -> str | None:
        """A line of the person's, None when there are no more.

        A terminal shows what is typed after the prompt; what comes out of a pipe or a file is shown in the same way.
        """
        prompt = "> " if self.session.result else f"{self.session.number} "
        typed = sys.stdin.isatty()
        try:
            line = input(prompt if typed else "").strip()
        except EOFError:
            if typed:
                self.say("")
            return None
        if not typed:
            self.say(f"{prompt}{line}".rstrip())
        return line

    def say(self, text: str) -> None:
        self.console.print(Text(text))


def draw(game: Game, position: str, from_black: bool, console: Console) -> Text:
    """The board in colors on a terminal, else as plain text."""
    squares = board.read_board(game, position, from_black=from_black) if console.color_system else None
    if squares is None:
        return Text(board.plain(game, position, from_black=from_black))
    text = Text()
    for label, cells in squares.rows:
        text.append(f"{label} ", "dim")
        for piece, mark, dark in cells:
            white = piece in WHITE_PIECES
            sign = SOLID[WHITE_PIECES.index(piece)] if white else piece.replace("·", " ")
            # The marks stay, for terminals and eyes that distinguish few colors.
            text.append(mark[0] + sign + mark[1], f"{'#ffffff' if white else '#000000'} on {BACKGROUND[mark][dark]}")
        text.append("\n")
    return text.append(f"   {'  '.join(squares.files)}", "dim")


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
        Table(session, opponent, text, Console(highlight=False, soft_wrap=True)).run()
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
