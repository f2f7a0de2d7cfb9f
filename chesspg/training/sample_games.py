"""Saves games of a training as PGN: the first ones of some rollouts, and those of evaluation matches."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from chesspg.arena.match_result import MatchResult
from chesspg.games.game import Game
from chesspg.pgn.writing import players_tags, save_pgn, to_pgn
from chesspg.selfplay.rollout import Rollout
from chesspg.training.fitting import policy_of


class SampleGames(Callback):
    """Saves the first games that ended in some rollouts as PGN, one file per rollout.

    Args:
        folder: Where the files are written.
        games: The number of games per file.
        every_n_rollouts: Save the games of every n-th rollout.
    """

    def __init__(self, folder: str | Path, games: int = 4, every_n_rollouts: int = 10) -> None:
        self.folder = Path(folder)
        self.games = games
        self.every_n_rollouts = every_n_rollouts

    def setup(self, trainer: pl.Trainer, module: pl.LightningModule, stage: str) -> None:
        if trainer.is_global_zero:
            self.folder.parent.mkdir(parents=True, exist_ok=True)

    def on_rollout(self, trainer: pl.Trainer, pl_module: pl.LightningModule, rollout: Rollout) -> None:
        number = trainer.current_epoch
        if not trainer.is_global_zero or number % self.every_n_rollouts:
            return
        game, ended = policy_of(pl_module).game, np.flatnonzero(rollout.ended)[: self.games].tolist()
        if not ended:  # as may happen in a short segment
            return
        self.folder.mkdir(exist_ok=True)  # without its parents: a run's folder that was deleted stays so
        save_pgn(
            self.folder / f"rollout-{number:06}.pgn",
            [
                to_pgn(game, rollout.position(i), {"Event": f"rollout {number}", "Round": str(at)})
                for at, i in enumerate(ended, start=1)
            ],
        )


def save_match_games(
    folder: Path, game: Game, updates: int, results: Mapping[str, MatchResult], logged: Callable[[str], str]
) -> None:
    """Save the games of evaluation matches, one file per opponent.

    Args:
        folder: Where the files are written; the folder that it lies in must exist.
        game: The game.
        updates: The optimizer steps after which the matches were played.
        results: The matches by opponent.
        logged: From an opponent to its name in metrics, which the names of the files also contain.
    """
    folder.mkdir(exist_ok=True)  # without its parents: a run's folder that was deleted stays so
    for opponent, result in results.items():
        names = ("policy", opponent)
        texts = [
            to_pgn(game, position, {"Event": f"evaluation after {updates} updates", "Round": str(i + 1),
                                    **players_tags(game, names[i % 2], names[1 - i % 2])})
            for i, position in enumerate(result.positions)
        ]  # fmt: skip
        save_pgn(folder / f"against-{_slug(logged(opponent))}-{updates:06}.pgn", texts)


def _slug(opponent: str) -> str:
    return re.sub(r"[^A-Za-z0-9.=-]+", "-", opponent).strip("-")  # it keeps signs: Level=5 is not Level=-5
