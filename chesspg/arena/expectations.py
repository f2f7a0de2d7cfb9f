"""The returns that players expect while they play a match, kept for its PGN."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from chesspg.games.randomness import Randomness
from chesspg.players.player import Choice, Launching, Player, Turn, launcher

Values = tuple[float | None, ...]  # the return that the mover of each ply expected, None if it did not tell


class Listener:
    """A player, and the returns it expected: by the turn's uniform number, which every game and ply has its own of."""

    def __init__(self, player: Player) -> None:
        self.told: dict[float, float] = {}
        self.is_async = isinstance(player, Launching) and player.is_async
        self._launch = launcher(player)

    def choose(self, turn: Turn) -> Choice:
        return self.launch(turn)()

    def launch(self, turn: Turn) -> Callable[[], Choice]:
        wait = self._launch(turn)

        def answer() -> Choice:
            choice = wait()
            if choice.value is not None:
                told = ~np.isnan(choice.value)
                self.told.update(zip(turn.uniforms[told].tolist(), choice.value[told].tolist(), strict=True))
            return choice

        return answer


def listen(a: Player, b: Player) -> tuple[Listener, Listener]:
    """Both listened to; one player on both seats stays one, which is asked once for all its games."""
    first = Listener(a)
    return first, first if b is a else Listener(b)


def expected(
    index: NDArray[np.int64], length: NDArray[np.int32], rng: Randomness, seats: Sequence[Listener]
) -> dict[int, Values]:
    """What the players expected at each ply of the games in which one of them told; forgotten afterwards.

    index: [N] the games' global indices, on which the random numbers depend.
    length: [N] plies played, openings left out.
    """
    told = {uniform: value for seat in seats for uniform, value in seat.told.items()}
    values = {}
    for row, (game, plies) in enumerate(zip(index, length, strict=True) if told else ()):
        values[row] = tuple(map(told.get, rng.uniforms(np.full(plies, game), np.arange(plies)).tolist()))
    for seat in seats:
        seat.told.clear()
    return {row: some for row, some in values.items() if any(value is not None for value in some)}
