"""The train command: the names and files of a run, that every recipe trains, that it learns."""

from __future__ import annotations

import re
from pathlib import Path

import chess.pgn
import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file
from training_runs import SMALL_CHESS, rollouts, train

from chesspg.players.player import Turn
from chesspg.players.policy_player import PolicyPlayer
from chesspg.policy import files
from chesspg.policy.policy import Policy
from chesspg.training.checkpoints import read_checkpoint

# Lightning 2.6.6 calls a method that jsonargparse 4.53 calls deprecated.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"),
]


CONFIGS = Path(__file__).parent.parent / "configs"


def test_a_run_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "chess.yaml").write_text(SMALL_CHESS)
    (folder / "match.yaml").write_text(
        "trainer: {max_epochs: 2, callbacks: [{class_path: chesspg.training.evaluation.EvaluationMatch, "
        "init_args: {opponents: [random], games: 2, every_n_rollouts: 1}}]}"
    )
    assert train("--config chess.yaml --config match.yaml --run run --data.games 4 --trainer.precision bf16-mixed") == 0
    run = folder / "run"
    names = {path.name for path in run.iterdir()}
    assert {"config.yaml", "last.ckpt", "last.safetensors", "best.ckpt", "best.safetensors", "metrics.csv"} <= names
    assert any(name.startswith("events.out.tfevents") for name in names)
    assert not any(name.endswith(".tmp") for name in names)

    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["trainer"]["precision"] in (
        "32-true",
        "bf16-mixed",
    )  # chosen once: a run resumed elsewhere keeps it
    assert config["data"]["games"] == 4  # the command line's
    assert config["model"]["network"]["init_args"] == {"channels": 8, "blocks": 1, "value": False}
    assert config["trainer"]["callbacks"][0]["init_args"]["games"] == 2  # from the second --config

    checkpoint = torch.load(run / "last.ckpt", weights_only=True)
    assert checkpoint["chesspg"]["played"]["games"] == 8  # 2 rollouts of 4
    header = files.read_header(run)
    assert header.facts["updates"] == 2
    assert files.load(run / "best.ckpt").game.name == "chess"
    policy = load_file(run / "last.safetensors")
    for name, tensor in checkpoint["state_dict"].items():
        assert torch.equal(policy[name.removeprefix("policy.network.")], tensor)

    games = sorted(path.name for path in (run / "games").iterdir())
    assert games == [*(f"against-random-{update:06}.pgn" for update in (0, 1, 2)), "rollout-000000.pgn"]
    with (run / "games/rollout-000000.pgn").open() as file:
        for _ in range(4):
            game = chess.pgn.read_game(file)
            assert game is not None
            assert not game.errors
            assert 4 <= game.end().ply() <= 60
        assert chess.pgn.read_game(file) is None

    assert [int(row["step"]) for row in rollouts(run)] == [0, 1]
    row = rollouts(run)[1]
    logged = (
        "seat_0_wins draws truncated length entropy advantage_variance gradient_norm log_prob_difference "
        "sampled_plies_per_s learned_plies_per_s score/random score_low/random ended/stalemate total_games"
    )
    for name in logged.split():
        assert float(row[name]) >= 0, name
    out = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"chess · ResidualNet of [\d,]+ parameters · (32-true|bf16-mixed)", out[0])
    assert out[1] == "run folder  run"
    rows = [line for line in out if re.match(r" +\d+ +\d+ ", line)]
    assert [row.split()[:2] for row in rows] == [["0", "0"], ["1", "4"], ["2", "8"]]
    assert re.fullmatch(r" +0 +0 +\d+ \(\d+–\d+\) +-?\d+ \(-?\d+–-?\d+\)", rows[0])
    assert out[-4::2] == ["see it with", "play it with"]
    assert out[-3::2] == ["python -m chesspg.report run", "python -m chesspg.play run"]


def test_a_run_without_a_name_gets_one(folder: Path) -> None:
    assert train("--config small.yaml --trainer.max_epochs 1") == 0
    (run,) = (folder / "checkpoints").iterdir()
    assert re.fullmatch(r"small-\d{8}-\d{6}", run.name)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ("--config tic_tac_toe --data.game TicTacToe", "tic_tac_toe"),
        ("--config tic_tac_toe --data.game chesspg.games.tic_tac_toe.TicTacToe", "tic_tac_toe"),
        ("--config chess_plain --data.game TicTacToe", "tic_tac_toe"),
        ("--config chess_plain --data.game=chesspg.games.tic_tac_toe.TicTacToe", "tic_tac_toe"),
        ("--config chess_plain --data.game.class_path chesspg.games.tic_tac_toe.TicTacToe", "tic_tac_toe"),
        ("--config chess_plain --data.game.init_args.variant atomic", "chess_atomic"),
        ("--config chess_plain --data.games 2", "chess_plain"),
    ],
)
def test_a_run_of_another_game_than_the_recipes_is_named_after_it(options: str, name: str, folder: Path) -> None:
    line = f"{options} --model.network chesspg.policy.networks.MLP --model.network.init_args.hidden [2]"
    rest = "--trainer.callbacks [] --trainer.max_epochs 1 --data.games 2 --data.max_plies 4 --data.updates 1"
    rest += " --data.opponents null --data.material_weight 0"
    assert train(f"{line} {rest} --trainer.accumulate_grad_batches 1") == 0
    (run,) = (folder / "checkpoints").iterdir()
    assert re.fullmatch(rf"{name}-\d{{8}}-\d{{6}}", run.name)


def test_two_runs_that_begin_in_one_second(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.strftime", lambda form: "20261126-120000")
    for _ in range(3):
        assert train("--config small.yaml --trainer.max_epochs 1") == 0
    names = {run.name for run in (folder / "checkpoints").iterdir()}
    assert names == {f"small-20261126-120000{number}" for number in ("", "-2", "-3")}


@pytest.mark.parametrize("recipe", sorted(path.stem for path in CONFIGS.glob("*.yaml")))
def test_every_recipe_trains_by_its_bare_name_from_another_folder(recipe: str, folder: Path) -> None:
    line = f"--config {recipe} --data.games 8 --data.max_plies 20 --trainer.max_epochs 1"
    text = (CONFIGS / f"{recipe}.yaml").read_text()
    if "kl_weight" in text:  # it stays near the policy of another run
        assert train(f"{line} --run first --model.loss.kl_weight 0 --trainer.callbacks null") == 0
        line += " --init first"
    line += " --run run"
    if "segment" in text:  # which need a GPU
        line += " --data.segment null"
    if "EvaluationMatch" in text:
        line += " --trainer.callbacks.init_args.games 2"
    assert train(line) == 0
    before, after = read_checkpoint(folder / "run/last.ckpt"), rollouts(folder / "run")
    assert before["chesspg"]["played"]["games"] == 8
    assert len(after) == 1
    assert before["global_step"] >= 1
    assert np.isfinite(float(after[0]["gradient_norm"]))  # 0 if no game was decided within the few plies


def lost_games(policy: Policy, seat: int) -> int:
    """The number of ways to play against the policy, at temperature 0 on `seat`, that beat it."""
    games, player, lost = policy.game.start(1), PolicyPlayer(policy, temperature=0), 0
    while len(games):
        observation = games.observe()
        if observation.player[0] == seat:
            turn = Turn(observation, np.zeros(len(games)), games, np.arange(len(games)))
            games.play(observation.legal.take(player.choose(turn).index))
        else:  # every reply
            games = games[np.repeat(np.arange(len(games)), observation.legal.counts)]
            games.play(observation.legal.actions)
        outcomes = games.outcomes()
        lost += int((outcomes.outcome == (-1, 1)[seat]).sum())
        games = games[~outcomes.over]
    return lost


def test_lost_games_finds_what_there_is_to_find() -> None:
    torch.manual_seed(0)
    from chesspg.games.tic_tac_toe import TicTacToe
    from chesspg.policy.networks import MLP

    assert lost_games(Policy(TicTacToe(), MLP(TicTacToe())), 0) > 0
    assert lost_games(Policy(TicTacToe(), MLP(TicTacToe())), 1) > 0


def test_tic_tac_toe_is_learned_to_the_end(folder: Path) -> None:
    assert train("--config tic_tac_toe --run run") == 0
    policy = files.load(folder / "run")
    assert lost_games(policy, 0) == 0
    assert lost_games(policy, 1) == 0
