"""Learning from segments: bootstrapped where games are cut, resumed bit for bit, refused where it would be wrong.

Torch's CPU takes the place of a GPU; only `place` is replaced.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from preloaded import python
from torch import Tensor

from chesspg.games.chess import Chess
from chesspg.games.chess.starts import UnevenArmies
from chesspg.games.game import Game
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.learning.advantages import Advantages
from chesspg.learning.losses import Loss
from chesspg.players.policy_player import PolicyPlayer
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy
from chesspg.selfplay.opponents import OpponentPool
from chesspg.selfplay.rollout import Rollout
from chesspg.selfplay.slots import Slots
from chesspg.training.checkpoints import AtomicCheckpointIO, RolloutCheckpoint, read_checkpoint
from chesspg.training.datamodule import SelfPlay
from chesspg.training.kept_slots import KeptSlots
from chesspg.training.module import PolicyGradient
from chesspg.training.sample_games import SampleGames

MakeTrainer = Callable[..., pl.Trainer]
STARTS = ["", "3/3/3 x moves b2", "3/3/3 x moves a1 b1 a2 b2"]


class OnTorch(SelfPlay):
    """Plays through the device loop on torch's CPU."""

    def place(self, device: torch.device) -> str | None:
        return "cpu"


class Inside(pl.LightningDataModule):
    """A data module of the user's own, with a SelfPlay in it."""

    def __init__(self, data: SelfPlay) -> None:
        super().__init__()
        self.data = data

    def train_dataloader(self) -> Any:
        return {"games": self.data.train_dataloader()}


class FromInside(PolicyGradient):
    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        return super().training_step(batch["games"], batch_idx)


class Kept(pl.Callback):
    def __init__(self) -> None:
        self.rollouts: list[Rollout] = []

    def on_rollout(self, trainer: pl.Trainer, pl_module: pl.LightningModule, rollout: Rollout) -> None:
        self.rollouts.append(rollout)


class Stop(pl.Callback):
    """Ctrl-C in a rollout, after some of its updates."""

    def __init__(self, rollout: int) -> None:
        self.rollout = rollout

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        if trainer.current_epoch == self.rollout:
            raise KeyboardInterrupt


def data(segment: int = 5, games: int = 24, **options: Any) -> SelfPlay:
    pool = OpponentPool({"random": 0.25, "greedy": 0.125}, share=0.25, every=2, size=2)
    usual = {"updates": 2, "starts": STARTS, "opponents": pool, "max_plies": 7, "material_weight": 0.0, "seed": 3}
    return OnTorch(options.pop("game", TicTacToe()), games=games, segment=segment, **{**usual, **options})


def module(cls: type[PolicyGradient] = PolicyGradient, game: Game | None = None, **options: Any) -> PolicyGradient:
    torch.manual_seed(0)
    usual = {
        "advantages": Advantages("value", gae_lambda=0.8, normalize=True),
        "loss": Loss(clip=0.2, average="plies", entropy_weight=0.01),
        "optimizer": partial(torch.optim.Adam, lr=0.01),
    }
    return cls(game or TicTacToe(), partial(MLP, hidden=(16,), value=True), **{**usual, **options})


def by_hand(rollout: Rollout, lambda_: float, policy: Any, discount: float = 1.0) -> list[float]:
    """[N] the advantages by their definition, from the mover's side, with the value of the last position.

    From player 0's side, Âₜ = γⁿ v(sₜ₊₁) − v(sₜ) + γⁿ λ Âₜ₊₁, with n turns until the next stored ply or the cut.
    """
    plies = rollout.plies
    result = [0.0] * len(plies)
    for game in range(rollout.games):
        rows = np.flatnonzero(plies.game == game)
        after, mover = rollout.reward[game], -1  # what comes next, for player 0, and who moves then
        if not rollout.ended[game]:
            seen = policy.game.start([rollout.position(game)]).observe()
            mover = int(seen.player[0])
            after = float(policy.observe(seen).value[0].detach()) * (1 - 2 * mover)
        advantage = 0.0
        for row in reversed(rows):
            player = int(plies.player[row])
            turns = 0 if mover < 0 else 2 if mover == player else 1  # the reward at the end of a game is paid at once
            value = float(plies.value[row]) * (1 - 2 * player)
            advantage = discount**turns * (after + lambda_ * advantage) - value
            result[row] = advantage * (1 - 2 * player)
            after, mover = value, player
    return result


@pytest.mark.parametrize("lambda_", [None, 0.0, 0.7])
def test_advantages_are_bootstrapped_at_the_cut(trainer: MakeTrainer, lambda_: float | None) -> None:
    compared = 0

    class Compared(PolicyGradient):
        def weigh(self, rollout: Rollout) -> Tensor:
            nonlocal compared
            advantage = super().weigh(rollout)
            expected = by_hand(rollout, 1.0 if lambda_ is None else lambda_, self.policy)
            torch.testing.assert_close(advantage, torch.tensor(expected), atol=1e-5, rtol=0)
            compared += int((~rollout.ended).sum())
            return advantage

    learner = module(Compared, advantages=Advantages("value", gae_lambda=lambda_))
    trainer(max_epochs=4).fit(learner, data(segment=3))
    assert compared > 20


@pytest.mark.parametrize("opponents", [None, OpponentPool({"random": 0.5}, share=0.25, every=2, size=2)])
def test_a_discounted_value_at_the_cut_comes_a_turn_later_or_two(
    trainer: MakeTrainer, opponents: OpponentPool | None
) -> None:
    compared = 0

    class Compared(PolicyGradient):
        def weigh(self, rollout: Rollout) -> Tensor:
            nonlocal compared
            advantage = super().weigh(rollout)
            torch.testing.assert_close(
                advantage, torch.tensor(by_hand(rollout, 0.7, self.policy, discount=0.8)), atol=1e-5, rtol=0
            )
            compared += int((~rollout.ended).sum())
            return advantage

    learner = module(Compared, advantages=Advantages("value", gae_lambda=0.7, discount=0.8))
    trainer(max_epochs=4).fit(learner, data(segment=3, opponents=opponents))  # with opponents, their plies are missing
    assert compared > 20


def test_a_game_is_counted_once_where_it_ends_and_a_ply_where_it_is_played(trainer: MakeTrainer) -> None:
    kept = Kept()
    fit, learner = trainer(max_epochs=6, callbacks=[kept]), module()
    fit.fit(learner, data(segment=4))
    ended = sum(int(rollout.ended.sum()) for rollout in kept.rollouts)
    assert learner.played["games"] == ended
    assert learner.played["plies"] == sum(rollout.played for rollout in kept.rollouts)
    last, metrics = kept.rollouts[-1], fit.callback_metrics
    assert 0 < last.ended.sum() < last.games
    lengths = [len(last.position(game).split(" moves ")[1].split()) for game in np.flatnonzero(last.ended)]
    started = [len(start.split(" moves ")[-1].split()) if "moves" in start else 0 for start in STARTS]
    assert set(last.length[last.ended]) <= {length - start for length in lengths for start in started}
    assert float(metrics["length"]) == pytest.approx(last.length[last.ended].mean())
    assert float(metrics["reward"]) == pytest.approx(last.reward[last.ended].mean())
    shares = ("seat_0_wins", "seat_1_wins", "draws", "truncated")
    assert sum(float(metrics[name]) for name in shares) == pytest.approx(1)
    assert 0.3 < float(metrics["occupancy"]) <= 1


def test_the_seats_of_a_slot_never_change(trainer: MakeTrainer) -> None:
    kept = Kept()
    trainer(max_epochs=8, callbacks=[kept]).fit(module(), data())
    sides: dict[int, set[int]] = {slot: set() for slot in range(24)}
    for rollout in kept.rollouts:
        slots = rollout.group[rollout.plies.game]
        for slot, seen in sides.items():
            seen.update(rollout.plies.player[slots == slot].tolist())
    counts = [list(sides.values()).count(seen) for seen in ({0}, {1}, {0, 1})]
    assert counts in ([6, 6, 12], [8, 8, 8])  # 0.625 of six blocks of four are against opponents


def test_the_pool_counts_the_games_that_have_ended(trainer: MakeTrainer) -> None:
    pool, kept = OpponentPool({"random": 1.0}, share=0.0), Kept()
    trainer(max_epochs=4, callbacks=[kept]).fit(module(), data(segment=2, opponents=pool))
    games = 0.0
    for rollout in kept.rollouts:
        if ended := int(rollout.ended.sum()):
            games = 0.9 * games + ended
    assert games > 0
    assert pool.state_dict()["players"]["random"][0] == pytest.approx(games)


def test_rollouts_in_which_no_game_ends_have_no_means_over_games(trainer: MakeTrainer, tmp_path: Path) -> None:
    fit = trainer(max_epochs=2, callbacks=[SampleGames(tmp_path / "games", every_n_rollouts=1)])
    learner = module()
    fit.fit(learner, data(segment=2, starts=None, opponents=None))
    assert learner.played["games"] == 0
    assert learner.played["plies"] == 2 * 2 * 24
    assert not {"reward", "length", "draws"} & fit.callback_metrics.keys()
    assert not (tmp_path / "games").exists()
    fit = trainer(max_epochs=6, callbacks=[SampleGames(tmp_path / "games", every_n_rollouts=1)])
    fit.fit(module(), data(segment=2, starts=None, opponents=None))
    assert (tmp_path / "games/rollout-000005.pgn").is_file()


def run(
    trainer: MakeTrainer,
    folder: Path,
    epochs: int,
    inside: bool,
    resume: bool = False,
    stop: int | None = None,
    **more: Any,
) -> tuple[dict[str, Tensor], list[list[str]]]:
    """The weights at the end, and the games of each rollout."""
    kept, game = Kept(), more.get("game", TicTacToe())
    callbacks: list[pl.Callback] = [kept, RolloutCheckpoint(folder), *([] if stop is None else [Stop(stop)])]
    fit = trainer(
        max_epochs=epochs,
        callbacks=callbacks,
        plugins=[AtomicCheckpointIO()],
        enable_checkpointing=True,
        default_root_dir=folder,
    )
    learner = module(FromInside if inside else PolicyGradient, game)
    played = data(**more)
    folder.mkdir(exist_ok=True)
    ckpt = folder / "last.ckpt" if resume else None
    try:
        fit.fit(learner, Inside(played) if inside else played, ckpt_path=ckpt, weights_only=True)
    except SystemExit:  # Lightning's way to end after Ctrl-C
        assert stop is not None
    return learner.policy.state_dict(), [rollout.positions() for rollout in kept.rollouts]


def assert_resumed(trainer: MakeTrainer, folder: Path, inside: bool, stopped: bool, **more: Any) -> None:
    weights, games = run(trainer, folder / "straight", 6, inside, **more)
    cut = folder / "cut"
    _, first = run(trainer, cut, 6 if stopped else 3, inside, stop=3 if stopped else None, **more)
    assert first[:3] == games[:3]
    again, second = run(trainer, cut, 6, inside, resume=True, **more)
    assert second == games[3:]
    for name, weight in weights.items():
        assert torch.equal(again[name], weight), name


def test_slots_of_version_0_4_were_all_to_be_prepared() -> None:
    kept, slots = KeptSlots(), Slots.empty(np.arange(6))
    state = Slots.together([replace(slots, ready=np.zeros(6, bool), games={"a": torch.zeros(6, 1)}).state_dict()])
    kept.load_state_dict(state, 6)
    assert not kept.of_rank(0, 1, slots.index, 0).ready.any()
    kept.load_state_dict({name: value for name, value in state.items() if name != "ready"}, 6)
    assert kept.of_rank(0, 1, slots.index, 0).ready.all()


@pytest.mark.slow
@pytest.mark.parametrize(("inside", "stopped"), [(False, False), (True, False), (False, True)])
def test_a_resumed_run_ends_with_the_same_bits(
    trainer: MakeTrainer, tmp_path: Path, inside: bool, stopped: bool
) -> None:
    assert_resumed(trainer, tmp_path, inside, stopped)
    state = read_checkpoint(tmp_path / "cut/last.ckpt")["chesspg"]["self_play"]["slots"]
    assert len(state["index"]) == 24


@pytest.mark.slow
def test_a_resumed_run_of_chess_ends_with_the_same_bits(trainer: MakeTrainer, tmp_path: Path) -> None:
    pytest.importorskip("numba")
    more = {"starts": UnevenArmies(0.5, alike=2), "max_plies": 40, "material_weight": 0.4, "segment": 11}
    assert_resumed(trainer, tmp_path, inside=False, stopped=True, game=Chess(), **more)


def test_a_run_may_be_resumed_with_fewer_slots_but_not_with_more(trainer: MakeTrainer, tmp_path: Path) -> None:
    run(trainer, tmp_path, 1, inside=False)
    with pytest.raises(
        ValueError, match=r"^games must be at most 24 with segments, the slots in the checkpoint, got 48$"
    ):
        run(trainer, tmp_path, 2, inside=False, resume=True, games=48)
    before = read_checkpoint(tmp_path / "last.ckpt")["chesspg"]["self_play"]["slots"]
    with pytest.warns(UserWarning, match="the games in 12 of the 24 slots in the checkpoint are dropped"):
        _, [games] = run(trainer, tmp_path, 2, inside=False, resume=True, games=12)
    for slot in range(12):
        moves = [before["moves"][name][before["moves"]["slot"] == slot].tolist() for name in ("ply", "action")]
        line = " ".join(TicTacToe().move_name("", action) for _, action in sorted(zip(*moves, strict=True)))
        assert any(line in text for text in games)
    assert len(read_checkpoint(tmp_path / "last.ckpt")["chesspg"]["self_play"]["slots"]["index"]) == 12


def test_a_second_training_without_the_slots_plays_other_games(trainer: MakeTrainer, tmp_path: Path) -> None:
    first, kept = data(opponents=None), Kept()
    trainer(callbacks=[kept], max_epochs=2).fit(module(), first)
    second = data(opponents=None)
    second.rollouts = first.rollouts
    trainer(callbacks=[kept], max_epochs=4).fit(module(), second)
    assert kept.rollouts[0].positions() != kept.rollouts[2].positions()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"advantages": Advantages()}, r"baseline='value'\)\), since a game that is cut is worth its value; got none$"),
        ({"advantages": Advantages("leave_one_out")}, "got leave_one_out$"),
        ({"advantages": Advantages(lambda sample: sample.return_)}, "got <lambda>$"),
        ({"advantages": lambda sample: sample.return_}, "got <lambda>$"),
        ({"loss": Loss(clip=0.2)}, r"loss=Loss\(average='plies'\)\), .*; got games$"),
    ],
)
def test_other_estimators_are_refused(trainer: MakeTrainer, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=rf"^SelfPlay\(segment=5\) needs PolicyGradient\(.*{message}"):
        trainer().fit(module(**options), data(opponents=None))


def test_a_module_without_a_baseline_is_refused(trainer: MakeTrainer) -> None:
    class Own(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.policy = module().policy

        def training_step(self, batch: Any, batch_idx: int) -> Tensor:
            raise AssertionError

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters())

    with pytest.raises(ValueError, match=r"got Own, which has no advantages$"):
        trainer().fit(Own(), data(opponents=None))


def test_opponents_that_need_the_host_are_refused(trainer: MakeTrainer) -> None:
    pool = OpponentPool({"random": 0.1, "minimax?depth=1": 0.1}, share=0.0)
    with pytest.raises(
        ValueError, match=r"^SelfPlay\(segment=5\) can't be used with the opponent minimax\?depth=1, which chooses on"
    ):
        trainer().fit(module(), data(opponents=pool))


@pytest.mark.parametrize(("options", "why"), [({}, "the Trainer runs on cpu"), ({"device": "cpu"}, "device is cpu")])
def test_the_host_loop_is_refused(trainer: MakeTrainer, options: dict[str, Any], why: str) -> None:
    message = rf"^SelfPlay\(segment=5\) needs a GPU that plays the games, but {why}; leave it out"
    with pytest.raises(ValueError, match=message):
        trainer().fit(module(), SelfPlay(TicTacToe(), segment=5, **options))


def test_a_game_without_rules_for_the_device_is_refused() -> None:
    class Elsewhere(SelfPlay):
        def place(self, device: torch.device) -> str | None:
            return super().place(torch.device("cuda", 0))

    host_only = Elsewhere(Chess("atomic"), segment=5)
    message = r"^SelfPlay\(segment=5\) needs a GPU that plays the games, but .*atomic.*; leave it out"
    with pytest.raises(ValueError, match=message):
        host_only.sample(PolicyPlayer(Policy(host_only.game, MLP(host_only.game))))
    with pytest.raises(ValueError, match=r"^games must be at most slots \(64\) with segments, got 128$"):
        SelfPlay(TicTacToe(), games=128, slots=64, segment=5)
    with pytest.raises(ValueError, match=r"^segment must be between 1 and 1,048,576, got 0$"):
        SelfPlay(TicTacToe(), segment=0)


DDP = """
import os, sys
from functools import partial
import pytorch_lightning as pl, torch
from chesspg import OpponentPool, PolicyGradient, SelfPlay, TicTacToe
from chesspg.learning.advantages import Advantages
from chesspg.learning.losses import Loss
from chesspg.policy.networks import MLP

class OnTorch(SelfPlay):
    def place(self, device):
        return "cpu"

def main(devices, epochs, checkpoint):
    torch.manual_seed(0)
    module = PolicyGradient(TicTacToe(), partial(MLP, hidden=(16,), value=True),
                            optimizer=partial(torch.optim.SGD, lr=0.3), advantages=Advantages("value", gae_lambda=0.9),
                            loss=Loss(average="plies"))
    pool = OpponentPool({"random": 0.3}, share=0.25, every=1)
    data = OnTorch(TicTacToe(), games=32, segment=5, opponents=pool, seed=1, starts=["", "3/3/3 x moves b2"])
    trainer = pl.Trainer(max_epochs=epochs, accelerator="cpu", devices=devices, logger=False,
                         strategy="ddp" if devices > 1 else "auto", enable_checkpointing=False,
                         enable_progress_bar=False, enable_model_summary=False)
    trainer.fit(module, data, ckpt_path=checkpoint, weights_only=True if checkpoint else None)
    trainer.save_checkpoint(f"{devices}-{epochs}-{bool(checkpoint)}.ckpt")
    played = module.played
    line = trainer.global_rank, played["games"], played["plies"], float(trainer.callback_metrics["length"])
    os.write(1, f"{' '.join(map(str, line))}\\n".encode())  # at once, since two processes write to one pipe

if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)
"""


@pytest.mark.slow
def test_two_processes_learn_what_one_does_and_resume_from_one_checkpoint(folder: Path) -> None:
    (folder / "script.py").write_text(DDP)

    def lines(*arguments: str) -> set[str]:
        done = python(folder, "script.py", *arguments)
        assert done.returncode == 0, done.stderr
        return {line[2:] for line in done.stdout.splitlines()}  # without the rank

    one = lines("1", "6")
    lines("2", "3")
    assert lines("2", "6", "2-3-False.ckpt") == one
    assert lines("1", "6", "2-3-False.ckpt") == one
    expected = read_checkpoint(folder / "1-6-False.ckpt")
    for name in ("2-6-True", "1-6-True"):
        found = read_checkpoint(folder / f"{name}.ckpt")
        for key, weight in expected["state_dict"].items():
            torch.testing.assert_close(found["state_dict"][key], weight, rtol=0, atol=1e-5)
        slots, theirs = found["chesspg"]["self_play"]["slots"], expected["chesspg"]["self_play"]["slots"]
        for key, tensor in theirs["games"].items():
            assert torch.equal(slots["games"][key], tensor), key
