"""Policy-gradient learning for board games, chess first, as PyTorch Lightning parts."""

from __future__ import annotations

import sys

# On the way to a command, whose imports take seconds, Ctrl-C is one line from here on: for `python -m chesspg.…`, of
# which sys.argv has no more than `-m` by now, and for the scripts that an installation makes.
if sys.argv[:1] and (
    sys.orig_argv[-len(sys.argv)].removeprefix("-m").split(".")[0] == __name__
    if sys.argv[0] == "-m"
    else sys.argv[0].replace("\\", "/").rpartition("/")[2].removesuffix(".exe") in ("chesspg", "chesspg-uci")
):
    from chesspg.terminal import interrupts

    interrupts.install()

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chesspg.games.chess import Chess as Chess
    from chesspg.games.game import Game as Game
    from chesspg.games.tic_tac_toe import TicTacToe as TicTacToe
    from chesspg.players.player import Player as Player
    from chesspg.selfplay.opponents import OpponentPool as OpponentPool
    from chesspg.selfplay.rollout import Rollout as Rollout
    from chesspg.training.datamodule import SelfPlay as SelfPlay
    from chesspg.training.evaluation import EvaluationMatch as EvaluationMatch
    from chesspg.training.module import PolicyGradient as PolicyGradient

# Imported when first named (PEP 562): all of it takes seconds, of which a player of chess needs few.
_HOMES = {
    "Chess": "chesspg.games.chess",
    "EvaluationMatch": "chesspg.training.evaluation",
    "Game": "chesspg.games.game",
    "OpponentPool": "chesspg.selfplay.opponents",
    "Player": "chesspg.players.player",
    "PolicyGradient": "chesspg.training.module",
    "Rollout": "chesspg.selfplay.rollout",
    "SelfPlay": "chesspg.training.datamodule",
    "TicTacToe": "chesspg.games.tic_tac_toe",
}
__all__ = list(_HOMES)  # kept in one place


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'chesspg' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
