"""The example of a game, from the file to a trained policy that plays against random moves; and a loop of one's own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from preloaded import python as run

from chesspg.games.chess import Chess
from chesspg.policy import files
from chesspg.policy.networks import ResidualNet
from chesspg.policy.policy import Policy

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example, and a policy that was trained on it for a few rollouts."""
    folder = tmp_path_factory.mktemp("mine")
    shutil.copy(ROOT / "examples/nim.py", folder)
    line = "-m chesspg.train --config small_game --data.game nim.Nim --run checkpoints/nim --trainer.max_epochs 15"
    ended = run(folder, *line.split(), "--trainer.callbacks.init_args.games", "20")
    assert ended.returncode == 0, ended.stderr
    assert "warning" not in ended.stderr
    assert ended.stdout.splitlines()[-1] == "python -m chesspg.play --import nim checkpoints/nim"
    return folder


def test_the_example_checks_itself(tmp_path: Path) -> None:
    shutil.copy(ROOT / "examples/nim.py", tmp_path)
    ended = run(tmp_path, "nim.py")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "nim keeps the contract\n", "")


def test_a_mistake_in_the_example_is_found(tmp_path: Path) -> None:
    text = (ROOT / "examples/nim.py").read_text()
    wrong = text.replace("2 * self.player - 1", "1 - 2 * self.player")
    assert wrong != text
    (tmp_path / "nim.py").write_text(wrong)
    ended = run(tmp_path, "nim.py")
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].endswith("nim: '3 0 moves 3' must be won by player 0: outcome 1, got -1")


def test_train_refuses_a_game_that_breaks_the_contract(tmp_path: Path) -> None:
    text = (ROOT / "examples/nim.py").read_text()
    (tmp_path / "nim.py").write_text(text.replace("plane[:, None, None]", "plane[:, None]"))
    line = "-m chesspg.train --config small_game --data.game nim.Nim --run run --trainer.max_epochs 1"
    ended = run(tmp_path, *line.split())
    assert ended.returncode == 2
    assert ended.stderr == (
        "error: the game breaks the contract of chesspg.games.game: nim: observe().planes of 2 games must have shape "
        "(2, 1, 1), got (2, 1)\n"
    )
    assert not (tmp_path / "run").exists()


BROKEN = {
    "np.where(over, 2 * self": ("np.where(self.sticks < 0, 2 * self", "has no legal action there"),
    "over.astype(np.uint8))": ("2 * over.astype(np.uint8))", "with reason 2, but its reasons have numbers from 0 to 1"),
    "0 <= action < min(self.sticks[game], 3)": ("action == 0 and self.sticks[game] > 9",
                                                "refuses an action that it called legal: game"),
}  # fmt: skip


@pytest.mark.parametrize("right", BROKEN)
@pytest.mark.parametrize("command", ["match checkpoints/nim random", "ladder checkpoints/nim random"])
def test_a_broken_game_ends_a_command_in_one_line(right: str, command: str, trained: Path, tmp_path: Path) -> None:
    """The game was not checked, or the check did not reach the faulty position."""
    wrong, message = BROKEN[right]
    text = (ROOT / "examples/nim.py").read_text()
    assert right in text
    if "no legal" in message:
        text = text.replace("over = self.sticks == 0", "over = self.sticks < 0")
    (tmp_path / "nim.py").write_text(text.replace(right, wrong))
    shutil.copytree(trained / "checkpoints", tmp_path / "checkpoints")
    name, *rest = command.split()
    ended = run(tmp_path, "-m", f"chesspg.{name}", "--import", "nim", *rest, "--games", "8")
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.startswith("error: ")
    assert ended.stderr.count("\n") == 1
    assert message in ended.stderr


def test_what_was_learned_beats_random_moves(trained: Path) -> None:
    line = "-m chesspg.match --import nim checkpoints/nim random --games 200 --json result.json"
    ended = run(trained, *line.split())
    assert ended.returncode == 0, ended.stderr
    result = json.loads((trained / "result.json").read_text())
    assert result["score"] > 0.75


def test_every_command_takes_a_game_of_ones_own(trained: Path) -> None:
    for line in (
        "play --import nim checkpoints/nim",
        "ladder --import nim checkpoints/nim random greedy --games 20 --results ladder.json",
        "report --import nim checkpoints/nim --out report.html",
        "generate --import nim --player checkpoints/nim --games 4 --pgn games.pgn",
    ):
        ended = run(trained, "-m", *f"chesspg.{line}".split())
        assert ended.returncode == 0, (line, ended.stderr)
    assert '[Variant "nim"]' in (trained / "games.pgn").read_text()


def test_a_game_that_was_not_imported_is_told_how(trained: Path) -> None:
    ended = run(trained, "-m", "chesspg.match", "checkpoints/nim", "random", "--games", "2")
    assert ended.returncode == 2
    assert ended.stderr == (
        "error: checkpoints/nim needs the game nim.Nim, which is not a class of chesspg, and policy files never "
        "import code; add --import with the module that defines it (in Python, import it first)\n"
    )


def test_a_loop_of_ones_own_learns_in_the_vector_environment(tmp_path: Path) -> None:
    text = (ROOT / "examples/own_loop.py").read_text()
    (tmp_path / "own_loop.py").write_text(text.replace("UPDATES, STEPS, GAMES = 90", "UPDATES, STEPS, GAMES = 30"))
    ended = run(tmp_path, "own_loop.py")
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert len(lines) == 2
    assert float(lines[-1].split("mean reward")[1].split()[0]) > 0.4


def test_afterstates_are_added_to_a_policy_whose_convolutions_stay(tmp_path: Path) -> None:
    shutil.copy(ROOT / "examples/finetune.py", tmp_path)
    game = Chess()
    earlier = Policy(game, ResidualNet(game, channels=8, blocks=1, value=True))
    files.save(tmp_path / "earlier.safetensors", earlier)
    line = (  # six plies of four games, in two updates
        "-m chesspg.train --config chess_from_pgn --init earlier.safetensors --run run --data.games 4 --data.updates 2 "
        "--data.opponents null --data.max_plies 6 --model.loss.kl_weight 0 --model.network.init_args.channels 8 "
        "--model.network.init_args.blocks 1 --model.network.init_args.afterstates 3 --trainer.max_time null "
        "--trainer.callbacks+=finetune.Finetune"
    )
    ended = run(tmp_path, *line.split(), "--trainer.max_epochs", "1")
    assert ended.returncode == 0, ended.stderr
    ended = run(tmp_path, "-m", "chesspg.train", "--resume", "run", "--trainer.max_epochs", "3")
    assert ended.returncode == 0, ended.stderr
    before, after = earlier.network.state_dict(), files.load(tmp_path / "run", game).network.state_dict()
    kept = {name.split(".")[0] for name, weight in before.items() if torch.equal(weight, after[name])}
    assert kept - {"underpromotion"} == {"stem", "body"}  # there were no promotions
    assert after["after_weights"].abs().max() > 5 * (after["from_to.weight"] - before["from_to.weight"]).abs().max() > 0
