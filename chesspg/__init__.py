"""Policy-gradient learning for board games, chess first, as PyTorch Lightning parts."""

from __future__ import annotations

import sys

__version__ = "0.2.0"  # the one source of it: pyproject.toml reads it here

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
    from chesspg.arena.matches import play_match as play_match
    from chesspg.games.chess import Chess as Chess
    from chesspg.games.chess.starts import UnevenArmies as UnevenArmies
    from chesspg.games.game import Game as Game
    from chesspg.games.tic_tac_toe import TicTacToe as TicTacToe
    from chesspg.imitation.data import RecordedGames as RecordedGames
    from chesspg.imitation.module import Imitation as Imitation
    from chesspg.learning.advantages import Advantages as Advantages
    from chesspg.learning.losses import Loss as Loss
    from chesspg.players.player import Player as Player
    from chesspg.players.policy_player import PolicyPlayer as PolicyPlayer
    from chesspg.policy.files import load
    from chesspg.policy.networks import MLP as MLP
    from chesspg.policy.networks import ResidualNet as ResidualNet
    from chesspg.policy.policy import Policy as Policy
    from chesspg.selfplay.opponents import OpponentPool as OpponentPool
    from chesspg.selfplay.rollout import Rollout as Rollout
    from chesspg.training.datamodule import SelfPlay as SelfPlay
    from chesspg.training.evaluation import EvaluationMatch as EvaluationMatch
    from chesspg.training.module import PolicyGradient as PolicyGradient

    load_policy = load  # `import load as load_policy` would not be exported under mypy --strict

# Imported when first named (PEP 562): all of it takes seconds, of which a player of chess needs few.
_HOMES = {
    "Advantages": "chesspg.learning.advantages.Advantages",
    "Chess": "chesspg.games.chess.Chess",
    "EvaluationMatch": "chesspg.training.evaluation.EvaluationMatch",
    "Game": "chesspg.games.game.Game",
    "Imitation": "chesspg.imitation.module.Imitation",
    "Loss": "chesspg.learning.losses.Loss",
    "MLP": "chesspg.policy.networks.MLP",
    "OpponentPool": "chesspg.selfplay.opponents.OpponentPool",
    "Player": "chesspg.players.player.Player",
    "Policy": "chesspg.policy.policy.Policy",
    "PolicyGradient": "chesspg.training.module.PolicyGradient",
    "PolicyPlayer": "chesspg.players.policy_player.PolicyPlayer",
    "RecordedGames": "chesspg.imitation.data.RecordedGames",
    "ResidualNet": "chesspg.policy.networks.ResidualNet",
    "Rollout": "chesspg.selfplay.rollout.Rollout",
    "SelfPlay": "chesspg.training.datamodule.SelfPlay",
    "TicTacToe": "chesspg.games.tic_tac_toe.TicTacToe",
    "UnevenArmies": "chesspg.games.chess.starts.UnevenArmies",
    "load_policy": "chesspg.policy.files.load",
    "play_match": "chesspg.arena.matches.play_match",
}
__all__ = list(_HOMES)  # kept in one place


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'chesspg' has no attribute {name!r}")
    module, _, own = _HOMES[name].rpartition(".")
    return getattr(importlib.import_module(module), own)


def __dir__() -> list[str]:
    return __all__
