"""Imitation: its losses against closed forms, what is held out, the order of the data and where a run is in it."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Timer

from chesspg.games.game import Legal
from chesspg.games.randomness import Randomness
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.imitation.module import UPDATES, Imitation, RecordedGames, done, example
from chesspg.imitation.shards import Plies
from chesspg.players.player import Random
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy
from chesspg.selfplay.loop import play
from chesspg.training.module import NotFinite

GAMES = 200


def first_legal(folder: Path, shards: int = 3) -> list[Path]:
    """Tic-tac-toe in which everybody plays the first free square, from random positions."""
    paths = []
    for shard in range(shards):
        start = play(TicTacToe().start(GAMES), (Random(), Random()), Randomness(shard), max_plies=4)
        games = TicTacToe().start(start.positions())
        rows, parts = np.arange(GAMES), []
        while len(rows):
            keep = ~games.outcomes().over
            games, rows = games[keep], rows[keep]
            seen = games.observe()
            if len(rows):
                nothing = np.zeros(len(rows), np.int16)
                parts.append(
                    Plies(seen.planes, seen.scalars, seen.legal, nothing, nothing.astype(np.int8), rows + GAMES * shard)
                )
                games.play(seen.legal.take(nothing))
        paths.append(folder / f"{shard}.npz")
        Plies.concatenate(parts).save(paths[-1])
    return paths


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    return first_legal(tmp_path)


@pytest.fixture
def policy() -> Policy:
    torch.manual_seed(0)
    return Policy(TicTacToe(), MLP(TicTacToe(), hidden=(32,), value=True))


def keys(batch: Any) -> list[tuple[Any, ...]]:
    return [tuple(row.flatten().tolist()) for row in batch.planes]


def test_the_losses_are_cross_entropy_and_squared_error(
    policy: Policy, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = example(Plies.load(paths[0])[np.arange(20)])._replace(result=torch.linspace(-1, 1, 20))
    module = Imitation(policy, value_weight=0.25)
    monkeypatch.setattr("chesspg.imitation.module.log", lambda *arguments, **options: None)
    distribution = policy(batch.planes, batch.scalars, batch.legal)
    assert distribution.value is not None
    by_hand = 0.0
    for row in range(20):
        probability = distribution.probs[row, int(batch.choice[row])].item()
        by_hand += -math.log(probability) + 0.25 * (distribution.value[row].item() - batch.result[row].item()) ** 2
    assert module.training_step(batch, 0).item() == pytest.approx(by_hand / 20, rel=1e-5)
    assert module.played["plies"] == 20


def test_each_pass_sees_every_ply_that_is_not_held_out_once(paths: list[Path]) -> None:
    data = RecordedGames(paths, batch=64, seed=1)
    whole = Plies.concatenate([Plies.load(path) for path in paths])
    held = data._held(whole.game)
    assert 0.02 < len(np.unique(whole.game[held])) / (3 * GAMES) < 0.09
    expected = sorted(keys(example(whole[~held])))
    orders = []
    for _ in range(2):
        seen = [data.next() for _ in range(data.pass_updates)]
        assert {len(batch.choice) for batch in seen} <= {63, 64, 62}
        orders.append([key for batch in seen for key in keys(batch)])
        assert sorted(orders[-1]) == expected
    assert orders[0] != orders[1]
    told = [key for batch in data.val_dataloader() for key in keys(batch)]
    assert sorted(told) == sorted(keys(example(whole[held])))
    assert (data.plies, len(data.held_out)) == ((~held).sum(), held.sum())


def test_games_are_held_out_by_the_seed_alone(paths: list[Path]) -> None:
    one, same, other = (RecordedGames(paths, batch=batch, seed=seed) for batch, seed in ((64, 1), (8, 1), (64, 2)))
    assert one.held_out.game.tolist() == same.held_out.game.tolist()
    assert set(one.held_out.game) != set(other.held_out.game)


def test_a_stream_goes_on_where_its_state_says(paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chesspg.imitation.module.TOGETHER", 2)  # two groups
    whole = RecordedGames(paths, batch=64)
    batches = [whole.next() for _ in range(whole.pass_updates * 2 + 3)]
    for stop in (1, whole.pass_updates, whole.pass_updates + 2):
        data = RecordedGames(paths, batch=64)
        for _ in range(stop):
            data.next()
        other = RecordedGames(paths, batch=64)
        other.load_state_dict(data.state_dict())
        for expected in batches[stop:]:
            assert all(torch.equal(a, b) for a, b in zip(other.next(), expected, strict=True))


def test_a_pass_ends_where_it_ends_however_many_validations_it_has(paths: list[Path]) -> None:
    data = RecordedGames(paths, batch=1, passes=2)
    assert data.total == 2 * data.pass_updates
    lengths = []
    while length := len(data.train_dataloader()):
        lengths.append(length)
        for _ in data.train_dataloader():
            pass
    assert sum(lengths) == data.total
    assert len(lengths) > 2
    assert set(lengths[:-1]) == {UPDATES}
    assert RecordedGames(paths).total is None
    assert len(RecordedGames(paths).train_dataloader()) == UPDATES


@pytest.mark.slow
def test_it_learns_what_the_games_show(
    policy: Policy, paths: list[Path], trainer: Callable[..., pl.Trainer], capsys: pytest.CaptureFixture[str]
) -> None:
    module = Imitation(policy, lr=0.01)
    data = RecordedGames(paths, batch=64, passes=8)
    run = trainer(max_epochs=-1, reload_dataloaders_every_n_epochs=1, num_sanity_val_steps=0)
    run.fit(module, data)
    assert float(run.callback_metrics["held_out/accuracy"]) > 0.97
    assert float(run.callback_metrics["held_out/value_error"]) < 0.02  # all were drawn
    assert module.played["plies"] == 8 * data.plies
    assert run.optimizers[0].param_groups[0]["lr"] < 1e-4  # the end of the cosine
    assert "held out: accuracy" in capsys.readouterr().out


def test_a_run_is_as_far_as_its_updates_or_its_clock(trainer: Callable[..., pl.Trainer]) -> None:
    class Clock(Timer):
        def time_elapsed(self, stage: Any = None) -> float:
            return 45.0

    by_time = trainer(max_epochs=-1, callbacks=[Clock("00:00:01:00")])
    assert done(by_time) == pytest.approx(0.75)
    by_updates = trainer(max_epochs=-1, callbacks=[Clock("00:00:05:00")])
    by_updates.datamodule = SimpleNamespace(update=10, total=40)
    assert done(by_updates) == 0.25
    assert done(by_time, by_time=False) == 0


def test_what_is_not_finite_stops_the_run(
    policy: Policy, paths: list[Path], trainer: Callable[..., pl.Trainer]
) -> None:
    data = RecordedGames(paths, batch=64, passes=1)
    with torch.no_grad():
        next(policy.parameters()).fill_(float("nan"))
    with pytest.raises(NotFinite, match="held_out/log_prob is nan"):
        trainer(max_epochs=1, num_sanity_val_steps=0).fit(Imitation(policy), data)


def test_of_few_games_one_is_held_out(tmp_path: Path) -> None:
    [path] = first_legal(tmp_path, shards=1)
    plies = Plies.load(path)
    plies[plies.game < 3].save(path)
    for seed in range(5):
        assert len(np.unique(RecordedGames([path], seed=seed).held_out.game)) == 1
    plies[plies.game < 1].save(path)
    with pytest.raises(ValueError, match=r"expected at least 2 games, .* got 1"):
        RecordedGames([path])


def test_legal_actions_survive_the_file(tmp_path: Path) -> None:
    legal = Legal(np.array([1, 5, 2], np.int16), np.array([0, 2, 2, 3], np.int64))
    plies = Plies(
        np.ones((3, 2, 1), np.uint64), np.ones((3, 0), np.uint8), legal, np.zeros(3, np.int16), np.ones(3, np.int8),
        np.arange(3),
    )  # fmt: skip
    plies.save(tmp_path / "a.npz")
    read = Plies.load(tmp_path / "a.npz")
    assert read.legal.offsets.tolist() == [0, 2, 2, 3]
    assert read.legal.actions.tolist() == [1, 5, 2]
