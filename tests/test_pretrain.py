"""`python -m chesspg.pretrain`: from PGN to a policy file, stopped, killed and resumed, and what it refuses."""

from __future__ import annotations

import csv
import errno
import gzip
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
import yaml
from safetensors.torch import load_file

from chesspg.arena.generation import append, generate, varied_openings
from chesspg.games.chess import Chess
from chesspg.imitation.module import Imitation
from chesspg.imitation.shards import Shards
from chesspg.players.player import Greedy, Random
from chesspg.policy import files
from chesspg.pretrain import main
from chesspg.storage.lock import sole_writer
from chesspg.training.progress import RolloutProgress

# Lightning 2.6.6 calls a method that jsonargparse 4.53 calls deprecated.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"),
]

RECIPE = """
model:
  network:
    class_path: chesspg.policy.networks.MLP
    init_args: {hidden: [8], value: true}
"""


@pytest.fixture(scope="session")
def games() -> list[str]:
    players = [("greedy", Greedy()), ("random", Random())]
    [texts] = generate(Chess(), players, varied_openings(Chess(), 32, 8, seed=1), max_plies=120)
    return [text for text in texts if '[Result "*"]' not in text]


@pytest.fixture
def here(games: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with games.pgn and the recipe small.yaml."""
    append(tmp_path / "games.pgn", games)
    (tmp_path / "small.yaml").write_text(RECIPE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pretrain(line: str) -> int:
    """The exit code of the command with these arguments, in this process; it validates every 8 updates."""
    words = shlex.split(line)
    try:
        return main(words if "--resume" in words else [*words, "--trainer.val_check_interval", "8"])
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else -1


def rows(run: str) -> dict[str, dict[str, str]]:
    """The rows of metrics.csv by their step."""
    with (Path(run) / "metrics.csv").open(newline="") as file:
        return {row["step"]: row for row in csv.DictReader(file)}


def test_lines_by_time_where_there_is_no_terminal(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("chesspg.runs.run_cli.RolloutProgress", lambda: RolloutProgress(every=0.0))
    assert pretrain("games.pgn --recipe small.yaml --shards shards --batch 64 --epochs 1 --run one") == 0
    lines = capsys.readouterr().out.splitlines()
    learning = [line for line in lines if re.fullmatch(r" +learning \d+/\d+ · \d+%", line)]
    assert len(learning) > 3
    assert re.fullmatch(r" +learning 1/\d+ · \d%", learning[1])
    validated = [line for line in lines if re.fullmatch(r" +8 +accuracy \d+% · log-probability -\d\.\d\d · .*", line)]
    assert len(validated) == 1
    assert "epoch 1/1" in validated[0]


@pytest.mark.slow
def test_a_run_from_games_to_a_policy_file(here: Path, games: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    command = "games.pgn --recipe small.yaml --shards shards --batch 64 --epochs 3 --lr 0.01"
    assert pretrain(f"{command} --run one") == 0
    out = capsys.readouterr().out
    assert f"{len(games)} games used" in out
    assert "held out: accuracy" in out
    assert "\nplay it with\npython -m chesspg.play one\n" in out
    assert re.search(r"\nchess · MLP of [\d,]+ parameters · .*\n[\d,]+ plies to learn from\nrun folder  one\n", out)
    names = {"best.ckpt", "best.safetensors", "last.ckpt", "last.safetensors", "metrics.csv", "config.yaml", ".lock"}
    events = {path.name for path in (here / "one").glob("events.out.tfevents.*")}
    assert {path.name for path in (here / "one").iterdir()} - {*events, "hparams.yaml"} == names
    policy = files.load("one")
    assert policy.network.init_args == {"hidden": [8], "value": True}
    header = files.read_header("one")
    assert header.facts["pretrained"] is True
    assert header.facts["plies"] > 1000

    with sole_writer(here / "one"):
        assert pretrain("--resume one --epochs 4") == 2
    assert capsys.readouterr().err == "error: a training is at work in one; wait for its end, or stop it\n"
    assert torch.isfinite(policy.observe(Chess().start(1).observe()).log_probs).all()
    metrics = (here / "one" / "metrics.csv").read_text()
    for name in (
        "held_out/accuracy",
        "held_out/log_prob",
        "held_out/value_error",
        "loss",
        "total_plies",
        "total_seconds",
    ):
        assert name in metrics.splitlines()[0]
    assert pretrain(f"{command} --run two") == 0
    assert "parsed before" in capsys.readouterr().out
    one, two = load_file(here / "one/last.safetensors"), load_file(here / "two/last.safetensors")
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.slow
@pytest.mark.parametrize("by", ["Ctrl-C", "its time"])
def test_a_run_that_was_stopped_goes_on_to_the_same_end(
    by: str, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = "games.pgn --recipe small.yaml --shards shards --batch 64 --epochs 2"
    assert pretrain(f"{command} --run whole") == 0
    step = Imitation.training_step

    def stops(module: Imitation, batch: Any, index: int) -> Any:
        if module.global_step == 21:
            if by == "Ctrl-C":
                raise KeyboardInterrupt
            module.trainer.should_stop = True  # as a Timer does, in the middle of an epoch
        return step(module, batch, index)

    monkeypatch.setattr(Imitation, "training_step", stops)
    assert pretrain(f"{command} --run stopped") == (130 if by == "Ctrl-C" else 0)
    go_on = "stopped; go on with\npython -m chesspg.pretrain --resume stopped\n" in capsys.readouterr().out
    assert go_on == (by == "Ctrl-C")
    assert files.read_header("stopped").facts["updates"] == (16 if by == "Ctrl-C" else 22)
    monkeypatch.setattr(Imitation, "training_step", step)
    (here / "games.pgn").unlink()  # the run needs only the shards
    assert pretrain("--resume stopped") == 0
    one, two = load_file(here / "whole/last.safetensors"), load_file(here / "stopped/last.safetensors")
    assert all(torch.equal(one[name], two[name]) for name in one)
    whole, parts = rows("whole"), rows("stopped")
    if by == "its time":  # it was validated at its end too
        assert parts.pop("21")["total_plies"]
    assert parts.keys() == whole.keys()
    for step, row in whole.items():  # in rows after the stop, the means begin at another update
        same = row.keys() - {"total_seconds"} - (set() if by == "Ctrl-C" else {"loss", "value_error"})
        assert {name: row[name] for name in same} == {name: parts[step][name] for name in same}
    assert pretrain("--resume stopped") == 2
    assert "all 2 epochs are done; to continue, add --trainer.max_epochs N, above 2" in capsys.readouterr().err
    assert pretrain("--resume stopped --epochs 3") == 0


@pytest.mark.parametrize("at", [3, 21])
def test_a_full_disk_is_one_line_and_the_run_goes_on(
    at: int, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    step = Imitation.training_step

    def full(module: Imitation, batch: Any, index: int) -> Any:
        if module.global_step == at:
            raise OSError(errno.ENOSPC, "No space left on device", "stopped/last.ckpt")
        return step(module, batch, index)

    monkeypatch.setattr(Imitation, "training_step", full)
    assert pretrain("games.pgn --recipe small.yaml --shards shards --batch 64 --epochs 2 --run stopped") == 2
    [line] = [line for line in capsys.readouterr().err.splitlines() if line]
    assert line.startswith("error: stopped/last.ckpt: No space left on device; ")
    monkeypatch.setattr(Imitation, "training_step", step)
    assert line.endswith("go on with  python -m chesspg.pretrain --resume stopped")
    assert pretrain("--resume stopped") == 0


def test_a_full_disk_before_the_first_checkpoint(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*arguments: Any, **more: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "new/metrics.csv")

    with monkeypatch.context() as patch:
        patch.setattr(pl.Trainer, "fit", full)
        assert pretrain("games.pgn --recipe small.yaml --shards shards --epochs 1 --run new") == 2
    assert [line for line in capsys.readouterr().err.splitlines() if line] == [
        "error: new/metrics.csv: No space left on device; there is no checkpoint yet, "
        "so the same command with --run new starts it again"
    ]
    assert pretrain("games.pgn --recipe small.yaml --shards shards --epochs 1 --run new") == 0


@pytest.mark.slow
def test_a_limit_of_time_ends_a_run(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = "games.pgn --recipe small.yaml --shards shards --batch 64 --max-time 00:00:00:01 --run run"
    assert pretrain(command) == 0
    assert "held out" in capsys.readouterr().out
    assert pretrain("--resume run") == 2
    assert "the run's time is over; to continue, add --trainer.max_time" in capsys.readouterr().err
    before = files.read_header("run").facts["updates"]
    assert pretrain("--resume run --max-time 00:00:00:03") == 0
    assert files.read_header("run").facts["updates"] > before


def test_broken_games_and_a_truncated_file_are_named_and_the_run_goes_on(
    here: Path, games: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    append(here / "more.pgn", ['[Event "?"]\n[Result "1-0"]\n\n1. e4 e5 2. Ke3 1-0', *games])
    packed = gzip.compress((here / "more.pgn").read_bytes())
    (here / "more.pgn.gz").write_bytes(packed[: len(packed) * 9 // 10])
    assert pretrain("more.pgn.gz games.pgn --recipe small.yaml --shards shards --epochs 1 --run run") == 0
    out = capsys.readouterr().out
    assert "more.pgn.gz, line 1: illegal move, Ke3 is illegal after 2 plies" in out
    # The last game ends in the middle of its tags or its moves, wherever the compressed bytes happen to end.
    assert re.search(r"more\.pgn\.gz, line \d\d+: (cut off, no result after|start position, )", out)
    assert "2 skipped" in out
    assert "more.pgn.gz ends early" in out


def test_ctrl_c_while_parsing_is_one_line(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Shards, "parse", interrupt)
    assert pretrain("games.pgn --recipe small.yaml --shards shards --run run") == 130
    assert capsys.readouterr().err.strip() == "interrupted; the same command continues after the last shard"
    assert not (here / "run").exists()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", ("no games given; expected a PGN file",)),
        ("nowhere.pgn", ("nowhere.pgn", "No such file")),
        ("empty.pgn", ("empty.pgn is empty",)),
        ("text.pgn", ("no game to learn from", "text.pgn")),
        ("text.zst", ("no game to learn from", "text.zst")),
        ("games.pgn --min-rating 2000", ("no game to learn from", "left out by the filters")),
        ("games.pgn --results 1-0,2-0", ("2-0", "1/2-1/2")),
        ("games.pgn --games 0", ("--data.games must be", "got 0")),
        ("games.pgn --min-rating -1", ("--data.min_rating must be between 0 and 10,000, got -1",)),
        ("games.pgn --recipe nowhere", ("no recipe 'nowhere'",)),
        ("games.pgn --recipe text.pgn", ("text.pgn", "must hold a mapping")),
        ("games.pgn --recipe tic_tac_toe", ("tic_tac_toe.yaml is a recipe for TicTacToe; expected one for chess",)),
        ("games.pgn --recipe atomic.yaml", ("atomic.yaml is a recipe for chess (atomic); expected one for chess",)),
        ("games.pgn --recipe empty.yaml", ("empty.yaml has no model.network with a class_path",)),
        ("zipped.pgn", ("zipped.pgn is a zip archive; expected a text file",)),
        ("games.pgn --channels 8", ("--model.network: unknown argument channels",)),
        ("games.pgn --lr 0", ("--model.optimizer.init_args.lr must be above 0, got 0.0",)),
        ("games.pgn --lr .inf", ("--model.optimizer.init_args.lr must be", "got inf")),
        ("games.pgn --batch 0", ("--data.batch must be", "got 0")),
        ("games.pgn --batch", ("--batch needs a value",)),
        ("games.pgn --epochs 0", ("--trainer.max_epochs must be", "got 0")),
        ("games.pgn --max-time soon", ("--trainer.max_time must be", "DD:HH:MM:SS", "got soon")),
        ("games.pgn --max-time 00:00:00:00", ("--trainer.max_time must be", "above 00:00:00:00")),
        ("games.pgn --games 1", ("expected at least 2 games", "got 1")),
        ("games.pgn --gmaes 1", ("unknown option --gmaes",)),
        ("games.pgn --data.gmaes 1", ("unknown option --data.gmaes; did you mean --data.games?",)),
        ("games.pgn --trainer.max_steps 7", ("--trainer.max_steps must be left out for recorded games, got 7",)),
        ("games.pgn --trainer.devices 2", ("Imitation learns on one device, got 2",)),
        ("games.pgn --run shards", ("shards exists already",)),
        ("--resume shards", ("nothing to resume in shards",)),
        ("games.pgn --resume shards", ("leave files out",)),
        ("--resume damaged --lr 0.1 --run other", ("leave out --config, --init and --run",)),
        ("--resume damaged --recipe chess_quick", ("leave --recipe out",)),
        ("--resume damaged", ("damaged",)),
    ],
)
def test_bad_input_is_one_line_and_exit_code_two(
    here: Path, capsys: pytest.CaptureFixture[str], line: str, words: tuple[str, ...]
) -> None:
    (here / "empty.pgn").touch()
    for name in ("text.pgn", "text.zst"):
        (here / name).write_text("once upon a time\n")
    (here / "zipped.pgn").write_bytes(b"PK\x03\x04")
    game = "{class_path: chesspg.games.chess.Chess, init_args: {variant: atomic}}"
    (here / "atomic.yaml").write_text(f"{RECIPE}data:\n  game: {game}\n")
    (here / "shards").mkdir()
    (here / "damaged").mkdir()
    (here / "damaged" / "last.ckpt").write_text("what is this")
    (here / "damaged" / "config.yaml").write_text(f"{RECIPE}\nno: field")
    (here / "empty.yaml").write_text("data: {}")
    recipe = "" if "--recipe" in line else "--recipe small.yaml"
    assert pretrain(line if "--resume" in line else f"{line} {recipe} --shards shards") == 2
    [error] = [line for line in capsys.readouterr().err.splitlines() if line]
    assert error.startswith("error: ")
    for word in words:
        assert word in error
    assert not list((here / "damaged").glob("*.csv"))
    assert not list(here.glob("checkpoints/*"))


@pytest.mark.parametrize("shard", ["at the start", "later"])
def test_a_damaged_shard_is_named_in_one_line(
    shard: str, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = "games.pgn --recipe small.yaml --shards shards --batch 64 --epochs 2"
    assert pretrain(f"{command} --run whole") == 0
    capsys.readouterr()
    [path, *_] = sorted(here.glob("shards/*/*.npz"))

    def damage() -> None:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)

    step = Imitation.training_step

    def steps(module: Imitation, batch: Any, index: int) -> Any:
        if module.global_step == 3:
            damage()
        return step(module, batch, index)

    if shard == "later":
        monkeypatch.setattr(Imitation, "training_step", steps)
    else:
        damage()
    assert pretrain(f"{command} --run other") == 2
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert str(path.relative_to(here)) in line
    assert "is damaged" in line


def test_a_run_folder_names_no_code_to_import(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pretrain("games.pgn --recipe small.yaml --shards shards --batch 64 --epochs 1 --run one") == 0
    (here / "one" / "evil.py").write_text("open('proof', 'w')\n")
    settings = yaml.safe_load((here / "one" / "config.yaml").read_text())
    settings["model"]["network"]["class_path"] = "one.evil.Net"
    (here / "one" / "config.yaml").write_text(yaml.safe_dump(settings))
    capsys.readouterr()
    assert pretrain("--resume one --epochs 2") == 2
    assert "one.evil.Net" in capsys.readouterr().err
    assert not (here / "proof").exists()


def test_a_resumed_run_keeps_its_data(here: Path, games: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert pretrain("games.pgn --recipe small.yaml --shards shards --batch 64 --epochs 1 --run one") == 0
    append(here / "games.pgn", games)  # a new run would parse it again, but not this one
    capsys.readouterr()
    for option, said in {
        "--batch 32": "batch must be 64, got 32",
        "--seed 5": "seed must be 0, got 5",
        "--min-rating 9": "wanted must be .*, as for the shards in .*, got ",
        "--games 9": "games must be None, as for the shards in .*, got 9",
    }.items():
        assert pretrain(f"--resume one --epochs 2 {option}") == 2
        assert re.search(said, capsys.readouterr().err)
    assert pretrain("--resume one --epochs 2 --lr 0.5") == 2
    assert "a resumed run must keep its model.optimizer" in capsys.readouterr().err
    assert pretrain("--resume one --epochs 2") == 0


def test_fields_of_the_configuration(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All fields may be given, by their names or in a file, and a resumed run keeps them."""
    (here / "mine.yaml").write_text("trainer: {max_epochs: 1, gradient_clip_val: null}\ndata: {batch: 64}")
    line = "games.pgn --config mine.yaml --recipe small.yaml --data.shards shards --run one"
    match = "--trainer.callbacks+=chesspg.EvaluationMatch --trainer.callbacks.games 2 --trainer.precision 32-true"
    schedule = "--model.lr_scheduler torch.optim.lr_scheduler.ConstantLR"
    assert pretrain(f"{line} {match} {schedule}") == 0
    assert "32-true" in capsys.readouterr().out
    [row] = [row for row in rows("one").values() if row["held_out/log_prob"]][-1:]
    assert 0 <= float(row["score/random"]) <= 1
    assert list((here / "one/games").glob("against-random-*.pgn"))
    kept = yaml.safe_load((here / "one/config.yaml").read_text())
    assert kept["trainer"]["gradient_clip_val"] is None
    assert kept["data"]["batch"] == 64
    assert kept["model"]["lr_scheduler"]["class_path"] == "torch.optim.lr_scheduler.ConstantLR"
    assert pretrain("--resume one --epochs 2") == 0
    assert yaml.safe_load((here / "one/config.yaml").read_text())["trainer"]["gradient_clip_val"] is None


def test_print_config_and_help(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pretrain("games.pgn --channels 24 --min-rating 7 --print_config") == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert printed["data"]["files"] == ["games.pgn"]
    assert printed["data"]["min_rating"] == 7
    assert printed["model"]["network"]["init_args"]["channels"] == 24
    assert printed["trainer"]["max_time"] == "00:00:10:00"
    assert pretrain("--help") == 0
    out = capsys.readouterr().out
    for option in ("--min-rating", "--min-seconds", "--results", "--games", "--shards", "--recipe", "--channels",
                   "--blocks", "--lr", "--batch", "--epochs", "--max-time", "--seed", "--run", "--resume"):  # fmt: skip
        assert f"  {option} " in out
    assert max(map(len, out.splitlines())) <= 80
    assert pretrain("--help-all") == 0
    assert "--data.min_rating" in capsys.readouterr().out
    assert sorted(path.name for path in here.iterdir()) == ["games.pgn", "small.yaml"]
