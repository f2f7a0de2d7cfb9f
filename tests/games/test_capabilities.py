"""Capabilities of games: one that does not agree with the rules is found, and none is required."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import chess
import numpy as np
import pytest
from numpy.typing import NDArray
from others import Othello, SlowGames

from chesspg.games.capabilities import Captures, Heuristic, heuristic_or_zero
from chesspg.games.chess import Chess
from chesspg.games.chess.engines import ChessEngineProtocol
from chesspg.games.chess.exchanges import ChessExchanges
from chesspg.games.chess.notation import ChessNotation
from chesspg.games.chess.starts import UnevenArmies
from chesspg.games.contract import BrokenContract, capabilities, check, playing
from chesspg.games.contract.sample import Sample
from chesspg.games.game import Game, Observation
from chesspg.games.randomness import Randomness
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.training.datamodule import SelfPlay


@pytest.fixture(scope="module")
def sample() -> Sample:
    """Games of chess for the rules of the contract."""
    sample = Sample(Chess(backend="python-chess"), {1: [], 0: [], -1: []}, [], [])
    playing.random_games(sample)
    return sample


class Offering(Chess):
    """Chess with one capability replaced."""

    def __init__(self, name: str, capability: Any) -> None:
        super().__init__(backend="python-chess")
        setattr(self, name, capability)

    def start(self, positions: int | Sequence[str]) -> Any:
        return Chess(backend="python-chess").start(positions)


FAULTS: list[Any] = []


def fault(name: str, message: str) -> Callable[[type], type]:
    """Register a capability with a fault, and the message that the check must raise."""

    def add(broken: Any) -> Any:
        FAULTS.append(pytest.param(name, broken if name == "starts" else broken(), message, id=broken.__name__))
        return broken

    return add


@fault("notation", r"notation.to_board\('.*'\) must have player 1 to move")
class AlwaysWhite(ChessNotation):
    def to_board(self, position: str) -> chess.Board:
        board = super().to_board(position)
        board.turn = chess.WHITE
        return board


@fault("notation", r"must have the moves \[.*\] on its stack, got \[\]")
class WithoutMoves(ChessNotation):
    def to_board(self, position: str) -> chess.Board:
        return super().to_board(position).copy(stack=False)


@fault("notation", r"action \d+ must be a legal move of the board")
class TurnedAround(ChessNotation):
    def to_move(self, action: int, board: chess.Board) -> chess.Move:
        move = super().to_move(action, board)
        return chess.Move(move.to_square, move.from_square, move.promotion)


@fault("notation", r"to_action\([a-h1-8]+\) must be the action \d+ again, got 0")
class NoActions(ChessNotation):
    def to_action(self, move: chess.Move, turn: chess.Color) -> int:
        return 0


class OneMoveLess(chess.Board):
    def generate_legal_moves(self, *masks: int) -> Iterator[chess.Move]:
        _, *others = super().generate_legal_moves(*masks)
        yield from others


@fault("notation", "the legal moves of the board must be the legal actions")
class OfAnotherVariant(ChessNotation):
    def to_board(self, position: str) -> chess.Board:
        board = super().to_board(position)
        other = OneMoveLess(board.root().fen())
        for move in board.move_stack:
            other.push(move)
        return other


@fault("notation", "to_board must name the position 'no such text' that it can't read, got what")
class Nameless(ChessNotation):
    def to_board(self, position: str) -> chess.Board:
        try:
            return super().to_board(position)
        except ValueError:
            raise ValueError("what") from None


@fault("exchanges", r"captures must be legal: those of position \d+ are \[.*\], got 4167")
class Illegal(ChessExchanges):
    def captures(self, seen: Observation, square: NDArray[np.int64] | None) -> Captures:
        found = super().captures(seen, square)
        return found._replace(action=np.full_like(found.action, 4167))


@fault("exchanges", "the gain of a capture must be above 0")
class ForNothing(ChessExchanges):
    def captures(self, seen: Observation, square: NDArray[np.int64] | None) -> Captures:
        found = super().captures(seen, square)
        return found._replace(gain=0 * found.gain)


@fault("engine_protocol", r"engine_protocol.index\('[a-h1-8]+'\) must be 1, got 0")
class AlwaysFirst(ChessEngineProtocol):
    def __init__(self) -> None:
        super().__init__(ChessNotation())

    def index(self, *args: Any, **kwargs: Any) -> int:
        return 0


@fault("engine_protocol", r"engine_protocol.index\('0000'\) must raise ValueError, but raises nothing")
class Passes(ChessEngineProtocol):
    def __init__(self) -> None:
        super().__init__(ChessNotation())

    def index(self, move: str, *args: Any, **kwargs: Any) -> int:
        return 0 if move == "0000" else super().index(move, *args, **kwargs)


@fault("engine_protocol", "engine_protocol.option must be None, or name and value of a UCI option, got UCI_Variant")
class OneWord(ChessEngineProtocol):
    option = "UCI_Variant"  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__(ChessNotation())


@fault("starts", "starts must not be over")
class Mates(UnevenArmies):
    def positions(self, game: Game, index: NDArray[np.integer[Any]], rng: Randomness) -> list[str]:
        return ["startpos moves f2f3 e7e5 g2g4 d8h4"] * len(index)


@fault("starts", "the start of game 19 must be the same whatever other games start")
class InTurn(UnevenArmies):
    def positions(self, game: Game, index: NDArray[np.integer[Any]], rng: Randomness) -> list[str]:
        return [f"startpos moves {('e2e4', 'd2d4')[k % 2]}" for k in range(len(index))]


@pytest.mark.parametrize(("name", "broken", "message"), FAULTS)
def test_a_broken_capability_is_found(sample: Sample, name: str, broken: Any, message: str) -> None:
    rule = getattr(capabilities, name)
    rule(sample)
    with pytest.raises(BrokenContract, match=message) as caught:
        rule(replace(sample, game=Offering(name, broken)))
    assert "\n" not in str(caught.value)


def test_a_file_of_openings_must_be_there_and_readable(sample: Sample, tmp_path: Path) -> None:
    capabilities.openings(sample)
    with pytest.raises(BrokenContract, match="openings must be the path of a file"):
        capabilities.openings(replace(sample, game=Offering("openings", tmp_path / "none.pgn")))
    with pytest.raises(BrokenContract, match="a game with openings must have a notation"):
        capabilities.openings(replace(sample, game=Offering("notation", None)))


class PlaysAll(SlowGames):
    """Plays the first legal action in the other games."""

    def play_some(self, rows: NDArray[Any], actions: NDArray[Any]) -> None:
        legal = self.observe().legal
        chosen = legal.take(np.zeros(len(self), np.int64)).astype(np.int64)
        chosen[rows] = actions
        self.play(chosen)


class AcceptsAnything(SlowGames):
    def play_some(self, rows: NDArray[Any], actions: NDArray[Any]) -> None:
        pass


class InAnotherOrder(SlowGames):
    """Plays the actions in the order of the games."""

    def play_some(self, rows: NDArray[Any], actions: NDArray[Any]) -> None:
        some = self[rows]
        some.play(actions)
        for k, row in enumerate(sorted(rows)):
            self.states[row], self.history[row] = some.states[k], some.history[k]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (PlaysAll, r"play_some in games \[.*\] of 24 must leave the others as they are"),
        (AcceptsAnything, "play_some with action -1 must raise IllegalAction, but raises nothing"),
        (InAnotherOrder, r"play_some in games \[.*\] of 24 must play as play does"),
    ],
)
def test_partial_play_that_differs_from_play(kind: type[SlowGames], message: str) -> None:
    class Faulty(kind):  # type: ignore[misc,valid-type]
        def __getitem__(self, indices: Any) -> Any:
            some = super().__getitem__(indices)
            return Faulty(some.rules, some.states, some.starts, some.history)

    sample = Sample(Othello(), {1: [], 0: [], -1: []}, [], [])
    playing.random_games(sample)
    sample.running = [Faulty(x.rules, x.states, x.starts, x.history)[np.arange(len(x))] for x in sample.running]
    with pytest.raises(BrokenContract, match=message):
        capabilities.partial_play(sample)


def test_exchanges_need_a_heuristic() -> None:
    class Capturing(TicTacToe):
        exchanges = ChessExchanges()

    with pytest.raises(BrokenContract, match="a game with exchanges must have a heuristic, which captures increase"):
        check(Capturing())


def test_few_games_are_of_the_same_game() -> None:
    class Another(TicTacToe):
        def for_few_games(self) -> Game:
            return Othello()

    with pytest.raises(BrokenContract, match=r"for_few_games\(\) must give the same game: name must be 'tic-tac-toe'"):
        check(Another())


def test_a_game_without_a_heuristic_says_so() -> None:
    games = TicTacToe().start(2)
    assert not isinstance(games, Heuristic)
    assert heuristic_or_zero(games) == 0
    with pytest.raises(ValueError, match=r"material_weight must be 0 for tic-tac-toe, which has no heuristic, got 0.4"):
        SelfPlay(TicTacToe(), material_weight=0.4)
    game = TicTacToe()
    assert (game.notation, game.exchanges, game.engine_protocol, game.starts, game.openings) == (None,) * 5
    assert game.for_few_games() is game


@pytest.mark.parametrize("backend", ["python-chess", "bitboards"])
def test_the_heuristic_of_chess_is_material(backend: str) -> None:
    games = Chess(backend=backend).start(["k7/8/8/8/8/8/8/KQ6 w - - 0 1", "kr6/8/8/8/8/8/P7/K7 b - - 0 1"])
    np.testing.assert_array_equal(heuristic_or_zero(games), [9, -4])
