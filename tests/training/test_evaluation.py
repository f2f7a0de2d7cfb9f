"""Evaluation matches and sample games."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import chess.pgn
import pytest
import pytorch_lightning as pl
import torch
from fake_gpu import fake_gpu
from torch import Tensor

from chesspg.arena.elo import score_interval
from chesspg.arena.ladder import model as ladder
from chesspg.arena.match_result import MatchResult
from chesspg.arena.matches import play_in_parts, play_match
from chesspg.games.chess import Chess
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.players import roster
from chesspg.players.player import Choice, Player, Random, Turn
from chesspg.players.policy_player import PolicyPlayer
from chesspg.players.uci_engine import EngineError
from chesspg.policy import files
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy
from chesspg.selfplay.rollout import Rollout
from chesspg.training.checkpoints import RolloutCheckpoint, read_checkpoint
from chesspg.training.datamodule import SelfPlay
from chesspg.training.evaluation import EvaluationMatch
from chesspg.training.module import PolicyGradient
from chesspg.training.sample_games import SampleGames

MakeTrainer = Callable[..., pl.Trainer]
MakeModule = Callable[..., PolicyGradient]


class Matches:
    """Stands in for play_in_parts and remembers who met with which weights."""

    def __init__(self) -> None:
        self.met: list[tuple[Tensor, Tensor | None]] = []  # the weights of both; None for a player without weights
        self.results: list[MatchResult] = []
        self.greedy: list[bool] = []

    def __call__(self, game: Any, a: Player, b: Player, openings: Any, **options: Any) -> Iterator[MatchResult]:
        assert isinstance(a, PolicyPlayer)
        self.met.append((weights(a.policy), weights(b.policy) if isinstance(b, PolicyPlayer) else None))
        self.greedy.append(a.greedy)
        (result,) = play_in_parts(game, a, b, openings, **options)
        self.results.append(result)
        yield result


def weights(policy: Policy) -> Tensor:
    return torch.cat([p.detach().flatten() for p in policy.parameters()])


@pytest.fixture
def matches(monkeypatch: pytest.MonkeyPatch) -> Matches:
    spy = Matches()
    monkeypatch.setattr("chesspg.training.policy_matches.play_in_parts", spy)
    return spy


# --- EvaluationMatch -------------------------------------------------------------------------------------------------


def test_when_and_against_whom(matches: Matches, trainer: MakeTrainer, module: MakeModule) -> None:
    learned = module()
    start = weights(learned.policy)
    match = EvaluationMatch(["random", "previous"], games=4, every_n_rollouts=2)
    trainer(max_epochs=5, callbacks=[match]).fit(learned, SelfPlay(TicTacToe(), games=8))
    # Before training random; after rollouts 2 and 4 and at the end random and previous.
    a, b = zip(*matches.met, strict=True)
    assert [other is None for other in b] == [True, True, False, True, False, True, False]
    assert torch.equal(a[0], start)
    assert torch.equal(b[2], a[0])  # previous is the policy as it was at the previous evaluation
    assert torch.equal(b[4], a[2])
    assert torch.equal(a[3], a[4])
    assert not torch.equal(a[2], b[2])  # and not an alias of the one that learns


def test_what_is_logged_and_printed(
    matches: Matches, trainer: MakeTrainer, module: MakeModule, capsys: pytest.CaptureFixture[str]
) -> None:
    fit = trainer(max_epochs=1, callbacks=[EvaluationMatch(["random", "greedy"], games=20, every_n_rollouts=1)])
    fit.fit(module(), SelfPlay(TicTacToe(), games=8))
    against_random = matches.results[2]  # two before training, two after the rollout
    score = (against_random.wins + against_random.draws / 2) / 20
    low, high = score_interval(against_random.pairs, against_random.distinct_games / 20)
    logged = fit.callback_metrics
    assert logged["score/random"] == pytest.approx(score)
    assert logged["score_low/random"] == pytest.approx(low)
    assert logged["score_high/random"] == pytest.approx(high)
    assert low < score < high
    assert "score/greedy" in logged
    lines = capsys.readouterr().out.splitlines()
    assert lines[-3].split() == ["update", "games", "random", "greedy", "Elo"]
    assert lines[-2].split()[:2] == ["0", "0"]
    assert lines[-1].startswith(f"     1         8 {100 * score:>3.0f} ({100 * low:.0f}–{100 * high:.0f})")
    rating = [f"{fit.callback_metrics[name]:.0f}" for name in ("rating", "rating_low", "rating_high")]
    assert lines[-1].endswith(f"{rating[0]} ({rating[1]}–{rating[2]})")
    assert "against random alone" in " ".join(lines)  # greedy has no rating in this game


def test_evaluation_does_not_change_training(trainer: MakeTrainer, module: MakeModule) -> None:
    def train(*evaluation: pl.Callback) -> Tensor:
        learned = module()
        trainer(max_epochs=3, callbacks=list(evaluation)).fit(learned, SelfPlay(TicTacToe(), games=8))
        return weights(learned.policy)

    assert torch.equal(train(), train(EvaluationMatch(["random", "previous"], games=4, every_n_rollouts=1)))


def test_two_evaluations_of_other_temperatures(matches: Matches, trainer: MakeTrainer, module: MakeModule) -> None:
    both = [EvaluationMatch(["random"], games=4, temperature=temperature) for temperature in (None, 0)]
    fit = trainer(callbacks=both)
    fit.fit(module(), SelfPlay(TicTacToe(), games=4))
    assert {"score/random", "score/random@0"} <= fit.callback_metrics.keys()
    assert both[0].state_key != both[1].state_key


def test_callbacks_find_plies_and_seconds_of_the_same_rollouts(trainer: MakeTrainer, module: MakeModule) -> None:
    class Speed(pl.Callback):
        played: list[tuple[int, float]] = []  # noqa: RUF012  # of this test alone

        def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
            assert isinstance(module, PolicyGradient)
            self.played.append((module.played["plies"], module.played["seconds"]))

    trainer(max_epochs=3, callbacks=[Speed()]).fit(module(), SelfPlay(TicTacToe(), games=64))
    speeds = [plies / seconds for plies, seconds in Speed.played]
    assert max(speeds) < 1e7  # a speed over no time would be far higher
    assert [plies for plies, _ in Speed.played] == sorted(plies for plies, _ in Speed.played)


@pytest.mark.parametrize(("temperature", "greedy"), [(None, False), (0.5, False), (0, True)])
def test_the_temperature_of_evaluation(
    temperature: float | None, greedy: bool, matches: Matches, trainer: MakeTrainer, module: MakeModule
) -> None:
    match = EvaluationMatch(["random"], games=2, temperature=temperature)
    trainer(callbacks=[match]).fit(module(), SelfPlay(TicTacToe(), games=4))
    assert matches.greedy == [greedy, greedy]  # before training and at the end


def test_games_as_pgn(matches: Matches, trainer: MakeTrainer, module: MakeModule, tmp_path: Path) -> None:
    game = Chess(backend="python-chess")
    match = EvaluationMatch(["random"], games=2, folder=tmp_path / "deep" / "games")
    trainer(callbacks=[match]).fit(module(game), SelfPlay(game, games=2, max_plies=4))
    with (tmp_path / "deep/games/against-random-000000.pgn").open() as file:
        first, second = chess.pgn.read_game(file), chess.pgn.read_game(file)
        assert chess.pgn.read_game(file) is None
    assert first is not None
    assert second is not None
    assert (first.headers["White"], first.headers["Black"]) == ("policy", "random")
    assert (second.headers["White"], second.headers["Black"]) == ("random", "policy")
    assert [move.uci() for move in first.mainline_moves()] == matches.results[0].positions[0].split(" moves ")[
        1
    ].split()
    points = {"1-0": 1.0, "1/2-1/2": 0.5, "0-1": 0.0}
    assert points[first.headers["Result"]] == matches.results[0].results[0]
    assert 1 - points[second.headers["Result"]] == matches.results[0].results[1]
    moves = [[move.uci() for move in pgn.mainline_moves()][:8] for pgn in (first, second)]
    assert moves[0] == moves[1]  # one opening, both colors


def test_the_earlier_self_survives_a_checkpoint(
    matches: Matches, trainer: MakeTrainer, module: MakeModule, tmp_path: Path
) -> None:
    def match() -> EvaluationMatch:
        return EvaluationMatch(["previous"], games=2, every_n_rollouts=1)

    first = trainer(max_epochs=1, callbacks=[match()])
    first.fit(module(), SelfPlay(TicTacToe(), games=8))
    first.save_checkpoint(tmp_path / "one.ckpt")
    second = trainer(max_epochs=2, callbacks=[match()])
    second.fit(module(), SelfPlay(TicTacToe(), games=8), ckpt_path=tmp_path / "one.ckpt", weights_only=True)
    (after_one, start), (after_two, before) = matches.met  # no match before training: there is no earlier policy
    assert start is not None
    assert before is not None
    assert torch.equal(before, after_one)
    assert not torch.equal(after_two, after_one)


class Plain(pl.LightningModule):
    """A module that is not a PolicyGradient: it has a policy and learns nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.policy = Policy(TicTacToe(), MLP(TicTacToe(), hidden=(8,)))

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        return 0 * torch.stack([p.sum() for p in self.parameters()]).sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def test_evaluation_of_another_module_on_other_data(trainer: MakeTrainer, capsys: pytest.CaptureFixture[str]) -> None:
    fit = trainer(max_epochs=2, callbacks=[EvaluationMatch(["random"], games=4, every_n_rollouts=2)])
    fit.fit(Plain(), torch.utils.data.DataLoader([torch.zeros(1)], batch_size=None))
    assert 0 <= fit.callback_metrics["score/random"] <= 1
    rows = [line.split()[0] for line in capsys.readouterr().out.splitlines()[-2:]]
    assert rows == ["0", "2"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"games": 0}, "^games must be an even number between 2 and 1,048,576, got 0$"),
        ({"games": 5}, "^games must be an even number between 2 and 1,048,576, got 5$"),
        ({"every_n_rollouts": 0}, "^every_n_rollouts must be at least 1, got 0$"),
        ({"within": -0.1}, r"^within must be at least 0 and below 0\.5, got -0\.1$"),
        ({"within": 0.5}, r"^within must be at least 0 and below 0\.5, got 0\.5$"),
        ({"gate": (10, 0)}, "the lower first, got 10 and 0"),
        ({"gate": (5, 5)}, "the lower first, got 5 and 5"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EvaluationMatch(**arguments)  # type: ignore[arg-type]


def test_a_module_without_a_policy_is_named(trainer: MakeTrainer) -> None:
    class NoPolicy(Plain):
        def __init__(self) -> None:
            super().__init__()
            self.policy = torch.nn.Linear(1, 1)  # type: ignore[assignment]

    with pytest.raises(TypeError, match="NoPolicy must have a chesspg Policy as its attribute `policy`, got a Linear"):
        trainer(callbacks=[EvaluationMatch(["random"], games=2)]).fit(NoPolicy(), SelfPlay(TicTacToe(), games=2))


# --- Ratings, early ends, gates, failures ----------------------------------------------------------------------------


def result_of(*points: float) -> MatchResult:
    """A match in which A has these results; no two games are the same."""
    return MatchResult(
        points, tuple(f"3/3/3 x moves a1 {i}" for i in range(len(points))), ("full board",) * len(points), 1.0
    )


class Scripted:
    """Stands in for play_in_parts: the k-th match brings these results, a hundred games at a time."""

    def __init__(self, *matches: list[float]) -> None:
        self.matches = list(matches)
        self.played: list[int] = []  # games of each match
        self.parts: set[Any] = set()

    def __call__(self, game: Any, a: Player, b: Player, openings: Any, **options: Any) -> Iterator[MatchResult]:
        points = self.matches[len(self.played)]
        self.parts.add(options["part"])
        self.played.append(0)
        for end in range(100, len(points) + 1, 100):
            self.played[-1] = end
            yield result_of(*points[:end])


# All won, the score is above 0.944, 0.971, 0.981, 0.986 after 100, 200, 300, 400 games; the other match is known to
# ± 0.038, 0.026, 0.021, 0.018 after as many.
@pytest.mark.parametrize(
    ("within", "games"), [(0.03, [100, 200]), (0.02, [200, 400]), (0.01, [300, 400]), (0.0, [400, 400])]
)
def test_a_match_ends_when_the_answer_is_clear(
    within: float, games: list[int], monkeypatch: pytest.MonkeyPatch, trainer: MakeTrainer, module: MakeModule
) -> None:
    script = Scripted([1.0] * 400, [0.0, 1.0, 0.5, 0.0] * 100)
    monkeypatch.setattr("chesspg.training.policy_matches.play_in_parts", script)
    match = EvaluationMatch(["random"], games=400, within=within)
    trainer(callbacks=[match]).fit(module(), SelfPlay(TicTacToe(), games=4))
    assert script.parts == {50}
    assert script.played == games


@pytest.mark.slow
@pytest.mark.slow
def test_matches_on_a_gpu_are_those_of_the_cpu(
    monkeypatch: pytest.MonkeyPatch, trainer: MakeTrainer, module: MakeModule, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    files.save(tmp_path / "a.safetensors", Policy(TicTacToe(), MLP(TicTacToe(), hidden=(4,))))
    opponents = ["random", "greedy", str(tmp_path / "a.safetensors"), "minimax?depth=1", "previous"]
    metrics, played = [], []
    for gpu in (False, True):
        if gpu:
            played = fake_gpu(monkeypatch)
        fit = trainer(callbacks=[EvaluationMatch(opponents, games=300, within=0.04)])
        fit.fit(module(), SelfPlay(TicTacToe(), games=8, seed=3))
        metrics.append({name: value for name, value in fit.callback_metrics.items() if "score" in name})
    assert metrics[0] == metrics[1]
    assert len(metrics[0]) == 3 * len(opponents)
    assert played == [300] * 7  # three opponents before training and four after it; minimax plays on the host


def test_opponents_are_where_the_policy_is(
    monkeypatch: pytest.MonkeyPatch, trainer: MakeTrainer, module: MakeModule
) -> None:
    class Opened(Exception):
        pass

    def opened(texts: list[str], game: Any, *, concurrency: int, device: str) -> None:
        raise Opened(texts, device)

    learned = module()
    matches = EvaluationMatch(["random"]).matches
    monkeypatch.setattr(roster, "players", opened)
    with pytest.raises(Opened) as caught:
        matches.play(trainer(), learned.policy.to("meta"), "random", {})
    assert caught.value.args == (["random"], "meta")


def test_the_rating_is_the_performance_against_rated_players(
    matches: Matches, monkeypatch: pytest.MonkeyPatch, trainer: MakeTrainer, module: MakeModule
) -> None:
    shipped = {"random": ladder.Rating(0.0, 0.0, 0.0), "greedy": ladder.Rating(700.0, 640.0, 770.0)}
    monkeypatch.setattr("chesspg.arena.ladder.shipped.shipped_ratings", lambda: shipped)
    game = Chess(backend="python-chess")
    fit = trainer(callbacks=[EvaluationMatch(["random", "previous", "greedy"], games=2)])
    fit.fit(module(game), SelfPlay(game, games=2, max_plies=4))
    (_, _, against_random, _, against_greedy) = matches.results
    want = ladder.performance(
        [ladder.Meeting("a", name, met.pairs, met.distinct_games / 2)
         for name, met in (("random", against_random), ("greedy", against_greedy))],
        shipped,
    )  # fmt: skip
    logged = [float(fit.callback_metrics[name]) for name in ("rating", "rating_low", "rating_high")]
    assert logged == pytest.approx(list(want), rel=1e-5)


def test_another_game_has_another_ladder(
    monkeypatch: pytest.MonkeyPatch, trainer: MakeTrainer, module: MakeModule, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "chesspg.arena.ladder.shipped.shipped_ratings", lambda: {"greedy": ladder.Rating(700.0, 700.0, 700.0)}
    )
    monkeypatch.setattr("chesspg.training.policy_matches.play_in_parts", Scripted(*[[0.0, 0.5] * 50, [1.0] * 100] * 2))
    fit = trainer(callbacks=[EvaluationMatch(["random", "greedy"], games=100)])
    fit.fit(module(), SelfPlay(TicTacToe(), games=4))
    assert fit.callback_metrics["rating"] == pytest.approx(-190, abs=5)  # 400 log₁₀(1/3) = −191: of the score ¼ alone
    assert re.search(r" -1\d\d \(-2\d\d–-1\d\d\)$", capsys.readouterr().out, re.MULTILINE)


def test_best_is_who_beat_the_last_best(
    monkeypatch: pytest.MonkeyPatch,
    trainer: MakeTrainer,
    module: MakeModule,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    even, better, worse = [0.0, 1.0, 1.0, 0.0] * 50, [1.0, 1.0, 0.5, 1.0] * 50, [0.0, 0.0, 0.5, 0.0] * 50
    script = Scripted(even, worse, better, even, better)
    monkeypatch.setattr("chesspg.training.policy_matches.play_in_parts", script)
    learned, after = module(), [weights(module().policy)]

    class Keep(pl.Callback):
        def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
            after.append(weights(learned.policy))

    match = EvaluationMatch([], games=200, every_n_rollouts=1, gate=(0, 20))
    assert match.monitor == "gate"
    checkpoints = RolloutCheckpoint(tmp_path, match.monitor)
    fit = trainer(max_epochs=5, callbacks=[match, Keep(), checkpoints], enable_checkpointing=True)
    fit.fit(learned, SelfPlay(TicTacToe(), games=8))
    assert script.played == [100, 100, 200, 100, 200]  # none before training; each ends when it is decided
    rows = [line for line in capsys.readouterr().out.splitlines() if re.match(r" +\d+ +\d+ ", line)]
    shown = [line.endswith(" new best") for line in rows]
    assert shown == [False, False, True, False, True]
    assert match.beaten == 2
    assert fit.callback_metrics["gate"] == 2
    assert read_checkpoint(tmp_path / "best.ckpt")["chesspg"]["played"]["rollouts"] == 5

    best = torch.cat([tensor.flatten() for tensor in match.earlier["best"].values()])
    assert torch.equal(best, after[5])
    again = EvaluationMatch([], games=200, every_n_rollouts=1, gate=(0, 20))
    again.load_state_dict(read_checkpoint(tmp_path / "last.ckpt")["callbacks"][match.state_key])
    assert again.beaten == 2
    assert torch.equal(torch.cat([tensor.flatten() for tensor in again.earlier["best"].values()]), best)


def test_without_a_better_one_there_is_no_best(
    monkeypatch: pytest.MonkeyPatch, trainer: MakeTrainer, module: MakeModule, tmp_path: Path
) -> None:
    monkeypatch.setattr("chesspg.training.policy_matches.play_in_parts", Scripted([0.0] * 100, [0.5] * 100))
    match = EvaluationMatch([], games=100, every_n_rollouts=1, gate=(0, 20))
    checkpoints = RolloutCheckpoint(tmp_path, match.monitor)
    trainer(max_epochs=2, callbacks=[match, checkpoints], enable_checkpointing=True).fit(
        module(), SelfPlay(TicTacToe(), games=8)
    )
    assert sorted(path.name for path in tmp_path.glob("*.ckpt")) == ["last.ckpt"]


def test_who_is_met_by_the_gate(matches: Matches, trainer: MakeTrainer, module: MakeModule) -> None:
    learned = module()
    start = weights(learned.policy)
    match = EvaluationMatch(["random"], games=4, every_n_rollouts=1, gate=(-5, 5))
    trainer(max_epochs=2, callbacks=[match]).fit(learned, SelfPlay(TicTacToe(), games=8))
    assert [b is None for _, b in matches.met] == [True, True, False, True, False]
    assert all(torch.equal(b, start) for _, b in matches.met if b is not None)  # four games can't pass the gate


class Failing(Random):
    """Plays at random until `fails` is set, then gives up."""

    fails = False

    def choose(self, turn: Turn) -> Choice:
        choice = super().choose(turn)
        return Choice(choice.index, forfeits=dict.fromkeys(range(len(turn.rows)), "it crashed") if self.fails else {})


@pytest.mark.parametrize("failure", ["start", "middle"])
def test_an_engine_that_fails_does_not_stop_training(
    failure: str,
    monkeypatch: pytest.MonkeyPatch,
    trainer: MakeTrainer,
    module: MakeModule,
    capsys: pytest.CaptureFixture[str],
) -> None:
    opened, closed = [], []
    player_of = roster.player_from_string

    @contextmanager
    def players(texts: Any, game: Any, concurrency: int = 1, device: str = "cpu") -> Iterator[list[Player]]:
        opened.extend(texts)
        engine = Failing()
        engine.fails = failure == "middle" and len(opened) > 6
        if failure == "start" and len(opened) > 6 and "uci:engine" in texts:
            raise EngineError("uci:engine does not start")
        yield [engine if text == "uci:engine" else player_of(text, game) for text in texts]
        closed.extend(texts)

    monkeypatch.setattr(roster, "players", players)
    fit = trainer(max_epochs=3, callbacks=[EvaluationMatch(["uci:engine", "random"], games=4, every_n_rollouts=1)])
    fit.fit(module(), SelfPlay(TicTacToe(), games=8))
    lines = capsys.readouterr().out.splitlines()
    reason = "uci:engine does not start" if failure == "start" else "it gave up 4 of 4 games (it crashed)"
    warnings = [line for line in lines if line.startswith("warning: ")]
    assert warnings == [f"warning: no match against uci:engine: {reason}"] * 2
    rows = [line for line in lines if re.match(r" +\d+ +\d+ ", line)]
    assert [row.count("(") for row in rows] == [3, 3, 2, 2]  # two scores or one, and the rating
    assert [row[16:28].isspace() for row in rows] == [False, False, True, True]
    assert fit.current_epoch == 3
    assert len(opened) == 2 + 2 * 4  # once to check that it is there, then for each match
    assert len(closed) == (8 if failure == "start" else 10)


def test_an_engine_that_fails_is_not_scored(
    monkeypatch: pytest.MonkeyPatch, trainer: MakeTrainer, module: MakeModule
) -> None:
    @contextmanager
    def players(texts: Any, game: Any, concurrency: int = 1, device: str = "cpu") -> Iterator[list[Player]]:
        engine = Failing()
        engine.fails = True
        yield [engine for _ in texts]

    monkeypatch.setattr(roster, "players", players)
    fit = trainer(callbacks=[EvaluationMatch(["uci:engine"], games=4)])
    fit.fit(module(), SelfPlay(TicTacToe(), games=8))
    assert not any("engine" in name for name in fit.callback_metrics)


# --- SampleGames -----------------------------------------------------------------------------------------------------


def test_sample_games(trainer: MakeTrainer, module: MakeModule, tmp_path: Path) -> None:
    class Keep(pl.Callback):
        rollouts: list[Rollout] = []  # noqa: RUF012  # one test's

        def on_rollout(self, trainer: pl.Trainer, pl_module: pl.LightningModule, rollout: Rollout) -> None:
            self.rollouts.append(rollout)

    game, keep = Chess(backend="python-chess"), Keep()
    samples = SampleGames(tmp_path / "games", games=3, every_n_rollouts=2)
    fit = trainer(max_epochs=4, callbacks=[keep, samples])
    fit.fit(module(game), SelfPlay(game, games=5, max_plies=6))
    assert sorted(path.name for path in (tmp_path / "games").iterdir()) == ["rollout-000000.pgn", "rollout-000002.pgn"]
    with (tmp_path / "games/rollout-000002.pgn").open() as file:
        for number in range(3):
            pgn = chess.pgn.read_game(file)
            assert pgn is not None
            moves = [move.uci() for move in pgn.mainline_moves()]
            assert moves == keep.rollouts[2].position(number).split(" moves ")[1].split()
            assert pgn.headers["Result"] == "*"  # capped
        assert chess.pgn.read_game(file) is None


def test_random_is_a_player_of_chance() -> None:
    # A check of the test: against itself a policy scores 1/2, to well within 4 standard errors.
    result = play_match(TicTacToe(), Random(), Random(), 400)
    assert abs(result.score - 0.5) < 4 * 0.5 / 400**0.5
