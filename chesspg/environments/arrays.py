"""Observations and legal actions as arrays, in the form that Gymnasium and PettingZoo use."""

from __future__ import annotations

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from chesspg.games.game import Game, Legal, Observation


def board_space(game: Game) -> Box:
    """The space of `board_arrays`: [P + S, rows, columns] float32 from 0 to 1."""
    return Box(0, 1, (len(game.planes) + len(game.scalars), *game.board), np.float32)


def board_arrays(game: Game, seen: Observation) -> NDArray[np.float32]:
    """What the mover of each game sees, as planes of the board.

    Args:
        game: The game, with P planes and S scalars.
        seen: [N] observations.

    Returns:
        [N, P + S, rows, columns] First the planes of `Game.planes`, zeros and ones. Then a plane for each scalar of
        `Game.scalars`, filled with its value divided by its limit. Row 0 is that of square a1.
    """
    count, (rows, columns) = len(seen), game.board
    bytes_ = np.ascontiguousarray(seen.planes, "<u8").view(np.uint8)  # [N, P, 8 W]
    bits = np.unpackbits(bytes_, axis=2, count=rows * columns, bitorder="little")
    array = np.empty((count, len(game.planes) + len(game.scalars), rows, columns), np.float32)
    array[:, : len(game.planes)] = bits.reshape(*bits.shape[:2], rows, columns)
    if game.scalars:
        limits = np.array(list(game.scalars.values()), np.float32)
        array[:, len(game.planes) :] = (seen.scalars / limits)[:, :, None, None]
    return array


def action_masks(game: Game, legal: Legal) -> NDArray[np.int8]:
    """[N, A] 1 for each legal action of each game, 0 for all others; int8 as Gymnasium's spaces expect it."""
    masks = np.zeros((len(legal), game.num_actions), np.int8)
    masks.reshape(-1)[np.repeat(np.arange(len(legal)) * game.num_actions, legal.counts) + legal.actions] = 1
    return masks
