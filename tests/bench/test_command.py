"""The bench command: what it writes, the comparison of both backends, and one-line errors."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from chesspg.bench import __main__ as bench
from chesspg.bench import rules, timing
from chesspg.training.datamodule import SelfPlay
from studies import peers

# Lightning 2.6.6 calls a method that jsonargparse 4.53 calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning")

SMALL = ["--games", "4", "--config", "small.yaml", "--data.games", "8"]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the figures are does not matter here: perft is two plies shorter, and the stages are measured once."""
    monkeypatch.setattr(rules, "DEPTH", 3)
    monkeypatch.setattr(timing, "REPEATS", 1)


@pytest.mark.slow
def test_every_figure_is_told_and_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main([*SMALL, "--json", "bench.json"]) == 0
    figures = json.loads((folder / "bench.json").read_text())
    for name in (
        "rules_plies_per_s",
        "perft_nodes_per_s",
        "forward_positions_per_s",
        "selfplay_plies_per_s",
        "selfplay_share",
        "forward_backward_positions_per_s",
        "training_positions_per_s",
        "training_share",
        "loop_plies_per_s",
        "loop_updates_per_s",
        "loop_learned_plies_per_s",
        "recipe_selfplay_plies_per_s",
        "device_rules_plies_per_s",
        "forward_mflops",
        "matrix_product_tflops_per_s",
        "forward_of_chip",
        "selfplay_of_chip",
        "training_of_chip",
        "loop_of_chip",
    ):
        assert figures[name] > 0, name
    assert figures["lightning_share"] < 1
    assert figures["loop_learned_plies_per_s"] < figures["loop_plies_per_s"]  # the opponents' plies are not learned
    assert figures["configs"]["small"]["selfplay_share"] == figures["selfplay_share"]
    assert figures[f"loop_in_{figures['precision']}_plies_per_s"] == figures["loop_plies_per_s"]
    assert figures["machine"]["torch_threads"] == 1
    output = capsys.readouterr().out
    assert "nodes/s" in output
    assert "%" in output
    assert sorted(path.name for path in folder.iterdir()) == ["bench.json", "small.yaml"]  # no run is left behind


@pytest.mark.slow
def test_self_play_on_a_device_is_measured_with_its_occupancy(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(SelfPlay, "place", lambda *_: "cpu")  # in slots, as on a GPU
    assert bench.main([*SMALL, "--data.slots", "4", "--json", "bench.json"]) == 0
    figures = json.loads((folder / "bench.json").read_text())
    assert 0 < figures["occupancy"] <= 1
    assert figures["selfplay_plies_per_s"] > 0
    assert "occupancy of the slots" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("units", [{"avx512_bf16": True}, {}])
def test_both_precisions_where_there_are_instructions_for_both(
    folder: Path, units: dict[str, bool], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: units, raising=False)
    (folder / "other.yaml").write_text((folder / "small.yaml").read_text())
    both_recipes = [*SMALL, "--config", "other.yaml"]
    assert bench.main([*both_recipes, "--trainer.accelerator", "cpu", "--json", "bench.json"]) == 0
    figures = json.loads((folder / "bench.json").read_text())
    assert figures["precision"] == ("bf16-mixed" if units else "32-true")
    both = {"loop_in_bf16-mixed_plies_per_s", "loop_in_32-true_plies_per_s", "bf16-mixed_over_32-true"}
    assert both <= figures.keys() if units else len(both & figures.keys()) == 1
    assert ("bf16-mixed over 32-true" in capsys.readouterr().out) == bool(units)


def test_chesspg_is_measured_beside_nothing_where_no_other_library_is_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(peers, "SECONDS", 0.001)
    monkeypatch.setattr(peers, "AT_ONCE", 4)
    monkeypatch.setattr(peers, "ENVIRONMENTS", 4)
    for library in ("pyspiel", "pettingzoo.classic", "torchrl", "jax", "pgx"):
        monkeypatch.setitem(sys.modules, library, None)  # as if it were not
    skipped, comparisons = 0, peers.comparisons()
    for title, ours, others in comparisons:
        found = bench.compare(title, ours, others)
        assert list(found) == ["chesspg"]
        assert found["chesspg"] > 0
        skipped += len(others)
    shown = capsys.readouterr().out
    assert shown.count("skipped") == skipped
    assert shown.count("plies/s\n") == len(comparisons)
    assert "rules of connect four" in shown


def test_without_gymnasium_nothing_is_compared_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    def missing() -> Callable[[], float]:
        raise ModuleNotFoundError("no gymnasium", name="gymnasium")

    assert bench.compare("environments", missing, {"other": lambda: lambda: 1.0}) == {}
    assert "gymnasium is not installed" in capsys.readouterr().out


def test_libraries_that_are_installed_are_measured_in_turn(capsys: pytest.CaptureFixture[str]) -> None:
    order: list[str] = []

    def measure(name: str, speeds: list[float]) -> Callable[[], Callable[[], float]]:
        def measured() -> float:
            order.append(name)
            return speeds[order.count(name) - 1]

        return lambda: measured

    def broken() -> Callable[[], float]:
        raise RuntimeError("of another version")

    others = {"fast": measure("fast", [9e9, 3e6, 1e6, 2e6]), "broken": broken, "slow_one": measure("slow", [1e3] * 4)}
    assert bench.compare("rules", measure("ours", [1e6] * 4), others) == {"chesspg": 1e6, "fast": 2e6, "slow_one": 1e3}
    assert order == ["ours", "fast", "slow"] * 4  # the first of each warms up
    shown = capsys.readouterr().out
    assert "ours are 0.5 times" in shown
    assert "ours are 1,000.0 times" in shown
    assert "RuntimeError: of another version" in shown


def test_without_a_clone_there_is_nothing_to_compare_with(
    folder: Path, refused: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "studies.peers", None)  # as in an installed package
    refused(bench.main, [*SMALL, "--compare"], ("--compare needs studies/peers.py", "clone of the repository"))


def test_both_backends_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["verify", "--plies", "500"]) == 0
    assert ", 0 differences" in capsys.readouterr().out


def test_a_game_beside_open_spiel(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pyspiel")
    assert bench.main(["verify", "--game", "TicTacToe", "--plies", "100"]) == 0
    assert ", 0 differences" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--config", "nothing"], "nothing"),
        (["--games", "1"], "--games must be a whole number from 2 to 65,536, got '1'"),
        (["--games", "1000000000"], "--games must be"),
        (["--games", "many"], "--games"),
        (["--threads", "0"], "--threads must be"),
        (["--json", "no/such/folder.json"], "no/such"),
        (["--json", "."], "folder"),
        ([*SMALL, "--model.sise", "3"], "sise"),
        ([*SMALL, "--trainer.accumulate_grad_batches", "0"], "accumulate_grad_batches"),
        (["verify", "--plies", "0"], "--plies must be"),
        (["verify", "--seed", "-1"], "--seed must be"),
        (["verify", "--device", "tpu"], "--device"),
        (["verify", "--game", "Checkers"], "--game: unknown game 'Checkers'"),
        (["verify", "--game", "Chess"], "OpenSpiel plays chess by other rules or not at all; expected a game"),
        (["verify", "--game", "TicTacToe", "--device", "cpu"], "--device compares the rules of chess; with --game"),
        (["verify", "--model.loss.clip", "1"], "--model.loss.clip"),
    ],
)
def test_a_mistake_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        bench.main(arguments)
    output = capsys.readouterr()
    assert ended.value.code == 2
    assert output.err.count("\n") == 1
    assert words in output.err
    assert output.out == ""
    assert sorted(path.name for path in folder.iterdir()) == ["small.yaml"]


def test_a_file_of_anything_else_is_not_replaced(folder: Path, refused: Callable[..., None]) -> None:
    Path("notes.json").write_text('{"my": "notes"}')
    refused(bench.main, ["--json", "notes.json"], ("notes.json holds something other than what --json writes",))
    assert Path("notes.json").read_text() == '{"my": "notes"}'
