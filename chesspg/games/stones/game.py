"""What games of stones share: reading positions and moves as text, drawing the board, and the choice of the rules."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from typing import TYPE_CHECKING

import numpy as np

from chesspg.games.game import (
    EMPTY,
    NO_NUMBA,
    STONES,
    Game,
    Games,
    NotOnDevice,
    draw_board,
    join_position,
    numba_problem,
    split_position,
)
from chesspg.games.history import Begun
from chesspg.games.stones.batch import Start, State, StoneGames
from chesspg.games.stones.rules import NumpyRules, Rules

if TYPE_CHECKING:  # one imports torch, the other numba
    from chesspg.games.device import DeviceGames
    from chesspg.games.stones.compiled import StoneKernels


class StoneGame(Game):
    """A game in which the players take turns to place stones on a board, without hidden information.

    The text of a position is the board as in FEN, then a space and the player to move. The row that is drawn on top
    comes first; `x` and `o` are stones, and numbers are free squares.
    """

    scalars: Mapping[str, int] = {}
    seats = STONES
    initial: str  # the text of the initial position
    typed: str  # what a person types as a move, in words
    row_1_on_top: bool = False  # whether the first row is drawn on top
    sides: Sequence[str] = ()  # marks of the sides of a board of hexagons, see `draw_board`

    @abstractmethod
    def begin(self, first: int, second: int, player: int) -> Sequence[int]:
        """[K] words of a position.

        Args:
            first: The squares with stones of player 0, as bits.
            second: Those of player 1.
            player: The player to move.

        Raises:
            ValueError: There is no such position; the message says why.
        """

    @abstractmethod
    def stones(self, words: Sequence[int], player: int) -> tuple[int, int]:
        """The squares with stones of player 0 and of player 1, as bits; the inverse of `begin`."""

    @abstractmethod
    def move_text(self, action: int, player: int) -> str:
        """The name of a player's action."""

    @abstractmethod
    def numpy_rules(self) -> NumpyRules:
        """The rules in plain numpy."""

    @abstractmethod
    def kernels(self) -> StoneKernels:
        """The compiled rules. Raises ImportError without numba."""

    @cached_property
    def compiled(self) -> StoneKernels | None:
        """The compiled rules, or None where numba is missing or, with a warning, broken."""
        kernels, problem = self._kernels_or_problem
        if problem and problem != NO_NUMBA:
            _warn_once(f"{problem}, so games of stones are slower")
        return kernels

    @cached_property
    def _kernels_or_problem(self) -> tuple[StoneKernels | None, str]:
        try:
            return self.kernels(), ""
        except Exception as error:
            return None, numba_problem(error)

    @cached_property
    def rules(self) -> Rules:
        """The compiled rules where numba is installed, else those in numpy."""
        return self.compiled or self.numpy_rules()

    def start(self, positions: int | Sequence[str]) -> StoneGames:
        count = positions if isinstance(positions, int) else len(positions)
        if isinstance(positions, int) or not count:
            return self._initial[np.zeros(count, dtype=np.int64)]
        texts = list(dict.fromkeys(positions))  # to read each once
        split = [split_position(text) for text in texts]
        once = {start: self._read(start) for start in dict.fromkeys(start for start, _ in split)}
        read = [once[start] for start, _ in split]
        words = np.array([one[0] for one in read], dtype=np.uint64)
        player = np.array([one[1] for one in read], dtype=np.int8)
        begun = Begun([Start(start, int(mover)) for (start, _), mover in zip(split, player, strict=True)])
        state = State(words, player, *self.numpy_rules().judge(words, player))
        games = StoneGames(self, self.rules, state, begun)
        longest = max((len(moves) for _, moves in split), default=0)
        for ply in range(longest):
            rows = np.array([i for i, (_, moves) in enumerate(split) if ply < len(moves)])
            actions = [self._action(split[i][1][ply], int(games.state.player[i])) for i in rows]
            try:
                games.play_some(rows, np.array(actions))
            except ValueError:
                for i, action in zip(rows, actions, strict=True):  # find the first that is refused
                    try:
                        games[[i]].play(np.array([action]))
                    except ValueError:
                        reason = f"{split[i][1][ply]} is illegal"
                        raise ValueError(f"{texts[i]!r} is not a position of {self.name}: {reason}") from None
                raise
        if len(texts) == len(positions):
            return games
        number = {text: index for index, text in enumerate(texts)}
        return games[[number[text] for text in positions]]

    def on_device(self, starts: Games, slots: int, device: str) -> DeviceGames:
        """See `Game.on_device`; plays with numba on the CPU, and with numba-cuda on CUDA."""
        if self.compiled is None:
            raise NotOnDevice(f"{self.name} on a device needs numba, but {self._kernels_or_problem[1]}")
        if not isinstance(starts, StoneGames):
            raise NotOnDevice(f"{self.name} must start from StoneGames, got {type(starts).__name__}")
        from chesspg.games.stones.device import StonesOnDevice  # it imports torch

        return StonesOnDevice(self, self.compiled, starts.state, slots, device)

    def render(self, position: str) -> str:
        """The board with `x` for player 0 and `o` for player 1, the stone of the last move in parentheses."""
        start, moves = split_position(position)
        stones = self._stones(position)
        before = self._stones(join_position(start, moves[:-1]))
        placed = (stones[0] | stones[1]) & ~(before[0] | before[1])
        placed = placed or stones[0] ^ before[0]  # a swap in Hex may leave a stone of the other color in its place
        squares = range(self.board[0] * self.board[1])
        pieces = [next((STONES[p] for p in (0, 1) if stones[p] >> s & 1), EMPTY) for s in squares]
        marked = [square for square in squares if placed >> square & 1]
        return draw_board(self.board, pieces, marked, first_row_on_top=self.row_1_on_top, sides=self.sides)

    def parse_move(self, position: str, text: str) -> int:
        games = self.start([position])
        action = self._action(text.strip().lower(), int(games.state.player[0]))
        if action < 0:
            raise ValueError(f"unknown move {text!r}; expected {self.typed}")
        if action not in games.observe().legal.actions:
            raise ValueError(f"{text} is not legal in this position")
        return action

    def move_name(self, position: str, action: int) -> str:
        return self.move_text(action, int(self.start([position]).state.player[0]))

    @cached_property
    def _initial(self) -> StoneGames:
        """One game in the initial position, of which new games are copies."""
        return self.start([self.initial])

    @cached_property
    def _actions(self) -> tuple[dict[str, int], dict[str, int]]:
        """The actions of either player by name."""
        first, second = ({self.move_text(a, player): a for a in range(self.num_actions)} for player in range(2))
        return first, second

    def _action(self, text: str, player: int) -> int:
        """The player's action of this name, −1 if there is none."""
        return self._actions[player].get(text, -1)

    def _stones(self, position: str) -> tuple[int, int]:
        state = self.start([position]).state
        return self.stones([int(word) for word in state.words[0]], int(state.player[0]))

    def _read(self, start: str) -> tuple[Sequence[int], int]:
        """[K] words and the mover of a text."""
        rows, columns = self.board
        board, _, mover = start.partition(" ")
        lines = board.split("/")
        squares = [_squares(line, columns) for line in (lines if self.row_1_on_top else reversed(lines))]
        if len(squares) != rows or None in squares or mover not in tuple(STONES):
            raise ValueError(f"{start!r} is not a position of {self.name}; expected one such as {self.initial!r}")
        text = "".join(str(line) for line in squares)
        first, second = (sum(1 << square for square, c in enumerate(text) if c == stone) for stone in STONES)
        try:
            return self.begin(first, second, STONES.index(mover)), STONES.index(mover)
        except ValueError as error:
            raise ValueError(f"{start!r} is not a position of {self.name}: {error}") from None


@cache
def _warn_once(text: str) -> None:
    warnings.warn(text, stacklevel=4)


def _squares(line: str, columns: int) -> str | None:
    """The squares of a row, one character each; None if the text is not a row with this number of squares."""
    squares, number = "", ""
    for c in line + "/":
        if c in "0123456789":
            number += c
            continue
        if number:
            if number[0] == "0" or len(number) > 3:
                return None
            squares, number = squares + "." * int(number), ""
        if c in STONES:
            squares += c
        elif c != "/":
            return None
    return squares if len(squares) == columns else None
