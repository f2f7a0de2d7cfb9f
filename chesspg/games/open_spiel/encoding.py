"""The observation tensors of OpenSpiel as planes of bits and as counters.

Almost all tensors consist of zeros and ones. Where one is [channels, rows, columns], each channel is a plane; where it
is [numbers], all of it is one plane with one row. Some games also have numbers, such as the pieces in a hand in shogi.
On a board, each of these numbers fills a channel; here it is a scalar.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isqrt, prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chesspg.games.game import words_of


class Counter(NamedTuple):
    """A number of an observation tensor that is neither a zero nor a one."""

    most: int  # its largest value as a counter
    unit: int  # the counter is the number in the tensor times this


# Where the actions are places on the board: one per square or per column, then those with a name.
LAYOUTS = {
    **dict.fromkeys(("amazons", "gomoku", "havannah", "mnk", "tic_tac_toe", "y"), ("cells",)),
    "hex": ("cells", "swap"),
    "go": ("cells", "pass"),
    "othello": ("cells", "pass"),
    "connect_four": ("columns",),
}


def _counters(short: str, parameters: Mapping[str, Any]) -> dict[int, Counter]:
    """The counters of a game by the index of their channel, or of their number where the tensor has no board."""
    clock, repetitions, hand = Counter(101, 101), Counter(2, 2), Counter(18, 16)
    if short in ("chess", "antichess"):
        return {13: repetitions, 15: clock}
    if short == "crazyhouse":
        return {21: repetitions, 23: clock, **dict.fromkeys(range(28, 38), hand)}
    if short == "shogi":
        return {29: repetitions, **dict.fromkeys(range(31, 45), hand)}
    if short == "cursor_go":
        return {5: Counter(min(parameters["max_cursor_moves"], 255), parameters["max_cursor_moves"])}
    if short == "quoridor":
        walls = parameters["wall_count"] or parameters["board_size"] ** 2 // 8
        return dict.fromkeys((3, 4), Counter(min(max(walls, 1), 255), 1))
    if short == "mancala":
        return dict.fromkeys(range(16), Counter(48, 1))
    if short == "oware":
        seeds = 2 * parameters["num_houses_per_player"] * parameters["num_seeds_per_house"]
        numbers = 2 * parameters["num_houses_per_player"] + 2
        return dict.fromkeys(range(numbers), Counter(min(seeds, 255), seeds))
    return {}


def _sizes(shape: Sequence[int], *, numbers: bool) -> tuple[int, tuple[int, int]]:
    """The number of channels of a tensor, and its board. `numbers` is whether it is a list of numbers, not bits."""
    if len(shape) > 2:
        return prod(shape[:-2]), (shape[-2], shape[-1])
    if len(shape) == 1:
        return (shape[0] if numbers else 1), (1, shape[0])
    side = isqrt(shape[1])  # gomoku's squares have one index
    return shape[0], ((side, side) if side * side == shape[1] else (1, shape[1]))


class Encoding:
    """How observation tensors of a game become planes and scalars. The first scalar is the number of the mover.

    Args:
        game: The game, a pyspiel.Game.

    Attributes:
        board: Rows and columns.
        planes: [P] the names of the planes.
        scalars: [S] the largest value of each scalar by its name.
        action_layout: The blocks of the actions, see `Game.action_layout`; empty if they are not known.
    """

    def __init__(self, game: Any) -> None:
        from open_spiel.python.observation import make_observation  # type: ignore[import-untyped]

        short, shape = game.get_type().short_name, game.observation_tensor_shape()
        self._observation = make_observation(game)
        counters = _counters(short, game.get_parameters())
        self.board: tuple[int, int]
        self._channels, self.board = _sizes(shape, numbers=bool(counters))
        self._squares = squares = prod(shape) // self._channels
        self._bits = [c for c in range(self._channels) if c not in counters]
        self._numbers = list(counters)
        self._units = np.array([one.unit for one in counters.values()], np.float32)
        self._most = np.array([one.most for one in counters.values()], np.float32)
        self.planes = tuple(f"channel {c}" for c in self._bits)
        self.scalars = {"mover": 1, **{f"channel {c}": one.most for c, one in counters.items()}}
        layout = LAYOUTS.get(short, ())
        cells = {"cells": squares, "columns": self.board[1]}
        if layout and game.num_distinct_actions() == cells[layout[0]]:
            layout = layout[:1]  # hex without swap
        fits = sum(cells.get(block, 1) for block in layout) == game.num_distinct_actions()
        self.action_layout: tuple[str, ...] = layout if fits else ()

    def encode(self, states: Sequence[Any], players: NDArray[np.int8]) -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
        """The observations of N states.

        Args:
            states: [N] pyspiel.State.
            players: [N] the player who looks at each.

        Returns:
            [N, P, W] planes and [N, S] scalars.
        """
        tensor = np.empty((len(states), self._observation.tensor.size), np.float32)
        for row, state, player in zip(tensor, states, players.tolist(), strict=True):
            self._observation.set_from(state, player)
            row[:] = self._observation.tensor
        channels = tensor.reshape(len(states), self._channels, self._squares)
        bits = np.packbits(channels[:, self._bits] > 0, axis=2, bitorder="little")
        planes = np.zeros((len(states), len(self._bits), 8 * words_of(self.board)), np.uint8)
        planes[:, :, : bits.shape[2]] = bits
        counters = np.minimum(np.rint(channels[:, self._numbers, 0] * self._units), self._most)
        scalars = np.concatenate((players[:, None].astype(np.uint8), counters.astype(np.uint8)), axis=1)
        return planes.view(np.uint64), scalars
