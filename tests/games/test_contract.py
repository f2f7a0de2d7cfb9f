"""The contract of games: every game and backend keeps it, and the check reports which rule a game breaks, and where."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from others import ConnectFour as OwnConnectFour
from others import Forced, Long, OnePly, Placing, Twice
from others import Hex as OwnHex
from others import Othello as SmallOthello

from chesspg.arena.openings import default_plies, random_openings
from chesspg.games.chess import Chess
from chesspg.games.connect_four import ConnectFour
from chesspg.games.contract import BrokenContract, check
from chesspg.games.game import (
    Game,
    Games,
    IllegalAction,
    Indices,
    Legal,
    Observation,
    Outcomes,
    draw_board,
    join_position,
    split_position,
    square_names,
)
from chesspg.games.hex import Hex
from chesspg.games.othello import Othello
from chesspg.games.tic_tac_toe import TicTacToe

sys.path.append(str(Path(__file__).parent.parent.parent / "examples"))
from nim import Nim

SCHOLAR = "startpos moves e2e4 e7e5 d1h5 b8c6 f1c4 g8f6 h5f7"
FOOL = "startpos moves f2f3 e7e5 g2g4 d8h4"
HEX = f"{'/'.join(['11'] * 11)} x moves"
COLUMN = " ".join(f"c{k} a{k}" for k in range(1, 11)) + " c11"  # Black connects top and bottom of Hex
ROW = " ".join(f"{c}11 {c}1" for c in "abcdefghij") + " j10 k1"  # White connects left and right
FULL = "- moves e a b d b d d b g f c a f e f c f f a d d f a e b e b g e d c c a c e c b g g a g g"
CHESS = {
    "starts": ["rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq - 0 1"],
    "drawn": ["4k3/8/8/8/8/8/r7/4K2R w K - 99 80 moves h1h2"],  # the fiftieth move without capture or pawn move
    "unreadable": ["checkers", "8/8/8/8/8/8/8/8 w - - 0 1", "startpos moves e2e5", "startpos moves 0000",
                   "startpos moves e9"],
}  # fmt: skip


class HexInNumpy(Hex):
    """Without numba."""

    compiled = None


# Each game with positions whose outcome is known.
GAMES: list[tuple[Game, dict[str, list[str]]]] = [
    (TicTacToe(), {"won_by_first": ["3/3/3 x moves a1 b1 a2 b2 a3"],
                   "won_by_second": ["3/3/3 x moves a1 b1 a2 b2 c3 b3"],
                   "drawn": ["3/3/3 x moves a1 b1 c1 a2 b2 a3 b3 c3 c2"], "starts": ["3/3/x2 o"],
                   "unreadable": ["chess", "3/3/3 z", "3/3/4 x", "3/3 x", "3/3/3 x moves d1"]}),
    (Nim(), {"won_by_first": ["3 0 moves 3"], "won_by_second": ["4 0 moves 1 3"], "starts": ["20 1"],
             "unreadable": ["22 0", "5 2", "0 0"]}),
    (OwnConnectFour(), {"won_by_first": ["- moves a b a b a b a"], "won_by_second": ["- moves a b a b a b d b"],
                     "drawn": [FULL], "starts": ["abc"], "unreadable": ["h", "aaaaaaa", "- moves ab"]}),
    (ConnectFour(), {"won_by_first": ["7/7/7/7/7/7 x moves a b a b a b a"],
                     "won_by_second": ["7/7/7/7/7/7 x moves a b a b a b d b"],
                     "drawn": [FULL.replace("-", "7/7/7/7/7/7 x")], "starts": ["7/7/7/7/7/x6 o", "7/7/7/7/2ox3/2xo3 o"],
                     "unreadable": ["7/7/7/7/7/7", "7/7/7/7/7/7 z", "7/7/7/7/7 x", "7/7/7/7/7/8 x", "7/7/7/7/7/07 x",
                                    "7/7/7/7/x6/7 o", "7/7/7/7/xxxx3/oooo3 x", "7/7/7/7/7/7 x moves h",
                                    "7/7/7/7/7/7 x moves a a a a a a a"]}),
    (Othello(), {"won_by_first": ["8/8/8/8/8/8/8/xo6 x moves c8"], "won_by_second": ["8/8/8/8/8/8/8/ox6 o moves c8"],
                 "drawn": ["ooo5/8/8/8/8/8/8/xo6 x moves c8"], "starts": ["8/8/3x4/3xx3/3xo3/8/8/8 o"],
                 "unreadable": ["8/8/8/3ox3/3xo3/8/8/8", "8/8/8/3ox3/3xo3/8/8 x", "8/8/8/3ox3/3xo3/8/8/8 x moves d4",
                                "8/8/8/3ox3/3xo3/8/8/8 x moves a1", "8/8/8/3ox3/3xo3/8/8/8 x moves pass"]}),
    (Hex(swap=True), {"won_by_first": [f"{HEX} {COLUMN}"], "won_by_second": [f"{HEX} {ROW}"],
                      "starts": ["11/11/11/11/4x6/11/11/11/11/11/11 o", "11/11/11/4o6/11/11/11/11/11/11/11 o moves b4"],
                      "unreadable": ["9/9/9/9/9/9/9/9/9 x", HEX.replace("x", "b"), f"{HEX} swap",
                                     f"{HEX} a1 swap swap"]}),
    (HexInNumpy(3, swap=True), {"won_by_first": ["3/3/3 x moves a1 b1 a2 b2 a3"],
                                "won_by_second": ["3/3/3 x moves a1 a2 b1 b2 a3 c2"], "starts": ["3/1x1/3 o"],
                                "unreadable": ["3/3/3 o moves swap", "3/3/4 x", "3/3/3 x moves d1"]}),
    (Chess(backend="python-chess"), {"won_by_first": [SCHOLAR], "won_by_second": [FOOL], **CHESS}),
    (Chess(), {"won_by_first": [SCHOLAR], "won_by_second": [FOOL], **CHESS}),
    (Chess("chess960", backend="python-chess"), {"won_by_first": [SCHOLAR], "won_by_second": [FOOL], **CHESS}),
    (Chess("atomic", backend="python-chess"),  # a capture beside the king blows it up
     {"won_by_first": ["startpos moves g1f3 a7a6 f3e5 a6a5 e5d7"],
      "won_by_second": ["startpos moves a2a3 g8f6 a3a4 f6e4 a4a5 e4d2"], **CHESS}),
    (Chess("kingofthehill", backend="python-chess"),
     {"won_by_first": ["startpos moves e2e3 a7a6 e1e2 a6a5 e2d3 a5a4 d3d4"],
      "won_by_second": ["startpos moves a2a3 e7e6 a3a4 e8e7 a4a5 e7d6 a5a6 d6d5"], **CHESS}),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("game", "known"), GAMES, ids=lambda value: getattr(value, "name", ""))
def test_every_game_keeps_the_contract(game: Game, known: dict[str, list[str]]) -> None:
    check(game, **known)


@pytest.mark.slow
@pytest.mark.parametrize(
    "game",
    [TicTacToe(), Nim(), OwnConnectFour(), OwnHex(), OwnHex(9), Placing(), Placing(1, 30, False), Placing(12, 12),
     Placing(2, 1, False), Placing(8, 8), Twice(), SmallOthello(), OnePly(), Forced(), Long()],
    ids=lambda game: f"{game.name}",
)  # fmt: skip
def test_every_correct_game_passes_without_known_positions(game: Game) -> None:
    check(game)


# --- Games that break the contract -----------------------------------------------------------------------------------


class Faulty:
    """A correct batch of tic-tac-toe; each subclass has a fault."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __len__(self) -> int:
        return len(self.inner)

    def observe(self) -> Observation:
        seen: Observation = self.inner.observe()
        return seen

    def play(self, actions: NDArray[Any]) -> None:
        self.inner.play(actions)

    def outcomes(self) -> Outcomes:
        outcomes: Outcomes = self.inner.outcomes()
        return outcomes

    def __getitem__(self, indices: Indices) -> Any:
        return type(self)(self.inner[indices])

    def position(self, index: int) -> Any:
        return self.inner.position(index)

    def moves(self, index: int) -> Any:
        return self.inner.moves(index)


class Wrapper(TicTacToe):
    """Tic-tac-toe with another class of batches."""

    batch: type[Faulty] = Faulty

    def start(self, positions: Any) -> Any:
        return self.batch(super().start(positions))

    def render(self, position: str) -> str:
        return TicTacToe().render(position)


FAULTS: list[Any] = []


def fault(message: str, **known: list[str]) -> Callable[[type], type]:
    """Register a game or a batch with a fault, and the message that the check must raise."""

    def add(broken: type) -> type:
        game = broken if issubclass(broken, Game) else type(broken.__name__, (Wrapper,), {"batch": broken})
        FAULTS.append(pytest.param(game, known, message, id=broken.__name__))
        return broken

    return add


@fault(r"observe\(\).planes must have dtype uint64, got int64")
class WrongDtype(Faulty):
    def observe(self) -> Observation:
        seen = super().observe()
        return replace(seen, planes=seen.planes.astype(np.int64))


@fault(r"observe\(\).planes of 2 games must have shape \(2, 2, 1\), got \(2, 2\)")
class WrongShape(Faulty):
    def observe(self) -> Observation:
        seen = super().observe()
        return replace(seen, planes=seen.planes[:, :, 0])


@fault(r"observe\(\).planes must have dtype uint64, got >u8")
class SwappedBytes(Faulty):
    def observe(self) -> Observation:
        seen = super().observe()
        return replace(seen, planes=seen.planes.astype(">u8"))


@fault(r"legal.offsets must have dtype int64, got int32")
class ShortOffsets(Faulty):
    def observe(self) -> Observation:
        seen = super().observe()
        return replace(seen, legal=Legal(seen.legal.actions, seen.legal.offsets.astype(np.int32)))


@fault(r"game 0, '3/3/3 x': legal actions must ascend without duplicates, got \[8, 7, 6, 5, 4, 3, 2, 1, 0\]")
class Descending(Faulty):
    def observe(self) -> Observation:
        seen = super().observe()
        lists = [seen.legal[[i]].actions[::-1] for i in range(len(self))]
        return replace(seen, legal=Legal(np.concatenate([np.empty(0, np.int16), *lists]), seen.legal.offsets))


@fault("the plane 'opponent' must have only the bits of its 9 squares, 0 to 8; got bit 11")
class BitsOfNoSquare(Faulty):
    def observe(self) -> Observation:
        seen = super().observe()
        return replace(seen, planes=seen.planes | np.array([[0], [1 << 11]], np.uint64))


@fault("player must be from 0 to 1, got 2")
class PlayersFromOne(Faulty):
    def observe(self) -> Observation:
        seen = super().observe()
        return replace(seen, player=(seen.player + 1).astype(np.int8))


@fault(r"both players must move at some time: in 24 random games player is \{0\} at every ply")
class OnePlayer(Faulty):
    def observe(self) -> Observation:
        seen = super().observe()
        return replace(seen, player=np.zeros_like(seen.player))


@fault("must be won by player 0: outcome 1, got -1", won_by_first=["3/3/3 x moves a1 b1 a2 b2 a3"])
@fault("the outcome must be seen from player 0: .* in all random games that were won it is -1, whoever made")
class OutcomeOfTheMover(Faulty):
    def outcomes(self) -> Outcomes:
        outcomes = super().outcomes()
        return replace(outcomes, outcome=outcomes.outcome * (1 - 2 * self.inner.player))


@fault("must be won by player 1: outcome -1, got 1", won_by_second=["3/3/3 x moves a1 b1 a2 b2 c3 b3"])
class OutcomeOfPlayerOne(Faulty):
    def outcomes(self) -> Outcomes:
        outcomes = super().outcomes()
        return replace(outcomes, outcome=-outcomes.outcome)


@fault("must be drawn: outcome 0, got 1", drawn=["3/3/3 x moves a1 b1 c1 a2 b2 a3 b3 c3 c2"])
class NoDraws(Faulty):
    def outcomes(self) -> Outcomes:
        outcomes = super().outcomes()
        return replace(outcomes, outcome=np.where(outcomes.reason == 2, 1, outcomes.outcome).astype(np.int8))


@fault("must be over and won by player 0, but it is not over", won_by_first=["3/3/3 x moves a1 b1 a2"])
class NotAWin(Faulty):
    pass


@fault("is not over, so its outcome must be 0, got 1")
class OutcomeBeforeTheEnd(Faulty):
    def outcomes(self) -> Outcomes:
        outcomes = super().outcomes()
        return replace(outcomes, outcome=np.ones_like(outcomes.outcome))


@fault("reason must be from 0 to 2, got 3")
class UnknownReason(Faulty):
    def outcomes(self) -> Outcomes:
        outcomes = super().outcomes()
        return replace(outcomes, reason=np.where(outcomes.over, outcomes.reason + 1, 0).astype(np.uint8))


@fault(r"is over \(three in a row\), so it must have no legal actions")
class OverWithActions(Faulty):
    def observe(self) -> Observation:
        seen = super().observe()
        free = (self.inner.stones.sum(axis=1)[:, None] >> np.arange(9, dtype=np.uint64)) & np.uint64(1) == 0
        offsets = np.concatenate(([0], np.cumsum(free.sum(axis=1)))).astype(np.int64)
        return replace(seen, legal=Legal(np.nonzero(free)[1].astype(np.int16), offsets))


@fault("is not over, so it must have a legal action, such as a pass; got none")
class StuckBeforeTheEnd(Faulty):
    def outcomes(self) -> Outcomes:
        outcomes = super().outcomes()
        return Outcomes(outcomes.outcome * 0, outcomes.reason * 0)


@fault(r"heuristic\(\) must be finite, got \[nan")
class NoNumber(Faulty):
    def heuristic(self) -> Any:
        return np.full(len(self), np.nan, np.float32)


@fault(r"heuristic\(\) must be from -990 to 990, less than a win, got")
class MoreThanAWin(Faulty):
    def heuristic(self) -> Any:
        return np.full(len(self), -1000, np.float32)


@fault(r"heuristic\(\) must have dtype float32, got float64")
class HeuristicInDoubles(Faulty):
    def heuristic(self) -> Any:
        return np.zeros(len(self))


@fault(r"an array that was returned must not change when the games go on; return a copy: heuristic")
class AliasedHeuristic(Faulty):
    def heuristic(self) -> Any:
        self.kept = getattr(self, "kept", np.empty(len(self), np.float32))
        self.kept[:] = [len(self.inner.moves(i)) for i in range(len(self))]
        return self.kept

    def play(self, actions: NDArray[Any]) -> None:
        super().play(actions)
        self.heuristic()


@fault("an array that was returned must not change when the games go on; return a copy: player")
class Aliased(Faulty):
    def observe(self) -> Observation:
        return replace(super().observe(), player=self.inner.player)

    def play(self, actions: NDArray[Any]) -> None:
        player = self.inner.player
        super().play(actions)
        player[:] = self.inner.player
        self.inner.player = player


@fault("must be a copy: playing another copy must not change it: position")
class SharedHistory(Faulty):
    def __getitem__(self, indices: Indices) -> Any:
        copied = super().__getitem__(indices)
        copied.inner.history = [self.inner.history[i] for i in np.arange(len(self))[indices]]
        return copied


@fault(r"games\[slice\(None, None, None\)\] must be a copy: playing another copy must not")
class SliceAsView(Faulty):
    def __getitem__(self, indices: Indices) -> Any:
        return self if isinstance(indices, slice) and indices == slice(None) else super().__getitem__(indices)


@fault(r"games\[\[23, 0, 23, 23\]\] must be the games in that order|game 0 must be game 23")
class SortedCopies(Faulty):
    def __getitem__(self, indices: Indices) -> Any:
        return type(self)(self.inner[np.sort(np.arange(len(self))[indices])])


@fault(r"action -?\d+ is illegal, so play must raise IllegalAction, but raises nothing")
class IllegalIsPlayed(Faulty):
    def play(self, actions: NDArray[Any]) -> None:
        if not len(actions) or len(actions) != len(self):
            return super().play(actions)
        legal = self.inner.observe().legal
        lists = [legal[[i]].actions.tolist() for i in range(len(self))]
        return super().play(np.array([a if a in some else some[0] for a, some in zip(actions, lists, strict=True)]))


@fault(r"a refused action -?\d+ must change no game: .*\[0\] must be")
class IllegalAfterSome(Faulty):
    def play(self, actions: NDArray[Any]) -> None:
        if len(actions) != len(self):
            raise ValueError("one action per game")
        for i, action in enumerate(actions):
            one = self.inner[[i]]
            one.play(np.array([action]))
            self.inner.stones[i], self.inner.history[i] = one.stones[0], one.history[0]
            self.inner.player[i] = one.player[0]


@fault(r"action -1099511627776 is illegal, so play must raise IllegalAction, but raises nothing")
class SixteenBits(Faulty):
    def play(self, actions: NDArray[Any]) -> None:
        super().play(actions.astype(np.int16))


@fault("is illegal, so play must raise IllegalAction, got ValueError")
class AnotherError(Faulty):
    def play(self, actions: NDArray[Any]) -> None:
        try:
            super().play(actions)
        except IllegalAction as error:
            raise ValueError(str(error)) from None


@fault("25 actions for 24 games: play must raise ValueError, but raises nothing")
class TooManyActions(Faulty):
    def play(self, actions: NDArray[Any]) -> None:
        super().play(actions[: len(self)])


@fault(r"start\(positions\) must give the same games again: ", starts=["3/3/x2 o"])
class ForgottenStart(Faulty):
    def position(self, index: int) -> Any:
        return join_position("3/3/3 x", self.moves(index))


@fault(r"must be the games in that order|position\(\) must be different")
class PositionWithoutMoves(Faulty):
    def position(self, index: int) -> Any:
        return split_position(self.inner.position(index))[0]


@fault("a ply must add one move to moves")
class MovesOfOnePlayer(Faulty):
    def moves(self, index: int) -> Any:
        return self.inner.moves(index)[::2]


@fault("the same actions must give the same games, without any chance: planes|played alone: planes")
class Chance(Faulty):
    def play(self, actions: NDArray[Any]) -> None:
        super().play(actions)
        self.inner.stones[:] ^= np.random.default_rng(len(self)).integers(
            2, size=self.inner.stones.shape, dtype=np.uint64
        )


@fault("start must name the position 'no such text' that it can't read, got bad")
class Unnamed(TicTacToe):
    def start(self, positions: Any) -> Any:
        try:
            return super().start(positions)
        except ValueError:
            raise ValueError("bad") from None


@fault("'no such text' is not a position, so start must raise ValueError, got KeyError")
class UnreadableIsKeyError(TicTacToe):
    def start(self, positions: Any) -> Any:
        try:
            return super().start(positions)
        except ValueError as error:
            raise KeyError(str(error)) from None


@fault("'no such text' is not a position, so start must raise ValueError, but raises nothing")
class AnyText(TicTacToe):
    def start(self, positions: Any) -> Any:
        if not isinstance(positions, int):
            positions = [text if "no such" not in text else "3/3/3 x" for text in positions]
        return super().start(positions)


@fault(r"'3/3/3 x': parse_move\('b1'\) must be the action 1, got 3")
class NamesNotReadBack(TicTacToe):
    def parse_move(self, position: str, text: str) -> int:
        action = super().parse_move(position, text)
        return 3 * (action % 3) + action // 3


@fault("parse_move.* must refuse what is not legal, got")
class IllegalMovesAreRead(TicTacToe):
    def parse_move(self, position: str, text: str) -> int:
        try:
            return super().parse_move("3/3/3 x", text)
        except IllegalAction as error:
            raise AssertionError from error


@fault("parse_move.'no such text'. must raise ValueError, got IndexError")
class UnreadableMove(TicTacToe):
    def parse_move(self, position: str, text: str) -> int:
        return [square_names((3, 3)).index(name) for name in square_names((3, 3)) if name == text].pop()


@fault("each action must have a different name, got .*'a', 'b', 'c', 'a'")
class AmbiguousNames(TicTacToe):
    def move_name(self, position: str, action: int) -> str:
        return "abc"[action % 3]


@fault("move_name must be a text without white space")
class NamesWithSpaces(TicTacToe):
    def move_name(self, position: str, action: int) -> str:
        return super().move_name(position, action).replace("1", " 1")


@fault(r"render\(\) must show what a move changes")
class BlindRender(TicTacToe):
    def render(self, position: str) -> str:
        return draw_board((3, 3), "·" * 9)


@fault(r"planes must be a tuple of names; a tuple of one is written \('name',\), got 'own'")
class NoComma(TicTacToe):
    planes = "own"  # type: ignore[assignment]


@fault("the first of reasons must be 'ongoing', got")
class NoOngoing(TicTacToe):
    reasons = ("three in a row", "full board")


@fault("the class attribute num_actions is missing")
class NoActions(Game):
    name, encoding_version, board, planes, reasons = "none", 1, (1, 1), ("own",), ("ongoing", "over")
    scalars: Mapping[str, int] = {}

    def start(self, positions: int | Sequence[str]) -> Games:
        raise NotImplementedError

    def render(self, position: str) -> str:
        raise NotImplementedError

    def parse_move(self, position: str, text: str) -> int:
        raise NotImplementedError

    def move_name(self, position: str, action: int) -> str:
        raise NotImplementedError


@fault("num_actions must be a whole number from 1 to 32,767, got 40000")
class TooManyActionsAtAll(TicTacToe):
    num_actions = 40_000


@fault(r"legal actions must be from 0 to 7, got \[0, 1, 2, 3, 4, 5, 6, 7, 8\]")
class TooFewActions(TicTacToe):
    num_actions = 8
    action_layout = ()


@fault(
    "action_layout must have num_actions = 9 actions, where 'cells' stands for 9, 'columns' for 3 and any other name "
    r"for 1, got 10 in \('cells', 'pass'\)"
)
class PassesToo(TicTacToe):
    action_layout = ("cells", "pass")


@fault(r"action_layout must be a tuple of names; a tuple of one is written \('name',\), got 'cells'")
class NoCommaInLayout(TicTacToe):
    action_layout = "cells"  # type: ignore[assignment]


@fault(r"the scalar 'plies' must be at most 3, got 4")
class ScalarAboveItsLimit(Placing):
    def __init__(self) -> None:
        super().__init__(3, 3)
        self.scalars = {"passes": 2, "plies": 3}

    @property
    def init_args(self) -> dict[str, Any]:
        return {}


@fault("scalars must be a mapping of names to their largest values, from 1 to 255, got")
class ScalarOfNothing(TicTacToe):
    scalars: Mapping[str, int] = {"none": 0}


@fault("Arrays have the types and shapes of the contract, .* Checking this raised ZeroDivisionError: a bug")
class Raises(Faulty):
    def outcomes(self) -> Outcomes:
        raise ZeroDivisionError("a bug")


@pytest.mark.parametrize(("game", "known", "message"), FAULTS)
def test_a_broken_game_is_told_what_it_breaks(game: type[Game], known: dict[str, list[str]], message: str) -> None:
    with pytest.raises(BrokenContract, match=message) as caught:
        check(game(), **known)
    whole = str(caught.value)
    assert "\n" not in whole
    assert len(whole) < 800


def test_the_game_that_the_faults_are_planted_in_has_none() -> None:
    check(Wrapper())


class Endless(ConnectFour):
    """Is not over when the board is full, which happens in one of four hundred random games."""

    def start(self, positions: Any) -> Any:
        return Unending(super().start(positions))


class Unending(Faulty):
    def outcomes(self) -> Outcomes:
        outcomes = super().outcomes()
        return replace(outcomes, reason=np.where(outcomes.reason == 2, 0, outcomes.reason))


class Nameless(ConnectFour):
    reasons = ("ongoing", "four in a row")


@pytest.mark.parametrize(
    ("game", "message"),
    [(Endless, "is not over, so it must have a legal action"), (Nameless, "reason must be from 0 to 1, got 2")],
)
def test_a_fault_in_a_rare_ending_is_found(game: type[Game], message: str) -> None:
    with pytest.raises(BrokenContract, match=message):
        check(game())


@pytest.mark.slow
def test_the_check_says_what_it_has_not_met() -> None:
    class Rare(TicTacToe):
        reasons = (*TicTacToe.reasons, "a meteor", "another")

    assert check(TicTacToe()) == "tic-tac-toe keeps the contract"
    assert re.fullmatch(
        r"tic-tac-toe keeps the contract as far as [\d,]{4,} random games show; none of them ended by "
        r"'a meteor', 'another': pass positions that did, as won_by_first=\[…\], won_by_second=\[…\] or drawn=\[…\]",
        check(Rare()),
    )
    end = "4k3/8/8/8/8/8/r7/4K2R w K - 99 80 moves h1h2"
    chess = Chess()
    assert "fifty-move rule" in check(chess)
    assert "fifty-move rule" not in check(chess, drawn=[end])


def test_an_error_of_a_game_is_told_with_its_place_and_without_a_second_traceback() -> None:
    class Reshapes(Faulty):
        def heuristic(self) -> Any:
            return np.zeros(len(self), np.float32).reshape(len(self), -1)[:, 0]

    game = type("Reshapes", (Wrapper,), {"batch": Reshapes})()
    with pytest.raises(
        BrokenContract,
        match=r"Checking this raised ValueError: .* with 0 games in heuristic, test_contract.py, line \d+$",
    ) as caught:
        check(game)
    assert caught.value.__suppress_context__


@pytest.mark.slow
def test_what_a_game_was_built_with_must_be_in_its_init_args() -> None:
    class Forgetful(OwnHex):
        @property
        def init_args(self) -> dict[str, Any]:
            return {}

    check(Forgetful())
    with pytest.raises(BrokenContract, match="init_args must hold what the game was built with: name must be 'hex 5'"):
        check(Forgetful(5))


def test_a_check_without_a_game() -> None:
    with pytest.raises(BrokenContract, match="a game must be an instance of a subclass of"):
        check(Nim)  # type: ignore[arg-type]


def test_a_game_that_one_player_always_wins_needs_a_known_position() -> None:
    class Biased(Twice):
        def verdict(self, state: Any) -> tuple[int, int]:
            return (0, 0) if -1 in state.squares else (-1, 1)

    with pytest.raises(BrokenContract, match=r"won_by_second=\[…\]"):
        check(Biased())
    check(Biased(), won_by_second=["0 moves a1 a2 b1 b2 c1 c2 d1 d2"])


# --- Further promises of the games of chesspg -------------------------------------------------------------------------

SHIPPED = [pytest.param(game, known, id=game.name) for game, known in GAMES if game.name not in ("nim", "connect four")]


@pytest.mark.slow
@pytest.mark.parametrize(("game", "known"), SHIPPED)
def test_a_refused_action_is_named_with_its_game(game: Game, known: dict[str, list[str]]) -> None:
    games = game.start(5)
    fine = games.observe().legal.take(np.zeros(5, np.int64)).astype(np.int64)
    legal = set(games.observe().legal[[3]].actions.tolist())
    for action in (*set(range(game.num_actions)) - legal, -1, game.num_actions, 40_000, -(2**40)):
        actions = fine.copy()
        actions[3] = action
        with pytest.raises(IllegalAction, match=rf"(?=.*game 3)(?=.*action {action}\b)"):
            games.play(actions)
    with pytest.raises(ValueError, match="play needs one action for each of 5 games, got 4"):
        games.play(fine[:-1])


@pytest.mark.parametrize(("game", "known"), SHIPPED)
def test_the_player_alternates_from_whoever_began(game: Game, known: dict[str, list[str]]) -> None:
    rng = np.random.default_rng(2)
    games = game.start([game.start(1).position(0), known["starts"][0]])
    for ply in range(4):
        np.testing.assert_array_equal(games.observe().player, [ply % 2, 1 - ply % 2])
        legal = games.observe().legal
        games.play(legal.take((rng.random(2) * legal.counts).astype(np.int64)))


@pytest.mark.parametrize(("game", "known"), [one for one in SHIPPED if not str(one.id).startswith("hex")])
def test_render_shows_the_board_and_the_last_move(game: Game, known: dict[str, list[str]]) -> None:
    rows, columns = game.board
    games = game.start(1)
    before = game.render(games.position(0)).splitlines()
    assert len(before) == rows + 1
    from_row_1 = before[::-1] if before[-1].split()[0] == "a" else before
    assert from_row_1[0].split() == list("abcdefgh"[:columns])
    assert [line.split()[0] for line in from_row_1[1:]] == [str(rank + 1) for rank in range(rows)]
    games.play(games.observe().legal.actions[:1])
    after = "\n".join(game.render(games.position(0)).splitlines())
    assert "(" not in "\n".join(before)
    assert "(" in after


def test_squares_are_named_as_a_spreadsheet_names_columns() -> None:
    names = square_names((2, 28))
    assert (names[0], names[25], names[26], names[27], names[28]) == ("a1", "z1", "aa1", "ab1", "a2")
    assert square_names((1, 703))[-1] == "aaa1"
    assert len(set(square_names((19, 19)))) == 361


def test_a_board_of_any_size_is_drawn_with_its_coordinates() -> None:
    assert draw_board((2, 3), "xo····", [1]) == "2  ·  ·  · \n1  x (o) · \n   a  b  c"
    lines = draw_board((11, 27), "." * 297, [270]).splitlines()
    assert lines[0].startswith("11(.) . ")
    assert lines[1].startswith("10 . ")
    assert lines[2].startswith("9  . ")
    assert lines[-1].endswith(" z aa")
    assert {len(line) for line in lines[:-1]} == {2 + 3 * 27}


def test_legal_cuts_and_joins() -> None:
    legal = Legal(np.array([3, 5, 1, 2, 9], dtype=np.int16), np.array([0, 2, 2, 5]))
    part = legal[[2, 0, 1]]
    np.testing.assert_array_equal(part.actions, [1, 2, 9, 3, 5])
    np.testing.assert_array_equal(part.offsets, [0, 3, 5, 5])
    np.testing.assert_array_equal(legal.padded(), [[3, 5, -1], [-1, -1, -1], [1, 2, 9]])
    joined = Legal.concatenate([legal[[0]], legal[[1, 2]]])
    np.testing.assert_array_equal(joined.actions, legal.actions)
    np.testing.assert_array_equal(joined.offsets, legal.offsets)
    assert joined.offsets.dtype == np.int64
    assert len(Legal.concatenate([])) == 0


class ShortOnALargeBoard(OnePly):
    """Over after one ply, although its board is large."""

    name, board = "short", (8, 8)


@pytest.mark.parametrize(("game", "most"), [(OnePly(), 0), (ShortOnALargeBoard(), 0), (Nim(), 2), (ConnectFour(), 5)])
def test_openings_leave_something_to_play(game: Game, most: int) -> None:
    plies = default_plies(game)
    assert plies == most
    assert len(random_openings(game, 10, plies, 0)) == 10
