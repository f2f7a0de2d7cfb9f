"""One run on a machine with a GPU: its tests, the rules, the benchmark, and a run that is killed and resumed.

    python -m studies.gpu                 at most eight minutes; the results are in gpu.json
    python -m studies.gpu --device cpu    the same with tiny sizes, to try the script; its figures mean nothing

Each part runs in a process of its own with a time limit. A part that fails has an `error` in place of `figures`.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from chesspg.storage.atomic import write_text
from chesspg.storage.outputs import Output, check_outputs, json_has
from chesspg.terminal import numbers
from chesspg.terminal.command import Parser, fail, one_line_errors, run

PACKAGES = ("numba", "numba-cuda", "numpy", "torch", "pytorch-lightning")
RESERVE = 5.0  # seconds of a part's limit that are kept for its end
DETERMINISTIC = ("--trainer.deterministic=true",)
COMPILED = ("--model.compile=true",)
LARGER = ("--model.network.init_args.channels=96", "--model.network.init_args.blocks=6")
WHOLE = ("--data.segment=null", "--data.games=4096", "--data.updates=64")  # games, in place of segments
TINY = (  # fields of the recipe with which the script is tried on a CPU
    "--trainer.accelerator=cpu",
    "--model.network.init_args.channels=4",
    "--model.network.init_args.blocks=1",
    "--data.segment=null",  # which need a GPU
    "--data.games=16",
    "--data.updates=2",
    "--data.max_plies=20",
)
ROLLOUTS = 4  # of the run that is killed and resumed

Figures = dict[str, Any]
Part = Callable[[str, float], Figures]  # from the device and the seconds that are left to the figures


class Failed(Exception):
    """A part did not do what it should; the message says what."""


def _command(*arguments: str) -> str:
    """The output of a Python command, or Failed with the last line that it printed."""
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stdout + done.stderr).strip().splitlines() or ["no output"]
        raise Failed(f"exit code {done.returncode}: {lines[-1]}")
    return done.stdout


def _tests(device: str, _: float) -> Figures:
    """`pytest -m cuda`: passed, failed and skipped."""
    tests = Path(__file__).parents[1] / "tests"  # from any folder
    # Only files with such tests, and without plugins, because the machine may lack what other tests import.
    files = [str(path) for path in sorted(tests.rglob("test_*.py")) if "mark.cuda" in path.read_text()]
    without = ("-p", "no:xdist", "-p", "no:timeout", "-p", "no:cacheprovider")
    options = ("-o", "addopts=--import-mode=importlib", "-W", "ignore::pytest.PytestConfigWarning")
    where = files if device == "cuda" else files[:1]
    printed = _command("-m", "pytest", "-q", "-m", "cuda", *without, *options, *where)
    return {"summary": printed.strip().splitlines()[-1]}


def _compilation(device: str, _: float) -> Figures:
    """Seconds until the rules are ready, with an empty cache and then from the cache."""
    code = (
        "import time, torch; from chesspg.games.chess import Chess; rules = Chess(); start = rules.start(1)\n"
        f"torch.zeros(1, device={device!r}); began = time.perf_counter()\n"
        f"rules.on_device(start, 64, {device!r}); print(time.perf_counter() - began)"
    )
    with TemporaryDirectory() as cache:
        os.environ["NUMBA_CACHE_DIR"] = cache
        first, again = (float(_command("-c", code).split()[-1]) for _ in range(2))
    return {"first_s": first, "cached_s": again}


def _rules(device: str, seconds: float) -> Figures:
    """Random plies on the device and on the CPU's bitboards until the time is over; every bit compared."""
    from chesspg.games.chess.verify import verify

    chunk, games = (2_000_000, 16_384) if device == "cuda" else (1_000, 64)
    most = 100_000_000 if device == "cuda" else chunk
    began, plies, found = time.perf_counter(), 0, list[str]()
    while plies < most and (not plies or (time.perf_counter() - began) * (1 + chunk / plies) < seconds):
        more, differences = verify(chunk, plies, games, device=device)
        plies += more
        found += differences
    return {"plies": plies, "seconds": time.perf_counter() - began, "differences": len(found), "examples": found[:5]}


def _bench(*fields: str) -> Part:
    """The benchmark of chess_gpu with these fields of the recipe."""

    def measure(device: str, _: float) -> Figures:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "bench.json"
            tiny = ("--games=8", *TINY) if device == "cpu" else ()
            _command("-m", "chesspg.bench", "--config=chess_gpu", f"--json={path}", *fields, *tiny)
            figures: Figures = json.loads(path.read_text())
        return {name: value for name, value in figures.items() if name not in ("machine", "configs")}

    return measure


def _resume(device: str, _: float) -> Figures:
    """A run that is killed after its first rollout and resumed must end with the weights of one that is not."""
    import torch

    fields = TINY if device == "cpu" else ("--data.games=1024", "--data.updates=16")
    limits = (f"--trainer.max_epochs={ROLLOUTS}", "--trainer.max_time=null", "--trainer.callbacks=null")
    train = ("-m", "chesspg.train", "--config=chess_gpu", *fields, *DETERMINISTIC, *limits)
    with TemporaryDirectory() as folder:
        whole, killed = Path(folder) / "whole", Path(folder) / "killed"
        _command(*train, f"--run={whole}")
        process = subprocess.Popen(
            [sys.executable, *train, f"--run={killed}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        # The first checkpoint is written before the first rollout, and each later one takes its place.
        seen: set[int] = set()
        while process.poll() is None and len(seen) < 2:
            with suppress(FileNotFoundError):
                seen.add((killed / "last.ckpt").stat().st_mtime_ns)
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if process.returncode != -signal.SIGKILL:
            raise Failed(f"the run that was to be killed ended by itself, with exit code {process.returncode}")
        stopped = torch.load(killed / "last.ckpt", weights_only=True, map_location="cpu")
        at = int(stopped["chesspg"]["played"]["rollouts"])
        if not 0 < at < ROLLOUTS:
            raise Failed(f"the run was killed after {at} of {ROLLOUTS} rollouts, so nothing was resumed")
        _command("-m", "chesspg.train", f"--resume={killed}")
        ends = [torch.load(run / "last.ckpt", weights_only=True, map_location="cpu") for run in (whole, killed)]
    weights, others = (end["state_dict"] for end in ends)
    different = [name for name in weights if not torch.equal(weights[name], others[name])]
    if different:
        raise Failed(f"{len(different)} of {len(weights)} tensors differ, the first is {different[0]}")
    return {"killed_after_rollouts": at, "rollouts": ROLLOUTS, "equal_tensors": len(weights)}


# In the order in which they run, the most important first, with the most seconds that each may take.
PARTS: Mapping[str, tuple[float, Part]] = {
    "compilation": (60, _compilation),
    "tests": (90, _tests),
    "64x4": (60, _bench()),
    "96x6": (90, _bench(*LARGER)),
    "resume": (60, _resume),
    "64x4_whole_games": (60, _bench(*WHOLE)),
    "64x4_compiled": (150, _bench(*COMPILED)),
    "rules": (60, _rules),
    "64x4_deterministic": (60, _bench(*DETERMINISTIC)),
    "96x6_compiled": (150, _bench(*LARGER, *COMPILED)),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all parts; returns 1 if one of them failed."""
    given = _parser().parse_args(arguments)
    if given.part:
        with one_line_errors(Failed):
            print(json.dumps(PARTS[given.part][1](given.device, given.seconds)))
        return 0
    with one_line_errors():
        check_outputs([Output("--json", Path(given.json), lambda path: json_has(path, {"device", "parts"}))], {})
    import torch

    if given.device == "cuda" and not torch.cuda.is_available():
        fail("this script needs a GPU with CUDA, and torch finds none; --device cpu tries it with tiny sizes")
    began = time.perf_counter()
    name = torch.cuda.get_device_name() if given.device == "cuda" else platform.processor() or platform.machine()
    results: dict[str, Any] = {"device": name, "cores": os.cpu_count(), "versions": _versions(), "parts": {}}
    for part, (most, _) in PARTS.items():
        left = given.seconds - (time.perf_counter() - began)
        results["parts"][part] = outcome = _apart(part, given.device, min(most, left))
        print(f"{part:20} {outcome['seconds']:6.1f} s  {outcome.get('error', 'done')}", flush=True)
        results["seconds"] = time.perf_counter() - began
        write_text(given.json, json.dumps(results, indent=2) + "\n")  # now, in case the machine goes away
    return int(any("error" in outcome for outcome in results["parts"].values()))


def _apart(part: str, device: str, seconds: float) -> Figures:
    """Run one part in a process of its own."""
    if seconds < 2 * RESERVE:
        return {"seconds": 0.0, "error": "skipped: no time was left"}
    command = [sys.executable, "-m", "studies.gpu", f"--part={part}", f"--device={device}"]
    began = time.perf_counter()
    process = subprocess.Popen(
        [*command, f"--seconds={seconds - RESERVE:.0f}"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        printed, wrong = process.communicate(timeout=seconds)
    except BaseException as error:  # Ctrl-C too, which does not reach a session of its own
        os.killpg(process.pid, signal.SIGKILL)  # the commands that it started too
        process.communicate()
        if not isinstance(error, subprocess.TimeoutExpired):
            raise
        return {"seconds": time.perf_counter() - began, "error": f"stopped after {seconds:.0f} s"}
    taken = time.perf_counter() - began
    if process.returncode:
        lines = wrong.strip().splitlines() or [f"exit code {process.returncode}"]
        return {"seconds": taken, "error": lines[-1]}
    return {"seconds": taken, "figures": json.loads(printed.strip().splitlines()[-1])}


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _parser() -> Parser:
    parser = Parser("python -m studies.gpu", description=__doc__)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--seconds", type=numbers.whole(1, 86_400), default=480, help="for all parts (default: 480)")
    parser.add_argument("--json", metavar="FILE", default="gpu.json", help="where to write the results")
    parser.add_argument("--part", choices=PARTS, help="run one part alone, and print its figures as JSON")
    return parser


if __name__ == "__main__":
    run(main)
