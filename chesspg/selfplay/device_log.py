"""The log of games on a device: each turn is noted for all slots; every few plies only what was played is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chesspg.selfplay.plies import Plies
from chesspg.selfplay.rollout import Recorder


class DeviceLog:
    """The plies that were played. Entries since the last `cut` have a row for each slot; older ones have no gaps.

    Args:
        learner: The number of the player that learns, if there is one.
    """

    def __init__(self, learner: int | None) -> None:
        self.learner = learner
        self.over = self.plies = self.computed = 0  # games over, plies played, positions given to players
        self._played: list[dict[str, Tensor]] = []
        self._learned: list[dict[str, Tensor]] = []
        self._moves: list[dict[str, NDArray[Any]]] = []  # without gaps, on the host
        self._kept: list[tuple[Tensor, Plies[Tensor]]] = []  # [n] the ply of each, and n plies, on the device

    def played(self, entry: dict[str, Tensor]) -> None:
        """Add what a player has played in n slots; `mine` [n] says in which of them it was its turn."""
        self._played.append(entry)
        self.computed += len(entry["mine"])

    def learned(self, entry: dict[str, Tensor]) -> None:
        """Add what the player that learns has seen and chosen in n slots."""
        self._learned.append(entry)

    def cut(self) -> None:
        """Drop the rows of slots in which nothing was played. This waits for the device."""
        moves = {name: column.numpy(force=True) for name, column in _without_gaps(self._played).items()}
        self._moves.append(moves)
        self.over += int(moves["ended"].sum())
        self.plies += len(moves["ended"])
        if self._learned:
            kept = _without_gaps(self._learned)
            width = max(1, int((kept["legal"] >= 0).sum(dim=1).amax())) if len(kept["legal"]) else 1
            kept["legal"] = kept["legal"][:, :width].clone()
            self._kept.append((kept.pop("ply"), Plies(**kept)))
        self._played, self._learned = [], []

    @property
    def occupancy(self) -> float:
        """The fraction of the positions given to players in which it was their turn."""
        return self.plies / max(self.computed, 1)

    def moves(self) -> dict[str, NDArray[Any]]:
        """Every ply of every game, in numpy: game, ply, action, whether the game ended with it, and how."""
        return {name: np.concatenate([part[name] for part in self._moves]) for name in self._moves[0]}

    def kept(self) -> Plies[Any]:
        """The plies of the player that learns, in the order in which the host's loop stores them."""
        if not self._kept:
            return Recorder().plies()
        ply, parts = torch.cat([ply for ply, _ in self._kept]), [plies for _, plies in self._kept]
        self._kept = []  # so that no ply is held three times
        plies = Plies.concatenate(parts)
        parts.clear()
        return plies[torch.argsort(ply * (plies.game.max() + 1) + plies.game)] if len(plies) else plies


def enter_ends(
    moves: Mapping[str, NDArray[Any]], outcome: NDArray[np.int8], reason: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Enter how games ended.

    Args:
        moves: As `DeviceLog.moves` returns them; `game` is an index into the arrays below.
        outcome: [games] where the outcomes are entered.
        reason: [games] where the reasons are entered.

    Returns:
        [games] the heuristic for player 0 of the games that were truncated, and 0 of all others.
    """
    ends = {name: column[moves["ended"]] for name, column in moves.items()}
    outcome[ends["game"]], reason[ends["game"]] = ends["outcome"], ends["reason"]
    ahead = np.zeros(len(outcome), np.float32)
    if "ahead" in ends:  # there is a ply cap
        ahead[ends["game"]] = np.where(ends["reason"] == 0, ends["ahead"], 0)
    return ahead


def _without_gaps(entries: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The columns of all entries, joined: only the rows in which `mine` is set, and without that column."""
    rows = torch.cat([entry["mine"] for entry in entries]).nonzero()[:, 0]
    names = entries[0].keys() - {"mine"}
    return {name: torch.cat([entry[name] for entry in entries]).index_select(0, rows) for name in sorted(names)}
