"""Policy-gradient learning for board games, chess first, as PyTorch Lightning parts."""

from __future__ import annotations

import sys

__version__ = "0.5.0"  # the only place with the version: pyproject.toml reads it here

# The imports of a command take seconds. From here on, Ctrl-C during them prints one line instead of a traceback. This
# holds for `python -m chesspg.…`, for which sys.argv[0] is still `-m` here, and for the installed scripts.
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
    from chesspg.games.connect_four import ConnectFour as ConnectFour
    from chesspg.games.game import Game as Game
    from chesspg.games.hex import Hex as Hex
    from chesspg.games.open_spiel import OpenSpiel as OpenSpiel
    from chesspg.games.othello import Othello as Othello
    from chesspg.games.random_plies import RandomPlies as RandomPlies
    from chesspg.games.tic_tac_toe import TicTacToe as TicTacToe
    from chesspg.imitation.data import RecordedGames as RecordedGames
    from chesspg.imitation.module import Imitation as Imitation
    from chesspg.learning.advantages import Advantages as Advantages
    from chesspg.learning.losses import Loss as Loss
    from chesspg.players.player import Player as Player
    from chesspg.players.policy_player import PolicyPlayer as PolicyPlayer
    from chesspg.policy.files import load
    from chesspg.policy.networks import MLP as MLP
    from chesspg.policy.networks import BoardNet as BoardNet
    from chesspg.policy.networks import ResidualNet as ResidualNet
    from chesspg.policy.policy import Policy as Policy
    from chesspg.selfplay.opponents import OpponentPool as OpponentPool
    from chesspg.selfplay.rollout import Rollout as Rollout
    from chesspg.training.datamodule import SelfPlay as SelfPlay
    from chesspg.training.evaluation import EvaluationMatch as EvaluationMatch
    from chesspg.training.module import PolicyGradient as PolicyGradient

    load_policy = load  # `import load as load_policy` would not be exported under mypy --strict

# Imported on first use (PEP 562): importing everything takes seconds, and playing needs little of it.
_HOMES = {
    "Advantages": "chesspg.learning.advantages.Advantages",
    "BoardNet": "chesspg.policy.networks.BoardNet",
    "Chess": "chesspg.games.chess.Chess",
    "ConnectFour": "chesspg.games.connect_four.ConnectFour",
    "EvaluationMatch": "chesspg.training.evaluation.EvaluationMatch",
    "Game": "chesspg.games.game.Game",
    "Hex": "chesspg.games.hex.Hex",
    "Imitation": "chesspg.imitation.module.Imitation",
    "Loss": "chesspg.learning.losses.Loss",
    "MLP": "chesspg.policy.networks.MLP",
    "OpenSpiel": "chesspg.games.open_spiel.OpenSpiel",
    "OpponentPool": "chesspg.selfplay.opponents.OpponentPool",
    "Othello": "chesspg.games.othello.Othello",
    "Player": "chesspg.players.player.Player",
    "Policy": "chesspg.policy.policy.Policy",
    "PolicyGradient": "chesspg.training.module.PolicyGradient",
    "PolicyPlayer": "chesspg.players.policy_player.PolicyPlayer",
    "RandomPlies": "chesspg.games.random_plies.RandomPlies",
    "RecordedGames": "chesspg.imitation.data.RecordedGames",
    "ResidualNet": "chesspg.policy.networks.ResidualNet",
    "Rollout": "chesspg.selfplay.rollout.Rollout",
    "SelfPlay": "chesspg.training.datamodule.SelfPlay",
    "TicTacToe": "chesspg.games.tic_tac_toe.TicTacToe",
    "UnevenArmies": "chesspg.games.chess.starts.UnevenArmies",
    "load_policy": "chesspg.policy.files.load",
    "play_match": "chesspg.arena.matches.play_match",
}
__all__ = list(_HOMES)  # so that names are listed in one place


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'chesspg' has no attribute {name!r}")
    module, _, own = _HOMES[name].rpartition(".")
    return getattr(importlib.import_module(module), own)


def __dir__() -> list[str]:
    return __all__
