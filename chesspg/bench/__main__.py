"""`python -m chesspg.bench`: where the time goes, and how far each stage is from its limit."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from chesspg.bench.rules import PLIES, rules
from chesspg.bench.timing import REPEATS
from chesspg.games.chess import Chess
from chesspg.storage.atomic import write_text
from chesspg.storage.outputs import Output, check_outputs, json_has
from chesspg.terminal import numbers
from chesspg.terminal.command import Parser, one_line_errors, polite_interrupt, run

Measure = Callable[[], Callable[[], float]]  # prepares, and returns a function that measures plies per second
DESCRIPTION = """\
Measure where the time goes, and how far each stage is from its limit.

  chesspg bench                           the default recipe on this machine, under two minutes
  chesspg bench --config chess_plain --json bench.json
  chesspg bench --compare                 also other libraries that are installed, on the same
                                          work (in a clone of the repository only)
  chesspg bench verify --plies 10000000   both backends side by side, every bit compared
  chesspg bench verify --game Othello     the rules of another game beside those of OpenSpiel
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark, or `verify`; returns the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["verify"]:
        with polite_interrupt():
            return _verify(_verify_parser().parse_args(arguments[1:]))
    given, override = _parser().parse_known_args(arguments)  # the rest is fields of the recipe, for Lightning's parser
    with polite_interrupt():
        return _bench(given, override)


def _bench(given: argparse.Namespace, override: list[str]) -> int:
    with one_line_errors():
        comparisons = _comparisons() if given.compare else []
        if given.json:
            wrote = {"machine", "configs", "rules_plies_per_s"}
            check_outputs([Output("--json", Path(given.json), lambda path: json_has(path, wrote))], {})
        if given.threads:
            os.environ["OMP_NUM_THREADS"] = str(given.threads)  # for libraries that read it when they are imported
    import torch

    from chesspg.bench.device_rules import device_rules
    from chesspg.bench.stages import in_precision, stages
    from chesspg.runs.run_cli import MISTAKES, recipe
    from chesspg.runs.train_cli import TrainCLI
    from chesspg.training.precision import PRECISIONS, fastest_precision

    if given.threads:
        torch.set_num_threads(given.threads)
    with TemporaryDirectory() as folder:
        # The recipes as `train` runs them, but without evaluation matches. All are built before any is measured, so
        # that a mistake in one is reported at once.
        limits = ["--trainer.callbacks=null", "--trainer.max_epochs=1", "--trainer.max_time=null"]
        runs: dict[str, list[TrainCLI]] = {}  # by recipe: the run that `train` makes, then one in the other precision
        with one_line_errors(*MISTAKES):
            for path in dict.fromkeys(map(recipe, given.config or [TrainCLI.DEFAULT_RECIPE])):
                name = path.stem if path.stem not in runs else str(path)
                arguments = ["--config", str(path), *limits, *override]
                chosen = TrainCLI.build([*arguments, "--run", f"{folder}/{len(runs)}"])
                lacking = [one for one in PRECISIONS if one != chosen.trainer.precision]
                if fastest_precision(chosen.config_init.trainer.accelerator) == "32-true":
                    lacking = []  # bf16 would be emulated, which takes minutes
                more = [
                    [*arguments, "--run", f"{folder}/{len(runs)}-{one}", "--trainer.precision", one] for one in lacking
                ]
                runs[name] = [chosen, *map(TrainCLI.build, more)]
        results: dict[str, Any] = {"machine": _machine()}
        _say("machine", results["machine"])
        results |= rules(given.games)
        _say("rules of chess, one core", results)
        in_slots = device_rules(given.games)
        _say("rules of chess in slots", in_slots)
        results |= in_slots
        for title, ours, peers in comparisons:
            results.setdefault("compare", {})[title] = compare(title, ours, peers)
        for name, (run, *others) in runs.items():
            figures = stages(run)
            figures |= in_precision(run.trainer.precision, figures["loop_plies_per_s"], others)
            _say(f"{name}, torch on {results['machine']['torch_threads']} cores", figures)
            results = figures | results  # the figures of the first recipe are at the top level too
            results.setdefault("configs", {})[name] = figures
    if given.json:
        write_text(given.json, json.dumps(results, indent=2) + "\n")
    return 0


def _verify(given: argparse.Namespace) -> int:
    with one_line_errors():
        compare_rules = _comparison(given)
    from rich.progress import Progress

    began = time.perf_counter()
    with Progress(disable=not sys.stdout.isatty()) as progress:
        task = progress.add_task("plies", total=given.plies)
        with one_line_errors():
            done, differences = compare_rules(lambda n: progress.update(task, completed=n))
    print(f"{done:,} plies in {time.perf_counter() - began:.0f} s, {len(differences)} differences")
    for difference in differences[:20]:
        print(difference)
    return 1 if differences else 0


def _comparison(given: argparse.Namespace) -> Callable[[Callable[[int], None]], tuple[int, list[str]]]:
    """The comparison that the command line asks for; it is called with a function that reports the plies so far."""
    if given.game is None:
        from chesspg.games.chess.verify import verify as verify_chess

        Chess(backend="bitboards").start(1)  # to report now that numba is missing
        games = 16_384 if given.device == "cuda" else 64
        return lambda report: verify_chess(given.plies, given.seed, games, report, given.device)
    if given.device:
        raise ValueError("--device compares the rules of chess; with --game, leave it out")
    from chesspg.games.open_spiel.verify import verify
    from chesspg.players.game_strings import game_from_string

    game = game_from_string(given.game)
    return lambda report: verify(game, given.plies, given.seed, 64, report)


def _machine() -> dict[str, Any]:
    import torch

    def installed(name: str) -> str:
        try:
            return version(name)
        except PackageNotFoundError:
            return "not installed"

    processor = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").is_file():
        models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        processor = models[0].partition(":")[2].strip() if models else processor
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        **{name: installed(name) for name in ("chess", "numba", "numpy", "torch", "pytorch-lightning")},
    }


def _comparisons() -> list[tuple[str, Measure, Mapping[str, Measure]]]:
    """The comparisons in studies/peers.py, which only a clone of the repository has. Raises ValueError without one."""
    sys.path.append(str(Path(__file__).parents[2]))  # the root of the clone
    try:
        found: list[tuple[str, Measure, Mapping[str, Measure]]] = importlib.import_module("studies.peers").comparisons()
    except ModuleNotFoundError:
        raise ValueError(
            "--compare needs studies/peers.py, which is not installed with chesspg; run it in a clone of the repository"
        ) from None
    return found


def compare(title: str, ours: Measure, peers: Mapping[str, Measure]) -> dict[str, float]:
    """Measure chesspg and other libraries, if they are installed, in turn, and print the medians.

    Args:
        title: What is compared.
        ours: The measure of chesspg.
        peers: Measures by library.

    Returns:
        Plies per second by library.
    """
    print(f"\n{title}, games of at most {PLIES} plies")
    ready: dict[str, Callable[[], float]] = {}
    for name, measure in {"chesspg": ours, **peers}.items():
        with _skipped(name):
            ready[name] = measure()
            ready[name]()  # warms up
    if "chesspg" not in ready:
        return {}
    speeds: dict[str, list[float]] = {name: [] for name in ready}
    for _ in range(REPEATS):
        for name, measured in ready.items():
            speeds[name].append(measured())
    found = {name: statistics.median(some) for name, some in speeds.items()}
    for name, speed in found.items():
        against = "" if name == "chesspg" else f"     ours are {found['chesspg'] / speed:,.1f} times"
        _row(name.replace("_", " "), _figure(speed), f"plies/s{against}")
    return found


@contextmanager
def _skipped(name: str) -> Iterator[None]:
    """Report a library that is not installed, or that fails, as one line."""
    try:
        yield
    except ModuleNotFoundError as error:
        _row(name.replace("_", " "), "skipped", f"{error.name} is not installed")
    except Exception as error:  # a failure of another library, perhaps of a later version, is no bug of chesspg
        _row(name.replace("_", " "), "skipped", " ".join(f"{type(error).__name__}: {error}".split())[:80])


UNITS = ("plies", "positions", "nodes", "updates", "tflops")
SHARES = {  # how a share is shown, by the end of its name
    "_of_chip": "{}, of the chip",
    "_of_graphed": "{}, of the forward pass as a graph",
    "lightning_share": "Lightning, of the loop",
    "_share": "{}, of that limit",
    "occupancy": "occupancy of the slots",
}


def _figure(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return str(value)


def _row(name: str, figure: str, unit: str = "") -> None:
    print(f"  {name:36}{figure:>16}  {unit}".rstrip(), flush=True)


def _say(title: str, facts: dict[str, Any]) -> None:
    print(f"\n{title}")
    for name, value in facts.items():
        thing, _, per_second = name.removesuffix("_per_s").rpartition("_")
        if isinstance(value, dict):
            continue
        share = next((end for end in SHARES if name.endswith(end)), None)
        if share:
            _row(SHARES[share].format(name.removesuffix(share)).replace("_", " "), f"{value:.1%}")
        elif name.endswith("_per_s") and per_second in UNITS:
            _row(thing.replace("_", " "), _figure(value), f"{per_second}/s")
        elif isinstance(value, str) and len(value) > 16:
            print(f"  {name:20}{value:>32}")
        else:
            _row(name.replace("_", " "), _figure(value))


def _parser() -> Parser:
    parser = Parser(
        "python -m chesspg.bench",
        usage="%(prog)s [options] [--FIELD VALUE ...]\n       %(prog)s verify [options]",
        description=DESCRIPTION,
        epilog="Fields of the recipes, such as --data.games, are set as for python -m chesspg.train.",
        allow_abbrev=False,  # anything that is not an option here is a field of the recipe
    )
    parser.add_argument("--config", action="append", metavar="NAME", help="a recipe, by name or path; may be repeated")
    parser.add_argument(
        "--games",
        type=numbers.whole(2, 65_536),
        default=1024,
        help="games at once in the benchmark of the rules (default: 1024)",
    )
    parser.add_argument(
        "--threads", type=numbers.whole(1, numbers.CORES), help="number of threads for torch (default: torch decides)"
    )
    parser.add_argument(
        "--compare",
        action="store_true",
        help="also compare rules and environments with OpenSpiel, PettingZoo, TorchRL and PGX, if installed",
    )
    parser.add_argument(
        "--json", metavar="FILE", help="write the figures to this file; a file that holds anything else is not replaced"
    )
    return parser


def _verify_parser() -> Parser:
    parser = Parser(
        "python -m chesspg.bench verify",
        description="Compare two implementations of the rules of chess, or of another game, ply by ply.",
    )
    parser.add_argument(
        "--game",
        help="compare the rules of this game with those of OpenSpiel: a game of chesspg, such as 'Hex?size=6', or your "
        "own, such as my_module.MyGame (default: chess, whose own two implementations are compared)",
    )
    parser.add_argument(
        "--plies", type=numbers.whole(1, 10**12), default=1_000_000, help="least number of plies (default: 1,000,000)"
    )
    parser.add_argument("--seed", type=numbers.seed, default=0)
    parser.add_argument(
        "--device",
        choices=("cpu", "cuda"),
        help="compare the rules for this device: on the CPU with python-chess, on CUDA with the host's bitboards",
    )
    return parser


if __name__ == "__main__":
    run(main)
