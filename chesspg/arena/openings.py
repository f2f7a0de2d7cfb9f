"""Openings, so that two players that never roll dice still play many different games."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

import chess
import chess.pgn
import numpy as np

from chesspg.arena.numbers import BadValue, whole
from chesspg.games.chess import VARIANTS, Chess
from chesspg.games.game import Game, join_position
from chesspg.players.draws import Draws
from chesspg.players.lockstep import play
from chesspg.players.player import Random

DISTINCT_ATTEMPTS = 20  # so often is an opening drawn again because another is equal to it …
ATTEMPTS = 100  # … and so often because the game was over
FIRST_ROLLOUT = 1  # rollout 0 of the same seed is the match itself
BALANCED = Path(__file__).with_name("openings.pgn")  # made by balanced.py
MOST = 1000  # plies of a random opening
FORMS = "balanced, random:PLIES, an EPD file or a PGN file"


class Unplayable(ValueError):
    """Numbers that make no match."""


def default_plies(game: Game) -> int:
    """An eighth of the squares: 8 plies in chess; 1 in tic-tac-toe, where 8 would leave nothing to play."""
    return game.board[0] * game.board[1] // 8


def usual_openings(game: Game) -> str:
    """Those of a match if nobody says which: the balanced ones of standard chess, and else random ones."""
    return "balanced" if game.name == Chess().name else f"random:{default_plies(game)}"


def openings_from_string(text: str, game: Game, count: int, seed: int) -> list[str]:
    """[count] openings, of which `text` says where from: `balanced`, `random:PLIES`, an EPD file or a PGN file.

    Those of a file come in an order drawn from the seed, and again in that order where it has fewer than count.
    Raises OSError or ValueError, naming the text, or the file and the line or game in it, and what would do.
    """
    kind, colon, plies = text.partition(":")
    if kind == "random" and colon:
        try:
            return random_openings(game, count, whole(0, MOST)(plies), seed)
        except BadValue as error:
            raise Unplayable(f"the plies in {text[:40]!r} {error}") from None
    if not isinstance(game, Chess) or (text == "balanced" and game.variant != "standard"):
        raise ValueError(f"openings {text!r} are no {game.name}; random:{default_plies(game)} would do")
    path = BALANCED if text == "balanced" else Path(text)
    if not path.is_file():
        raise ValueError(f"no openings {text!r}: there is no such file; {FORMS} would do")
    known = read_openings(path, game)
    order = Draws(seed, FIRST_ROLLOUT).generator().permutation(len(known))
    return [known[order[k % len(known)]] for k in range(count)]


def random_openings(game: Game, count: int, plies: int, seed: int) -> list[str]:
    """[count] positions after `plies` random plies, none over, all different while the game has that many.

    Raises Unplayable if hardly any game lasts that long.
    """
    distinct = DISTINCT_ATTEMPTS if plies else 0  # of no plies there is one opening
    drawn: list[list[str | None]] = [[] for _ in range(count)]  # of each slot; None where the game was over
    for attempt in range(ATTEMPTS):
        openings = _settle(drawn, distinct)
        missing = np.array([i for i, opening in enumerate(openings) if opening is None], dtype=np.int64)
        if not len(missing):
            break
        # One draw for each slot and attempt: what one slot needs changes no other.
        draws = Draws(seed, FIRST_ROLLOUT + attempt)
        rollout = play(game.start(len(missing)), (Random(), Random()), draws, max_plies=plies, index=missing)
        for slot, text, lasts in zip(missing, rollout.positions(), rollout.truncated, strict=True):
            drawn[slot].append(text if lasts else None)
    found = [opening for opening in _settle(drawn, distinct) if opening is not None]
    if len(found) < count:
        raise Unplayable(f"{game.name} hardly ever lasts {plies} random plies; fewer opening plies would do")
    return found


def _settle(drawn: Sequence[Sequence[str | None]], distinct: int) -> list[str | None]:
    """The first of each slot's draws that no slot before it has, or any from the `distinct`-th on, or None.

    So more slots change nothing in those before them.
    """
    openings: list[str | None] = []
    seen: set[str] = set()
    for texts in drawn:
        fit = (text for k, text in enumerate(texts) if text is not None and (text not in seen or k >= distinct))
        openings.append(next(fit, None))
        if openings[-1] is not None:
            seen.add(openings[-1])
    return openings


def read_openings(path: Path, game: Chess) -> list[str]:
    """The openings in a PGN file, each game's moves to its end, or else in an EPD file, a position or FEN a line.

    One that comes again is left out. Raises OSError, or ValueError that names the file and the line or game in it.
    """
    with path.open(encoding="utf-8-sig") as file:
        read = _read_pgn if path.suffix.lower() == ".pgn" else _read_epd
        try:
            found = {position: where for where, position in read(file, game)}
        except UnicodeDecodeError:
            raise ValueError(f"{path} is no text; {FORMS} would do") from None
        except _Broken as error:
            raise ValueError(f"{path}, {error}") from None
    if not found:
        raise ValueError(f"{path} has no opening in it; a position a line as EPD, or games as .pgn, would do")
    try:
        games = game.start(list(found))
    except ValueError:
        for position, where in found.items():
            try:
                game.to_board(position)
            except ValueError as error:
                raise ValueError(f"{path}, {where}: {error}") from None
        raise
    for where, over in zip(found.values(), games.outcomes().over, strict=True):
        if over:
            raise ValueError(f"{path}, {where}: the game is over there")
    return [games.position(index) for index in range(len(games))]  # as games from there begin


class _Broken(ValueError):
    """What is wrong, and in which line or game."""

    def __init__(self, where: str, error: Exception | str) -> None:
        super().__init__(f"{where}: {error}")


def _read_epd(file: Iterable[str], game: Chess) -> Iterator[tuple[str, str]]:
    """Each line's number and position."""
    for number, line in enumerate(file, 1):
        fields = line.split()
        if not fields or line.startswith("#"):
            continue
        where = f"line {number}"
        try:
            if len(fields) != 6 or not fields[5].isdecimal():  # else it is a FEN
                line = VARIANTS[game.variant].from_epd(line, chess960=game.variant == "chess960")[0].fen()
        except ValueError as error:
            raise _Broken(where, error) from None
        yield where, line.strip()


class _Reader(chess.pgn.GameBuilder[chess.pgn.Game]):
    """Keeps errors to itself, for us to tell."""

    def handle_error(self, error: Exception) -> None:
        self.game.errors.append(error)


def _read_pgn(file: TextIO, game: Chess) -> Iterator[tuple[str, str]]:
    """Each game's number and moves."""
    number = 0
    while told := chess.pgn.read_game(file, Visitor=_Reader):
        number += 1
        where = f"game {number}"
        if told.errors:
            raise _Broken(where, told.errors[0])
        board = told.end().board()
        if type(board) is not VARIANTS[game.variant] or board.chess960 != (game.variant == "chess960"):
            raise _Broken(where, f"is of {told.headers.get('Variant', 'standard')} chess, and the match of {game.name}")
        start = board.root().fen()
        moves = [move.uci() for move in board.move_stack]
        if not moves and "FEN" not in told.headers:
            raise _Broken(where, "no moves")
        yield where, join_position("startpos" if start == chess.STARTING_FEN else start, moves)
