"""RecordedGames: its use in Python like any data module, the position in an epoch, what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from chesspg.arena.generation import append, generate, varied_openings
from chesspg.games.chess import Chess
from chesspg.imitation.data import RecordedGames
from chesspg.imitation.module import Imitation
from chesspg.players.player import Greedy, Random
from chesspg.policy.networks import MLP
from chesspg.training.checkpoints import AtomicCheckpointIO, RolloutCheckpoint, read_checkpoint


@pytest.fixture(scope="module")
def pgn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recorded") / "games.pgn"
    players = [("greedy", Greedy()), ("random", Random())]
    [texts] = generate(Chess(), players, varied_openings(Chess(), 32, 8, seed=1), max_plies=120)
    append(path, [text for text in texts if '[Result "*"]' not in text])
    return path


@pytest.fixture
def data(pgn: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., RecordedGames]:
    """The games of the file; arguments as those of RecordedGames."""
    monkeypatch.delenv("PL_GLOBAL_SEED", raising=False)  # which a training in an earlier test has set

    def make(**arguments: Any) -> RecordedGames:
        return RecordedGames([str(pgn)], **{"shards": str(pgn.parent / "shards"), "batch": 64, **arguments})

    return make


def imitation() -> Imitation:
    torch.manual_seed(0)
    return Imitation(Chess(), lambda game: MLP(game, hidden=(4,), value=True))


def test_parsing_is_part_of_fit(
    data: Callable[..., RecordedGames], trainer: Callable[..., pl.Trainer], tmp_path: Path,
    capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    ours, module = data(shards=str(tmp_path / "shards")), imitation()
    run = trainer(max_epochs=2)
    run.fit(module, ours)
    assert "games used" in capsys.readouterr().out
    assert run.global_step == 2 * ours.examples.batches
    assert module.played["plies"] == 2 * ours.examples.plies
    again = data(shards=str(tmp_path / "shards"))
    trainer(max_epochs=1).fit(imitation(), again)
    assert f"parsed before: {again.shards.folder}" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("by", ["an error", "should_stop"])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_run_goes_on_within_an_epoch_bit_for_bit(
    by: str, accumulate: int, data: Callable[..., RecordedGames], trainer: Callable[..., pl.Trainer], tmp_path: Path
) -> None:
    def fit(folder: str, stop: bool = False) -> Imitation:
        class Stop(pl.Callback):
            def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
                if stop and trainer.global_step == 11:
                    if by == "an error":
                        raise RuntimeError("power cut")
                    trainer.should_stop = True

        last = tmp_path / folder / "last.ckpt"
        run = trainer(
            max_epochs=2 * accumulate, val_check_interval=4, check_val_every_n_epoch=None, num_sanity_val_steps=0,
            accumulate_grad_batches=accumulate, enable_checkpointing=True, plugins=[AtomicCheckpointIO()],
            callbacks=[Stop(), RolloutCheckpoint(tmp_path / folder)],
        )  # fmt: skip
        module = imitation()
        resumed = last.is_file()
        run.fit(module, data(), ckpt_path=last if resumed else None, weights_only=True if resumed else None)
        return module

    whole = fit("whole")
    if by == "an error":
        with pytest.raises(RuntimeError, match="power cut"):
            fit("stopped", stop=True)
    else:
        fit("stopped", stop=True)
    saved = read_checkpoint(tmp_path / "stopped/last.ckpt")
    assert 0 < saved["global_step"] <= 11
    parts = fit("stopped")
    for one, other in zip(whole.parameters(), parts.parameters(), strict=True):
        assert torch.equal(one, other)
    assert whole.played["plies"] == parts.played["plies"]


def test_other_data_do_not_go_on(data: Callable[..., RecordedGames]) -> None:
    state = data().state_dict()
    data().load_state_dict(state)
    with pytest.raises(ValueError, match="a resumed run must keep its data: batch must be 64, got 32"):
        data(batch=32).load_state_dict(state)
    with pytest.raises(ValueError, match="a resumed run must keep its data: seed must be 0, got 5"):
        data(seed=5).load_state_dict(state)


def test_the_seed_is_lightnings_if_none_is_given(
    data: Callable[..., RecordedGames], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert data().seed == 0
    monkeypatch.setenv("PL_GLOBAL_SEED", "9")
    assert data().seed == 9
    assert data(seed=3).seed == 3


def test_without_a_trainer_each_epoch_has_its_own_order(data: Callable[..., RecordedGames]) -> None:
    loader = data().train_dataloader()
    one, other = ([batch.plies.game.tolist() for batch in loader] for _ in range(2))
    assert len(one) == len(other) == len(loader)
    assert one != other


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"batch": 0}, "batch must be between 1 and 1,048,576, got 0"),
        ({"min_rating": -1}, "min_rating must be between 0 and 10,000, got -1"),
        ({"results": ["1-0", "2-0"]}, "results must be some of 1-0, 1/2-1/2, 0-1, got 2-0"),
        ({"results": []}, "results must be some of 1-0, 1/2-1/2, 0-1, got none"),
    ],
)
def test_arguments_out_of_range_are_refused(
    arguments: dict[str, Any], said: str, data: Callable[..., RecordedGames]
) -> None:
    with pytest.raises(ValueError, match=f"^{said}$"):
        data(**arguments)


def test_no_files_are_refused() -> None:
    with pytest.raises(ValueError, match="files must name at least one PGN file, got none"):
        RecordedGames([])
