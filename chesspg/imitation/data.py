"""Recorded games as training data: each epoch has every ply once, in a new random order."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterator, Sequence
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.trainer.states import TrainerFn
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor

from chesspg.games.chess import Chess
from chesspg.imitation.examples import Examples
from chesspg.imitation.recorded import Recorded
from chesspg.imitation.shards import Shards
from chesspg.imitation.tally import Tally
from chesspg.pgn.archive import Wanted
from chesspg.pgn.movetext import OUTCOMES
from chesspg.storage.parsing import one_line
from chesspg.storage.run_folder import RUNS
from chesspg.terminal.progress import progress
from chesspg.training.packages import check_package
from chesspg.training.ranges import require


class RecordedGames(pl.LightningDataModule):
    """Chess games of PGN files, whose moves and results are learned; one game in twenty is held out for validation.

    Games are parsed once, in `prepare_data`, into shards that are used again for the same files and filters. An epoch
    has every ply that is not held out once, in an order that depends only on the seed and the number of the epoch. A
    checkpoint within an epoch holds the position in it. `Trainer(val_check_interval=500, check_val_every_n_epoch=None)`
    validates every 500 batches; a run can be resumed from each of these points.

    Args:
        files: PGN files, also compressed. They need not exist any more if `shards` is the folder of their shards.
        min_rating: The lowest rating that both players must have. Unless it is 0, games without ratings are left out.
        min_seconds: The least time per player for 40 moves, by the time control. Unless it is 0, games without a time
            control are left out.
        results: Results of the games to use.
        games: The most games to use; None uses all.
        shards: The folder in which a folder of shards is kept for these files, or that folder of shards itself.
        batch: Plies per batch.
        seed: Seed of the order and of the held-out games; if not given, that of `pl.seed_everything`, else 0.

    Raises:
        OSError: A file can't be opened.
        ValueError: An argument is out of range, or a file is not a text file.
    """

    def __init__(
        self,
        files: Sequence[str],
        min_rating: int = 0,
        min_seconds: int = 0,
        results: Sequence[str] = tuple(OUTCOMES),
        games: int | None = None,
        shards: str = str(RUNS / "shards"),
        batch: int = 512,
        seed: int | None = None,
    ) -> None:
        super().__init__()
        check_package()
        counts = {"min_rating": min_rating, "min_seconds": min_seconds, "games": games, "batch": batch, "seed": seed}
        require(RecordedGames, counts)
        unknown = [result for result in results if result not in OUTCOMES]
        if unknown or not results:
            raise ValueError(f"results must be some of {', '.join(OUTCOMES)}, got {unknown[0] if unknown else 'none'}")
        if not files:
            raise ValueError("files must name at least one PGN file, got none")
        self.game = Chess()
        self.shards = Shards(files, shards, Wanted(min_rating, min_seconds, tuple(results)), games)
        self.batch = operator.index(batch)
        self._seed = None if seed is None else operator.index(seed)
        self._examples: Examples | None = None

    @property
    def seed(self) -> int:
        return int(os.environ.get("PL_GLOBAL_SEED", 0)) if self._seed is None else self._seed

    @property
    def examples(self) -> Examples:
        """The plies of the shards. What is not parsed yet is parsed first."""
        if self._examples is None:
            if not self.shards.complete:
                self.shards.parse()
            self._examples = Examples(self.shards.paths, self.batch, self.seed)
        return self._examples

    def prepare_data(self) -> None:
        """Parse what is not parsed yet, with a progress bar, and print how many games are used and why others are not.

        Raises:
            OSError: A shard can't be written.
            ValueError: There is no game to learn from.
        """
        if self.shards.complete:
            if self._examples is None:
                print(f"parsed before: {self.shards.folder}", flush=True)
        else:
            self._parse()

    def _parse(self) -> None:
        columns = (TextColumn("parsing"), BarColumn(), DownloadColumn(), TextColumn("{task.fields[done]}"))
        with progress(*columns, TimeElapsedColumn(), TimeRemainingColumn()) as bar:
            task = bar.add_task("", total=self.shards.size, done="")

            def show(read: int, tally: Tally) -> None:
                bar.update(task, completed=read, done=f"{tally.used:,} games, {tally.plies:,} plies")

            self.shards.parse(show)
        for line in self.shards.tally.lines:
            print(one_line(line), flush=True)

    def train_dataloader(self) -> TrainingLoader:
        return TrainingLoader(self)

    def val_dataloader(self) -> ValidationLoader:
        return ValidationLoader(self.examples)

    def state_dict(self) -> dict[str, Any]:
        return {"batch": self.batch, "seed": self.seed, "plies": self.examples.plies}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Raise ValueError if a run is resumed from a checkpoint of other data."""
        if self.trainer and self.trainer.state.fn not in (None, TrainerFn.FITTING):
            return
        for name, value in self.state_dict().items():
            if state_dict[name] != value:
                raise ValueError(
                    f"a resumed run must keep its data: {name} must be {state_dict[name]:,}, got {value:,}"
                )


class TrainingLoader:
    """The batches of an epoch.

    A plain iterable with a length, from which Lightning prefetches nothing: its state counts what was learned from.
    """

    def __init__(self, data: RecordedGames) -> None:
        self.data = data
        self._epochs = 0  # epochs so far, which count if there is no Trainer
        self._first = 0  # the batch with which the next epoch begins, if a run is resumed within one
        self._done = 0  # batches of this epoch that were handed out

    def __len__(self) -> int:
        return self.data.examples.batches

    def __iter__(self) -> Iterator[Recorded[Tensor]]:
        number = self.data.trainer.current_epoch if self.data.trainer else self._epochs
        self._epochs += 1
        self._done, self._first = self._first, 0
        for batch in self.data.examples.epoch(number, self._done):
            self._done += 1
            yield batch

    def state_dict(self) -> dict[str, Any]:
        return {"batches": self._done}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Begin the next epoch at a checkpoint's position in it."""
        self._first = self._done = state_dict["batches"] % len(self)


class ValidationLoader:
    """The batches of the held-out plies."""

    def __init__(self, examples: Examples) -> None:
        self.held_out = examples.held_out
        self.rows = examples.validation()

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Recorded[Tensor]]:
        return (self.held_out[rows].to() for rows in self.rows)
