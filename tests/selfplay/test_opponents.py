"""The opponent pool: who plays whom, what is learned from it, which policies it keeps, how it is saved."""

from __future__ import annotations

import copy
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.plugins import AsyncCheckpointIO
from torch import Tensor

from chesspg.games.randomness import Randomness
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.players.player import Choice, Random, Turn
from chesspg.players.policy_player import PolicyPlayer
from chesspg.policy import files
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy
from chesspg.selfplay.opponents import OpponentPool
from chesspg.training.checkpoints import AtomicCheckpointIO, read_checkpoint
from chesspg.training.datamodule import SelfPlay
from chesspg.training.module import PolicyGradient

MakeTrainer = Callable[..., pl.Trainer]
MakeModule = Callable[..., PolicyGradient]
GAME = TicTacToe()


@pytest.fixture
def player() -> PolicyPlayer:
    return fresh(0)


def fresh(seed: int) -> PolicyPlayer:
    torch.manual_seed(seed)
    return PolicyPlayer(Policy(GAME, MLP(GAME, hidden=(16,))))


def weights(policy: Policy) -> Tensor:
    return torch.cat([p.detach().flatten() for p in policy.parameters()])


def pool_of(members: int, **arguments: Any) -> OpponentPool:
    """A pool of this number of policies with different weights, which gets no others before rollout 1000."""
    pool = OpponentPool(every=1, size=members, **arguments)
    for number in range(members):
        pool.snapshot(fresh(number + 1).policy, number)
    pool.every = 1000
    return pool


# --- Who meets whom --------------------------------------------------------------------------------------------------


def test_each_opponent_has_its_share_and_either_seat_as_often(player: PolicyPlayer) -> None:
    pool = pool_of(2, players={"random": 0.25, "greedy": 0.1}, share=0.3)
    counts: Counter[int] = Counter()
    for rollout in range(800):
        seats, pair = pool.seats(player, 96, 3, Randomness(1, rollout))
        learner = [[one is player for one in both] for both in seats]
        assert [sum(both) for both in learner] == [2 if number == 0 else 1 for number in pair]
        for number, start in itertools.product(range(4), range(3)):
            sides = [learner[i].index(True) for i in range(start, 96, 3) if (pair[i] + 1) // 2 == number + 1]
            assert sides.count(0) == sides.count(1)  # of every start
            assert len(sides) % 4 == 0
        counts.update(((pair + 1) // 2).tolist())
    # Of the 24 blocks of four a share s has 24 s in the mean, rounded up or down in each rollout.
    for number, share in enumerate((0.35, 0.25, 0.1, 0.15, 0.15)):
        assert counts[number] / (800 * 96) == pytest.approx(share, abs=0.02), number


def test_a_small_rollout_has_the_shares_in_the_mean(player: PolicyPlayer) -> None:
    pool = OpponentPool({"random": 0.3}, share=0.0)
    pairs = [pool.seats(player, 4, 1, Randomness(1, rollout))[1] for rollout in range(1000)]
    assert np.mean(np.concatenate(pairs) > 0) == pytest.approx(0.3, abs=4 * (0.3 * 0.7 / 1000) ** 0.5)


def test_shares_of_one_leave_no_self_play(player: PolicyPlayer) -> None:
    pool = pool_of(3, players={"random": 0.7}, share=0.3)
    for rollout in range(100):
        assert (pool.seats(player, 32, 1, Randomness(0, rollout))[1] > 0).all()


@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_play_the_union_of_what_one_would(ranks: int, player: PolicyPlayer) -> None:
    def data() -> SelfPlay:
        pool = pool_of(2, players={"random": 0.25}, share=0.5)
        made = SelfPlay(GAME, games=48, seed=5, starts=["3/3/3 x", "x2/1o1/3 x"], opponents=pool)
        made.rollouts = 1  # after the rollout for which there is a snapshot
        return made

    whole, groups = data().sample(player), Counter[int]()
    for rank in range(ranks):
        share = data().sample(player, rank, ranks)
        for i in range(share.games):
            assert share.position(i) == whole.position(i * ranks + rank)
            assert share.group[i] == whole.group[i * ranks + rank]
        groups.update(share.group.tolist())
    assert min(groups.values()) >= 2  # leave_one_out finds other games alike, whatever was sampled
    assert len(groups) == 2 * (1 + 2 * 2) - 1  # starts, seats; of one start no game happens to be self-play


def test_with_fixed_places_only_the_earlier_policy_is_sampled_anew(player: PolicyPlayer) -> None:
    pool = pool_of(3, players={"random": 0.25}, share=0.5)
    pairs = [pool.seats(player, 64, 1, Randomness(3, rollout), Randomness(8))[1] for rollout in range(30)]
    for pair in pairs[1:]:
        assert np.array_equal(np.minimum((pair + 1) // 2, 2), np.minimum((pairs[0] + 1) // 2, 2))  # 2: an earlier one
        assert np.array_equal(pair % 2, pairs[0] % 2)  # the seat
    assert len({int(pair.max()) for pair in pairs}) > 1


def test_every_rollout_samples_anew_and_reproducibly(player: PolicyPlayer) -> None:
    pool = pool_of(2, players={"random": 0.25}, share=0.5)
    first, second = (pool.seats(player, 64, 1, Randomness(3, rollout))[1] for rollout in (0, 1))
    assert not np.array_equal(first, second)
    assert np.array_equal(first, pool.seats(player, 64, 1, Randomness(3, 0))[1])


def shares_of_games(pool: OpponentPool, rollout: int) -> NDArray[np.float64]:
    """[1 + opponents] the share of 40 games in which the learner plays itself, or each of the opponents."""
    _, pair = pool.seats(fresh(0), 40, 1, Randomness(0, rollout))
    return np.bincount((pair + 1) // 2, minlength=1 + len(pool.players) + len(pool.members)) / 40


@pytest.mark.slow
def test_harder_ones_are_sampled_more_often() -> None:
    pool = pool_of(3, players={"random": 0.2}, share=0.5, priority=2)
    for member, points in zip(pool.members, (9.0, 4.0, 0.0), strict=True):
        member.recent.add(8.0, points)
        member.recent.games, member.recent.points = 8.0, points
    # Scores with a game won and one lost added: 10/10, 5/10, 1/10.
    assert pool.probabilities() == pytest.approx([0.0, 25 / 106, 81 / 106])
    shares = np.mean([shares_of_games(pool, rollout) for rollout in range(2000)], axis=0)
    assert shares == pytest.approx([0.3, 0.2, 0.0, 0.5 * 25 / 106, 0.5 * 81 / 106], abs=0.02)
    pool.priority = 0
    assert pool.probabilities() == pytest.approx([1 / 3, 1 / 3, 1 / 3])


def test_one_earlier_policy_is_sampled_per_rollout() -> None:
    pool = pool_of(8, share=0.5)
    sampled = np.array([shares_of_games(pool, rollout)[1:] for rollout in range(100)])  # without self-play
    assert {tuple(shares[shares > 0]) for shares in sampled} == {(0.5,)}
    assert (sampled.sum(axis=0) > 0).all()  # each of them at some time


# --- What is learned from --------------------------------------------------------------------------------------------


def test_only_the_learners_plies_are_stored(player: PolicyPlayer) -> None:
    data = SelfPlay(GAME, games=32, opponents=pool_of(2, players={"random": 0.25}, share=0.5))
    data.rollouts = 1
    rollout = data.sample(player)
    pair = rollout.group  # of one start
    assert len(set(pair.tolist())) == 5  # itself, the random player on either seat, and one of the members
    for i in range(32):
        movers = rollout.plies.player[rollout.plies.game == i].tolist()
        everyone = [ply % 2 for ply in range(int(rollout.length[i]))]
        seat = (pair[i] - 1) % 2
        assert movers == (everyone if pair[i] == 0 else [mover for mover in everyone if mover == seat])
    # And the probabilities stored are the learner's own.
    with torch.no_grad():
        distribution = player.policy(
            torch.from_numpy(rollout.plies.planes.view(np.int64)),
            torch.from_numpy(rollout.plies.scalars),
            torch.from_numpy(rollout.plies.legal.padded()),
        )
    log_prob = distribution.log_prob(torch.from_numpy(rollout.plies.choice))
    torch.testing.assert_close(log_prob, torch.from_numpy(rollout.plies.log_prob), rtol=0, atol=1e-6)


def test_an_opponent_costs_one_call_a_ply(player: PolicyPlayer) -> None:
    calls = Counter[int]()

    def count(policy: Any, *_: Any) -> None:
        calls[id(policy)] += 1

    pool = pool_of(8, share=0.5)
    data = SelfPlay(GAME, games=512, opponents=pool)
    data.rollouts = 8
    handles = [policy.register_forward_hook(count) for policy in (player.policy, *(m.policy for m in pool.members))]
    rollout = data.sample(player)
    assert len(calls) == 2
    assert max(calls.values()) <= rollout.length.max()
    for handle in handles:
        handle.remove()


def test_scores_are_the_learners_and_older_games_count_less(player: PolicyPlayer) -> None:
    data = SelfPlay(GAME, games=64, opponents=pool_of(1, players={"random": 0.25}, share=0.25))
    pool, want = data.opponents, {"random": [0.0, 0.0], "earlier_1": [0.0, 0.0]}
    assert pool
    assert pool.scores() == {}
    for rollout in range(1, 4):
        data.rollouts = rollout
        played = data.sample(player)
        pool.record(played, np.arange(64), lambda tensor: tensor)
        pair = played.group  # of one start
        for number, name in enumerate(want):
            rows = [i for i in range(64) if (pair[i] + 1) // 2 == number + 1]
            points = 0.0
            for i in rows:
                mine = played.outcome[i] if (pair[i] - 1) % 2 == 0 else -played.outcome[i]
                points += {1: 1.0, 0: 0.5, -1: 0.0}[int(mine)]
            if rows:
                want[name] = [0.9 * want[name][0] + points, 0.9 * want[name][1] + len(rows)]
        against = np.flatnonzero(pair > 0)
        own = np.where((pair[against] - 1) % 2 == 0, played.reward[against], -played.reward[against])
        assert pool.reward == pytest.approx(own.mean())
    assert pool.scores() == pytest.approx({name: points / games for name, (points, games) in want.items()})


def test_records_are_of_all_ranks(player: PolicyPlayer) -> None:
    def data() -> SelfPlay:
        return SelfPlay(GAME, games=64, opponents=OpponentPool({"random": 0.5}, share=0.0))

    one, halves, summands = data(), [data(), data()], []
    assert one.opponents
    one.opponents.record(one.sample(player), np.arange(64), lambda tensor: tensor)
    for rank, half in enumerate(halves):
        assert half.opponents
        half.opponents.record(
            half.sample(player, rank, 2), half.share(rank, 2)[0], lambda t: (summands.append(t), t)[1]
        )
    games, points = one.opponents.state_dict()["players"]["random"]
    totals = sum(summands).tolist()  # type: ignore[union-attr]
    assert totals[:2] == [[games], [points]]
    assert one.opponents.reward == pytest.approx(totals[2][0] / games)


# --- Which policies it keeps -----------------------------------------------------------------------------------------


def test_a_stored_policy_never_aliases_the_live_one(trainer: MakeTrainer, module: MakeModule) -> None:
    learned, pool = module(), OpponentPool(share=0.5, every=1, size=9)
    played_with: list[list[Tensor]] = []
    live: list[Tensor] = []

    class Watch(pl.Callback):
        def on_rollout(self, trainer: pl.Trainer, pl_module: pl.LightningModule, rollout: Any) -> None:
            live.append(weights(learned.policy))
            played_with.append([weights(member.policy) for member in pool.members])

    trainer(max_epochs=4, callbacks=[Watch()]).fit(learned, SelfPlay(GAME, games=16, opponents=pool))
    assert len({tuple(one.tolist()) for one in live}) == 4  # it learned each time
    for rollout, members in enumerate(played_with):  # and each stored policy is unchanged to the last bit
        assert len(members) == rollout + 1
        for member, then in zip(members, live, strict=False):
            assert torch.equal(member, then)
    pointers = [
        p.data_ptr() for policy in (learned.policy, *(m.policy for m in pool.members)) for p in policy.parameters()
    ]
    assert len(set(pointers)) == len(pointers)
    assert all(p.grad is None for member in pool.members for p in member.policy.parameters())


@pytest.mark.parametrize(
    ("size", "kept"), [(1, [90]), (2, [0, 90]), (4, [0, 40, 70, 90]), (16, list(range(0, 100, 10)))]
)
def test_thinning_by_hand(size: int, kept: list[int], player: PolicyPlayer) -> None:
    pool = OpponentPool(share=0.5, every=10, size=size)
    for rollout in range(100):
        pool.snapshot(player.policy, rollout)
    assert [member.rollout for member in pool.members] == kept


def test_thinning_keeps_a_spread_over_time(player: PolicyPlayer) -> None:
    pool = OpponentPool(share=0.5, every=1, size=8)
    for rollout in range(1000):
        pool.snapshot(player.policy, rollout)
        times = [member.rollout for member in pool.members]
        assert times[-1] == rollout
        assert times[0] == 0
        if rollout >= 8:
            assert len(times) == 8
            assert max(np.diff(times)) <= 2.5 * rollout / 7  # evenly spread: rollout / 7


def test_no_snapshots_without_a_share(player: PolicyPlayer) -> None:
    pool = OpponentPool({"random": 0.5}, share=0.0)
    pool.snapshot(player.policy, 0)
    assert pool.members == []


# --- What survives ---------------------------------------------------------------------------------------------------


def fit(
    trainer: MakeTrainer, module: MakeModule, folder: Path, epochs: int, **arguments: Any
) -> tuple[Tensor, SelfPlay]:
    learned = module()
    pool = OpponentPool(players={"random": 0.25}, share=0.5, every=1, size=3, priority=1.0)
    data = SelfPlay(GAME, games=32, seed=1, opponents=pool)
    made = trainer(max_epochs=epochs, default_root_dir=folder)
    made.fit(learned, data, weights_only=True if "ckpt_path" in arguments else None, **arguments)
    made.save_checkpoint(folder / "last.ckpt")
    return weights(learned.policy), data


def test_a_resumed_pool_is_the_same(trainer: MakeTrainer, module: MakeModule, tmp_path: Path) -> None:
    straight, one = fit(trainer, module, tmp_path / "straight", 6)
    fit(trainer, module, tmp_path / "parts", 4)
    resumed, other = fit(trainer, module, tmp_path / "parts", 6, ckpt_path=tmp_path / "parts/last.ckpt")
    assert torch.equal(straight, resumed)
    assert one.opponents
    assert other.opponents
    assert one.opponents.scores() == other.opponents.scores()
    for a, b in zip(one.opponents.members, other.opponents.members, strict=True):
        assert (a.rollout, a.file, a.recent) == (b.rollout, b.file, b.recent)
        assert torch.equal(weights(a.policy), weights(b.policy))
        policy = files.load(tmp_path / "parts/pool" / b.file)  # a policy file like any other
        assert torch.equal(weights(policy), weights(a.policy))
        assert files.read_header(tmp_path / "parts/pool" / b.file).facts["rollouts"] == b.rollout


def test_nothing_is_written_without_a_checkpoint(trainer: MakeTrainer, module: MakeModule, tmp_path: Path) -> None:
    data = SelfPlay(GAME, games=8, opponents=OpponentPool(every=1, size=1))
    made = trainer(max_epochs=3, default_root_dir=tmp_path)
    made.fit(module(), data)
    assert list(tmp_path.iterdir()) == []
    assert {"pool/earlier_1"} <= made.callback_metrics.keys()


def kept(folder: Path) -> dict[str, set[str]]:
    """By checkpoint in a folder, the members that it names."""
    states = {path.name: read_checkpoint(path)["SelfPlay"] for path in folder.glob("*.ckpt")}
    return {name: {m["file"] for m in state["opponents"]["members"]} for name, state in states.items()}


class Kept(pl.Callback):
    """Looks at the pool's folder after each rollout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.counts: list[int] = []

    def on_train_epoch_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        named = set().union(*kept(self.folder).values())
        assert {path.name for path in (self.folder / "pool").glob("*")} == named
        self.counts.append(len(named))


def test_the_pool_lies_beside_the_checkpoints_and_keeps_what_they_name(
    trainer: MakeTrainer, module: MakeModule, tmp_path: Path
) -> None:
    pool, folder = OpponentPool(share=0.5, every=1, size=2), tmp_path / "deep" / "checkpoints"
    saving = [ModelCheckpoint(folder, "{epoch}", save_top_k=2, monitor="reward", save_last=True), Kept(folder)]
    made = trainer(max_epochs=9, callbacks=saving, enable_checkpointing=True, default_root_dir=tmp_path / "elsewhere")
    made.fit(module(), SelfPlay(GAME, games=8, opponents=pool))
    assert len(kept(folder)) == 3
    assert {path.name for path in (folder / "pool").iterdir()} == set().union(*kept(folder).values())
    assert max(saving[1].counts) <= 3 * 2  # type: ignore[attr-defined]
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty")
def test_each_checkpoint_of_many_can_be_resumed(trainer: MakeTrainer, module: MakeModule, tmp_path: Path) -> None:
    def run(epochs: int, **arguments: Any) -> Tensor:
        learned, pool = module(), OpponentPool(share=0.5, every=1, size=2)
        save = ModelCheckpoint(tmp_path / "kept", "{epoch}", save_top_k=-1)
        made = trainer(
            max_epochs=epochs,
            callbacks=[save],
            enable_checkpointing=True,
            default_root_dir=tmp_path / str(len(arguments)),
        )
        made.fit(learned, SelfPlay(GAME, games=8, opponents=pool), **arguments)
        return weights(learned.policy)

    straight = run(6)
    for epoch in (0, 2, 4):
        path = tmp_path / f"kept/epoch={epoch}.ckpt"
        assert torch.equal(run(6, ckpt_path=path, weights_only=True), straight)


def test_a_killed_process_knows_what_the_checkpoints_of_another_name(
    trainer: MakeTrainer, module: MakeModule, tmp_path: Path
) -> None:
    fit(trainer, module, tmp_path, 2)
    (tmp_path / "last.ckpt").rename(tmp_path / "mine.ckpt")
    fit(trainer, module, tmp_path, 5, ckpt_path=tmp_path / "mine.ckpt")
    assert {path.name for path in (tmp_path / "pool").iterdir()} == set().union(*kept(tmp_path).values())
    fit(trainer, module, tmp_path, 3, ckpt_path=tmp_path / "mine.ckpt")  # its members are still there


def test_checkpoints_that_are_written_in_the_background_keep_their_members(
    trainer: MakeTrainer, module: MakeModule, tmp_path: Path
) -> None:
    class Slow(AtomicCheckpointIO):
        def save_checkpoint(self, *arguments: Any, **more: Any) -> None:
            time.sleep(0.3)
            super().save_checkpoint(*arguments, **more)

    pool, save = OpponentPool(share=0.5, every=10, size=1), ModelCheckpoint(tmp_path)
    plugins = [AsyncCheckpointIO(Slow())]
    made = trainer(max_epochs=4, callbacks=[save], enable_checkpointing=True, plugins=plugins)
    made.fit(module(), SelfPlay(GAME, games=8, opponents=pool))
    # Lightning may leave others behind, which it removes before they are written.
    assert kept(tmp_path)[Path(save.best_model_path).name] <= {path.name for path in (tmp_path / "pool").iterdir()}


def test_a_member_whose_file_is_deleted_is_written_again(
    trainer: MakeTrainer, module: MakeModule, tmp_path: Path
) -> None:
    class Delete(pl.Callback):
        def on_train_epoch_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
            for path in (tmp_path / "pool").glob("*"):
                path.unlink()

    pool = OpponentPool(share=0.5, every=2, size=2)
    save = ModelCheckpoint(tmp_path, "last")
    made = trainer(max_epochs=4, callbacks=[Delete(), save], enable_checkpointing=True)
    made.fit(module(), SelfPlay(GAME, games=8, opponents=pool))
    assert {path.name for path in (tmp_path / "pool").iterdir()} == set().union(*kept(tmp_path).values())


@pytest.mark.parametrize("damage", ["gone", "truncated", "noise", "other weights", "of another game"])
def test_a_damaged_member(damage: str, tmp_path: Path) -> None:
    pool = pool_of(2, share=0.5)
    pool.write(tmp_path)
    state = pool.state_dict()
    path = tmp_path / state["members"][1]["file"]
    if damage == "gone":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:-10])
    elif damage == "noise":
        path.write_bytes(b"noise")
    elif damage == "other weights":
        files.save(path, fresh(99).policy)
    else:
        header = files.header_of(fresh(2).policy)
        header.game["class_path"] = "chesspg.games.chess.Chess"
        files.write(path, header, fresh(2).policy.network.state_dict())
    other = pool_of(1, share=0.5)
    before = other.members
    with pytest.raises(ValueError, match=rf"a member of the opponent pool is lost: .*{path.name}.*opponents null"):
        other.load_state_dict(state, tmp_path, GAME)
    assert other.members == before


def test_leftovers_are_left_alone(tmp_path: Path) -> None:
    written = pool_of(2, share=0.5)
    written.write(tmp_path)
    state = written.state_dict()
    (tmp_path / "000077-deadbeef.safetensors").write_bytes(b"half a mem")
    (tmp_path / ".000003-deadbeef.safetensors.17.tmp").write_bytes(b"half a mem")
    pool = OpponentPool(share=0.5)
    pool.load_state_dict(state, tmp_path, GAME)
    assert [member.rollout for member in pool.members] == [0, 1]


def test_players_that_need_it_are_closed(
    trainer: MakeTrainer, module: MakeModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    log: list[str] = []

    class Engine(Random):
        def choose(self, turn: Turn) -> Choice:
            log.append("asked")
            return super().choose(turn)

    @contextmanager
    def players(texts: Any, game: Any, **_: Any) -> Iterator[list[Engine]]:
        log.append("opened")
        yield [Engine() for _ in texts]
        log.append("closed")

    monkeypatch.setattr("chesspg.players.roster.players", players)

    def data() -> SelfPlay:
        return SelfPlay(GAME, games=8, opponents=OpponentPool({"uci:engine": 0.5}, share=0.0))

    trainer(max_epochs=2).fit(module(), data())
    assert (log[0], log[1], log[-1]) == ("opened", "asked", "closed")
    assert Counter(log)["opened"] == Counter(log)["closed"] == 1

    class Break(pl.Callback):
        def on_rollout(self, trainer: pl.Trainer, pl_module: pl.LightningModule, rollout: Any) -> None:
            raise RuntimeError("broken")

    log.clear()
    with pytest.raises(RuntimeError, match="broken"):
        trainer(callbacks=[Break()]).fit(module(), data())
    assert (log[0], log[-1]) == ("opened", "closed")


# --- Bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"players": {"random": 0.8}, "share": 0.3}, r"at most 1, got 0\.8 \(random\) \+ 0\.3 \(earlier policies\)"),
        ({"players": {"random": -0.1}}, r"against random must be between 0 and 1, got -0\.1"),
        ({"share": 1.5}, r"against earlier policies must be between 0 and 1, got 1\.5"),
        ({"share": float("nan")}, "must be between 0 and 1, got nan"),
        ({"every": 0}, "every of the opponent pool must be at least 1, got 0"),
        ({"size": 0}, "size of the opponent pool must be at least 1, got 0"),
        ({"priority": -1.0}, "priority of the opponent pool must be at least 0 and finite, got -1"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        OpponentPool(**arguments)


def test_named_policies_are_where_the_learner_is(player: PolicyPlayer, tmp_path: Path) -> None:
    files.save(tmp_path / "a.safetensors", player.policy)
    there = PolicyPlayer(copy.deepcopy(player.policy).to("meta"))
    pool = OpponentPool(players={f"{tmp_path / 'a.safetensors'}?random=0.5": 0.5}, share=0)
    seats, _ = pool.seats(there, 64, 1, Randomness(0))
    assert {getattr(seated, "device", None) for pair in seats for seated in pair} == {torch.device("meta")}
    assert len({id(seated) for pair in seats for seated in pair}) == 2


def test_an_unknown_player(player: PolicyPlayer) -> None:
    data = SelfPlay(GAME, games=8, opponents=OpponentPool({"kasparov": 0.5}))
    with pytest.raises(ValueError, match="unknown player 'kasparov'"):
        data.sample(player)


@pytest.mark.parametrize("starts", [1, 3, 40, 200, 256, 500])
def test_the_learner_has_either_seat_as_often_whatever_the_starts(starts: int) -> None:
    _, seat = OpponentPool.blocks(256, starts)
    assert abs(seat.sum() - 128) <= 1
