"""PGN files as people and programs write them, generated from a seed, together with the games they contain."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

import chess

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

STARTS = (
    chess.STARTING_FEN,
    chess.STARTING_FEN,
    "r3k2r/pppq1ppp/2np1n2/2b1p1B1/2B1P1b1/2NP1N2/PPPQ1PPP/R3K2R w KQkq - 4 8",
    "1n5k/P1P4P/8/8/8/8/p1p4p/1N5K b - - 0 1",
    "2k5/P7/8/8/3N3N/8/8/K2N3N w - - 0 1",
    "4k3/8/8/8/pPp5/8/8/4K3 b - b3 0 1",
    "1k6/8/8/Q6Q/8/8/8/QK5Q w - - 0 1",
)
OUTCOMES = {"1-0": 1, "0-1": -1, "1/2-1/2": 0, "*": None}
DRAWS = ("1/2-1/2", "½-½", "1/2", "0.5-0.5")
FIGURINES = dict(zip("KQRBN", "♔♕♖♗♘", strict=True))
REMARKS = (
    "best by test", "the idea is 12. Nf3 and 1-0", "[%clk 0:01:02]", "[%eval -0.31] [%cal Ge2e4]", "(see below)",
    "a; b", "$5", "two\nlines", 'from the book\n[Source "any"] page 3', '\n[Event "of another one"]\n',
    "blank\n\nlines", "Müller-Löwe", "%\n% no escape", "* 1. e4 e5 1/2-1/2", "", "{ once",
)  # fmt: skip
BAD_TAGS = ("[Date 2020.01.01]", '[Date "2020.01.01]', "[Date]", "[]", '["x"]', '[Date "2020"', '% [FEN "x"]')
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": partial(gzip.compress, mtime=0),  # the same bytes at any time
    ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zstd.compress,
}  # fmt: skip


@dataclass
class Game:
    """The content of a game, and whether python-chess reads it correctly."""

    start: str
    moves: list[str] = field(default_factory=list)  # as UCI
    outcome: int | None = None
    event: str = "?"
    known: bool = True  # to python-chess


class Writer:
    """One file with a few games."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.games: list[Game] = []
        self.plain = self.often(0.5)  # nothing that python-chess does not know
        # Habits of a file; each game of it has them.
        self.numbers = self.pick("1. ", "1. ", "1.", "1 .", "")
        self.notation = self.pick("san", "san", "san", "long", "coordinates", "dashes", self.odd("figurines", "san"))
        self.remarks = self.pick(0.0, 0.0, 0.1, 0.5)
        self.variations = self.pick(0.0, 0.0, 0.1)
        self.marks = self.pick(0.0, 0.3)
        self.breaks = self.pick(0.1, 0.1, 0.0, 0.5)  # a line break instead of a blank
        self.blanks = self.odd(self.pick(0.0, 0.0, 0.0, 0.1), 0.0)  # blank lines in the moves
        self.indent = self.odd(self.pick("", "", "", "  ", "\t"), "")
        self.gap = self.pick(1, 1, 1, 0, *self.odd((2, 3), ()))
        self.between = self.pick(1, 1, 1, 2, self.odd(0, 1))  # blank lines after a game
        self.result = self.odd(self.pick("tag and marker", "tag and marker", "marker", "odd marker"), "tag and marker")
        self.tagless = self.often(0.1)
        if self.tagless and not self.numbers:
            self.between = max(1, self.between)  # else nothing says where a game begins

    def pick(self, *of: Any) -> Any:
        return self.chance.choice(of)

    def odd(self, odd: Any, plain: Any) -> Any:
        return plain if self.plain else odd

    def often(self, share: float) -> bool:
        return self.chance.random() < share

    def text(self) -> str:
        games = [self.game() for _ in range(self.chance.randint(1, 4))]
        return ("\n" * (self.between + 1)).join(games) + self.pick("\n", "\n\n", "")

    def game(self) -> str:
        game = Game(STARTS[0] if self.tagless else self.pick(*STARTS))
        self.games.append(game)
        board = chess.Board(game.start)
        result = self.pick(*OUTCOMES)
        words = self.line(game, board)
        game.outcome = OUTCOMES[result]
        marker = result
        if self.result == "odd marker" and result == "1/2-1/2":
            marker = self.pick(*DRAWS)
            game.known &= marker == result
        body = self.wrapped(game, [*words, marker])
        if self.tagless:
            game.known &= bool(self.between)
            return body
        head = self.tags(game, None if self.result != "tag and marker" else result)
        game.known &= self.gap < 2 and self.between > 0
        return head + "\n" * (self.gap + 1) + body

    def tags(self, game: Game, result: str | None) -> str:
        game.event = self.pick("?", "Köln 1898", "Round (1)", "a [b] c", "no; comment")
        tags = {"Event": game.event, "Site": "s", "White": "w", "Black": "b"}
        if result is not None:
            tags["Result"] = result
        if game.start != chess.STARTING_FEN:
            tags |= {"SetUp": "1", "FEN": game.start}
        for name, value in {"WhiteElo": "2500", "TimeControl": "600+5", "ECO": "C20", "Annotator": 'the "one"'}.items():
            if self.often(0.3):
                tags[name] = value
        lines = [f'{self.indent}[{name} "{value}"]' for name, value in tags.items()]
        if self.indent:
            game.known = False
        if self.often(0.3):
            self.chance.shuffle(lines)
        if self.often(self.odd(0.1, 0)):
            lines = [line.replace("[", "[ ", 1).replace('"]', '" ]') for line in lines]
            game.known = False
        if self.often(0.1):
            lines = [line + self.pick(" ", "\t", "  ") for line in lines]
        if self.often(0.1):
            lines.insert(self.chance.randrange(len(lines) + 1), self.pick(*BAD_TAGS))
        if self.often(0.1):
            lines.insert(self.chance.randrange(1, len(lines) + 1), "")  # a blank line between tags
            game.known &= lines[-1] != ""
        if self.often(self.odd(0.1, 0)):
            at = self.chance.randrange(1, len(lines)) if len(lines) > 1 else 0
            if lines[at].strip().endswith("]") and lines[at - 1].strip().endswith('"]') and '"' in lines[at]:
                lines[at - 1 : at + 1] = [lines[at - 1] + lines[at].strip()]
                game.known = False
        return "\n".join(lines)

    def line(self, game: Game, board: chess.Board) -> list[str]:
        """The words of the main line, played at random."""
        words: list[str] = []
        fresh = True  # whether a number is due
        for _ in range(self.chance.randrange(1, 40)):
            if board.is_game_over():
                break
            move = self.move(board)
            name = self.name(game, board, move)
            if board.turn or fresh:
                words += self.number(board)
            if self.numbers == "1." and words and re.fullmatch(r"\d+\.+", words[-1]):
                words[-1] += name
            else:
                words.append(name)
            if self.often(self.marks):
                words[-1] += self.pick("!", "?", "!?", "??")
                if self.often(0.3):
                    words.append(self.pick("$1", "$14 $22", "+-", "=", "N", "D"))
            game.moves.append(move.uci())
            before = board.copy()
            board.push(move)
            fresh = False
            if self.often(self.remarks):
                words.append(self.remark())
                fresh = self.often(0.5)
            if self.often(self.variations):
                words.append(self.variation(before, 0))
                game.known &= "1-0" not in words[-1].replace("{1-0}", "")  # python-chess does not find out of it again
                fresh = True
        return words

    def move(self, board: chess.Board) -> chess.Move:
        moves = list(board.legal_moves)
        special = [move for move in moves if move.promotion or board.is_castling(move) or board.is_en_passant(move)]
        return self.chance.choice(special if special and self.often(0.5) else moves)

    def number(self, board: chess.Board) -> list[str]:
        if not self.numbers:
            return []
        dots = "." if board.turn else "..."
        return [f"{board.fullmove_number} {dots}" if self.numbers == "1 ." else f"{board.fullmove_number}{dots}"]

    def name(self, game: Game, board: chess.Board, move: chess.Move) -> str:
        """A move in the notation of the file."""
        san = board.san(move)
        if self.notation in ("coordinates", "dashes"):
            name = move.uci()
            return name if self.notation == "coordinates" else f"{name[:2]}-{name[2:]}"
        if board.is_castling(move):
            other = self.pick(san, san, san.replace("O", "0"), self.odd(san.lower(), san))
            game.known &= "o" not in other
            return other
        if self.notation == "long":
            letter = chess.piece_symbol(board.piece_type_at(move.from_square) or 1).upper().replace("P", "")
            takes = "x" if board.is_capture(move) else "-"
            san = letter + chess.square_name(move.from_square) + takes + san[-3 if san[-1] in "+#" else -2 :]
            if move.promotion:
                san = f"{chess.square_name(move.from_square)}{takes}{chess.square_name(move.to_square)}"
                san += "=" + chess.piece_symbol(move.promotion).upper()
        if self.notation == "figurines":
            game.known &= san[0] not in FIGURINES and "=" not in san
            san = "".join(FIGURINES.get(letter, letter) for letter in san)
        if move.promotion and self.notation == "san":
            form = self.pick("=Q", "=Q", "Q", self.odd("(Q)", "Q"), self.odd("/Q", "Q"))
            game.known &= form in ("=Q", "Q")
            at = san.index("=")
            san = san[:at] + form.replace("Q", san[at + 1]) + san[at + 2 :]
        if board.is_en_passant(move) and self.often(0.5):
            san += self.pick(" e.p.", "e.p.", "ep")
        if self.often(0.1):
            san = san.rstrip("+#")
        return san

    def remark(self) -> str:
        if self.often(0.1):
            return "; " + self.pick("a remark", "{", '[Event "x"] 1-0', "e4") + "\n"
        remark = self.pick(*REMARKS)
        return f"{{{remark}}}" if self.often(0.5) else f"{{ {remark} }}"

    def variation(self, board: chess.Board, depth: int) -> str:
        board = board.copy()
        words = []
        for _ in range(self.chance.randrange(1, 4)):
            if board.is_game_over():
                break
            move = self.chance.choice(list(board.legal_moves))
            words += [f"{board.fullmove_number}{'.' if board.turn else '...'}", board.san(move)]
            before = board.copy()
            board.push(move)
            if self.often(0.2):
                words.append(self.pick("{1-0}", "{(}", "{)}", "$3", "--", "Z0", self.odd("1-0", "$1")))
                if words[-1] in ("--", "Z0"):
                    break
            if depth < 3 and self.often(0.2):
                words.append(self.variation(before, depth + 1))
        return self.pick("({})", "( {} )").format(" ".join(words))

    def wrapped(self, game: Game, words: list[str]) -> str:
        text = words[0]
        for word in words[1:]:
            if text.endswith("\n"):
                gap = ""
            elif self.blanks and self.often(self.blanks):
                gap = "\n\n"
                game.known = False
            else:
                gap = "\n" if self.often(self.breaks) else " "
            if gap.endswith("\n") and self.often(0.05):
                gap += "% an escape { 1-0\n"
            text += gap + word
        return text


def file(seed: int) -> tuple[str, str, bytes, list[Game]]:
    """The name of a file, its text, its bytes and its games."""
    writer = Writer(seed)
    written, chance = writer.text(), writer.chance
    text = written.replace("\n", chance.choice(["\n", "\n", "\n", "\r\n", "\r"]))
    encoding = chance.choice(["utf-8", "utf-8", "utf-8", "utf-8-sig", "latin-1", "utf-16", "utf-16-le"])
    content = text.encode(encoding if not set(text) & {*FIGURINES.values()} else "utf-8")
    suffix = chance.choice(["", "", "", *COMPRESS])
    if suffix:
        content = COMPRESS[suffix](content)
    return f"games.pgn{suffix if chance.random() < 0.8 else ''}", written, content, writer.games
