"""A configuration from a stranger: it is bounded, and can name no class that is not for training."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from training_runs import contents, train

from chesspg.train import main

# Lightning 2.6.6 calls a method that jsonargparse 4.53 calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning")


HOSTILE = {
    "brackets": ("z: " + "[" * 100_000, "can't be read as YAML: it must be nested at most 50 deep"),
    "a list of itself": ("z: &z [*z]", "can't be read as YAML: alias *z"),
    "no such day": ("z: 2001-99-99", "can't be read as YAML: a value is not valid: month must be in 1..12"),
    "just words": ("hello", "must hold a mapping of settings, got str"),
    "a large file": ("#" * 2_000_000, "at most 1,048,576 bytes"),
    "a command": ("model: {optimizer: {class_path: os.system, init_args: {command: touch PWNED}}}",
                  "model.optimizer.class_path must name a class for training, got 'os.system'"),
    "a command by name": ("model: {optimizer: os.system}",
                          "model.optimizer must name a class for training, got 'os.system'"),
    "a command in a list": ("trainer: {callbacks: [os.system]}",
                            "trainer.callbacks must name a class for training, got 'os.system'"),
    "a module that opens a browser": ("data: {game: {class_path: antigravity.Game}}", "'antigravity.Game'"),
    "a module that takes over the command line": ("data: {starts: {class_path: unittest.__main__.x}}", "unittest"),
    "a function by name": ("data: {reward: antigravity.x}",
                           "data.reward must name a class for training, got 'antigravity.x'"),
    "advantages by name": ("model: {advantages: idlelib.idle.x}", "model.advantages must name a class for training"),
    "a baseline by name": ("model: {advantages: {baseline: unittest.__main__.x}}",
                           "model.advantages.baseline must name a class for training"),
    "opponents by name": ("data: {opponents: antigravity.x}", "data.opponents must name a class for training"),
    "other starts by name": (
        "data: {starts: {class_path: chesspg.UnevenArmies, init_args: {others: antigravity.x}}}",
        "data.starts.init_args.others must name a class for training"),
    "a class within a text": ("""data: {starts: '{"class_path": "antigravity.x"}'}""",
                              "data.starts.class_path must name a class for training, got 'antigravity.x'"),
    "a module that is a program": ("data: {starts: {class_path: pip.__main__.x}}", "'pip.__main__.x'"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.parametrize("line", ["--config run/config.yaml --run other", "--resume run"])
def test_a_hostile_configuration_is_one_line(
    case: str, line: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content, said = HOSTILE[case]
    (folder / "run").mkdir()
    (folder / "run/last.ckpt").touch()
    (folder / "run/config.yaml").write_text(content)
    before = contents(folder)
    assert train(line) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith("error: run/config.yaml")
    assert error.count("\n") == 1
    assert len(error) < 400
    assert said in error
    assert {name: text for name, text in contents(folder).items() if not name.endswith(".lock")} == before


NINE = "{" + ", ".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}' if i else 'x'] * 9)}]" for i in range(10)) + "}"


@pytest.mark.slow
@pytest.mark.parametrize("bomb", ["[" * 100_000, "- " * 100_000, NINE])
@pytest.mark.parametrize("line", [
    "--data.starts '{}'", "--data.games '{}'", "--data.games='{}'", "--data.opponents bomb.yaml", "--config bomb.yaml",
    "--config string.yaml", "--config strings.yaml",
])  # fmt: skip
def test_texts_that_a_configuration_holds_are_bounded_too(
    line: str, bomb: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "bomb.yaml").write_text(bomb)
    (folder / "string.yaml").write_text(yaml.safe_dump({"data": {"games": bomb}}))
    (folder / "strings.yaml").write_text(yaml.safe_dump({"data": {"games": yaml.safe_dump({"x": [bomb]})}}))
    assert train(f"--config small.yaml --run run {line.format(bomb)}") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert len(error) < 400
    assert not (folder / "run").exists()


@pytest.mark.parametrize("module", ["checkpoints.their-run.evil.Game", "checkpoints.their-run.deep.evil.Game"])
def test_a_module_in_a_run_folder_is_not_imported(
    module: str, finished: dict[str, bytes], folder: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    run = folder / "checkpoints/their-run"
    for name, content in finished.items():
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_bytes(content)
    (run / "deep").mkdir()
    for path in (run / "evil.py", run / "deep/evil.py"):
        path.write_text("open('PWNED', 'w')")
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["data"]["game"] = {"class_path": module}
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    monkeypatch.syspath_prepend(str(folder))  # as with python -m
    assert train("--resume checkpoints/their-run --trainer.max_epochs 9") == 2
    error = capsys.readouterr().err
    assert f"config.yaml: data.game.class_path is '{module}', whose module lies in the run's folder" in error
    assert error.count("\n") == 1
    monkeypatch.chdir(run)
    monkeypatch.syspath_prepend("")
    config["data"]["game"] = {"class_path": "evil.Game"}
    Path("config.yaml").write_text(yaml.safe_dump(config))
    assert train("--resume .") == 2
    assert "lies in the run's folder" in capsys.readouterr().err
    assert not list(folder.rglob("PWNED"))


def test_the_programs_that_a_run_starts_are_named_first(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engine, other = "uci:nowhere/engine --deep?nodes=1", "uci:nowhere/another?nodes=2&random=0.5"
    callback = '[{"class_path": "chesspg.training.evaluation.EvaluationMatch", "init_args": {"opponents": ["%s"]}}]'
    opponents = '{"players": {"%s": 0.25, "random": 0.1}}'
    line = ["--config", "chess_quick", "--run", "run", "--trainer.callbacks", callback % engine]
    with pytest.raises(SystemExit) as ended:
        main([*line, "--data.opponents", opponents % other])
    assert ended.value.code == 2
    out, error = capsys.readouterr()
    assert sorted(out.splitlines()) == sorted([f"this run starts: {engine}", f"this run starts: {other}"])
    assert "nowhere" in error
    assert error.count("\n") == 1
