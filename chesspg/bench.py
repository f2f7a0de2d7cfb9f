"""python -m chesspg.bench: where the time goes, and how far each stage is from its limit.

python -m chesspg.bench                              the default recipe on this machine, under two minutes
python -m chesspg.bench --config chess_plain --json bench.json
python -m chesspg.bench verify --plies 10000000      both backends side by side, every bit compared
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import chess
import numpy as np

from chesspg.arena.commands import Parser, check_writable, one_line_errors, polite_interrupt
from chesspg.games.chess import Chess
from chesspg.games.game import Game

ROLLOUTS = 2  # that the whole loop is timed over
REPEATS = 3  # of each measurement; the median is told
KIWIPETE = "r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1"


def main(arguments: list[str] | None = None) -> int:
    parser = _parser()
    given: argparse.Namespace
    given, given.override = parser.parse_known_args(arguments)  # fields of the recipe, which its own parser reads
    if given.override and given.run is _verify:
        parser.error(f"unrecognized arguments: {' '.join(given.override)}")
    with polite_interrupt():
        return int(given.run(given))


def _bench(given: argparse.Namespace) -> int:
    with one_line_errors():
        if given.games < 2:
            raise ValueError(f"--games {given.games}: 2 or more would do")
        if given.json:
            check_writable(given.json)
        if given.threads:
            os.environ["OMP_NUM_THREADS"] = str(given.threads)
        from chesspg.training.cli import recipe

        recipes = [recipe(name) for name in given.config or ["chess_quick"]]
    results: dict[str, Any] = {"machine": _machine()}
    _say("machine", results["machine"])
    results |= _rules(given.games)
    _say("rules, one core", results)
    for path in recipes:
        stages = _network(path, given.override, given.games)
        _say(path.stem, stages)
        results |= stages if path == recipes[0] else {}
        results.setdefault("configs", {})[path.stem] = stages
    if given.json:
        Path(given.json).write_text(json.dumps(results, indent=2) + "\n")
    return 0


def _verify(given: argparse.Namespace) -> int:
    with one_line_errors():
        if given.plies < 1:
            raise ValueError(f"--plies {given.plies}: 1 or more would do")
        Chess(backend="bitboards").start(1)
    from rich.progress import Progress

    from chesspg.games.chess.verify import verify

    began = time.perf_counter()
    with Progress(disable=not sys.stdout.isatty()) as progress:
        task = progress.add_task("plies", total=given.plies)
        done, differences = verify(given.plies, given.seed, report=lambda n: progress.update(task, completed=n))
    print(f"{done:,} plies in {time.perf_counter() - began:.0f} s, {len(differences)} differences")
    for difference in differences[:20]:
        print(difference)
    return 1 if differences else 0


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
        **{name: installed(name) for name in ("python-chess", "chess", "numba", "numpy", "torch", "pytorch-lightning")},
    }


def _rules(games: int) -> dict[str, float]:
    """Random plies through the public contract, and perft."""
    backend = Chess()
    results = {"games": float(games), "rules_plies_per_s": _median(lambda: _random_plies(backend, games, 150))}
    few = max(2, games // 32)
    reference = Chess(backend="python-chess")
    results["python_chess_plies_per_s"] = _median(lambda: _random_plies(reference, few, 60))
    batch = backend.start([KIWIPETE] * games)
    results["observe_positions_per_s"] = games / _seconds(batch.observe)
    try:
        from chesspg.games.chess.bitboards import perft
    except ImportError:
        return results  # numba is an extra
    board = chess.Board(KIWIPETE)
    results["perft_nodes_per_s"] = perft(board, 5) / _seconds(lambda: perft(board, 5))
    return results


def _random_plies(game: Game, count: int, plies: int) -> float:
    """Plies a second of random moves: look who is done, drop them, observe, choose, play."""
    rng = np.random.default_rng(1)
    games = game.start(count)
    done, began = 0, time.perf_counter()
    for _ in range(plies):
        over = games.outcomes().over
        if over.any():
            games = games[~over]
        legal = games.observe().legal
        games.play(legal.take((rng.random(len(legal)) * legal.counts).astype(np.int64)))
        done += len(legal)
    return done / (time.perf_counter() - began)


def _loop(recipe: Path, override: list[str]) -> tuple[Any, Any, Any, dict[str, float]]:
    """The recipe as `train` runs it but for evaluation matches: module, data, trainer, and how fast all of it goes."""
    from chesspg.training.cli import MISTAKES, RunCLI

    with TemporaryDirectory() as folder:
        limits = ["--trainer.callbacks=null", "--trainer.max_epochs=1", "--trainer.max_time=null"]
        with one_line_errors(*MISTAKES):
            cli = RunCLI.build(["--config", str(recipe), "--run", f"{folder}/run", *limits, *override])
        module, data, trainer = cli.model, cli.datamodule, cli.trainer
        trainer.fit(module, data)  # one rollout to warm up
        trainer.fit_loop.max_epochs = 1 + ROLLOUTS
        plies, began = module.played["plies"], time.perf_counter()
        trainer.fit(module, data)
        seconds = time.perf_counter() - began
    updates = ROLLOUTS * data.updates * data.passes
    speeds = {"loop_plies_per_s": (module.played["plies"] - plies) / seconds, "loop_updates_per_s": updates / seconds}
    return module, data, trainer, speeds


def _network(recipe: Path, override: list[str], games: int) -> dict[str, Any]:
    """The bare network, the two stages that should cost no more than it, and the whole loop, by one recipe."""
    import torch

    from chesspg.players.draws import Draws
    from chesspg.players.lockstep import play
    from chesspg.players.policy_player import PolicyPlayer
    from chesspg.policy.policy import to_tensors, words

    module, data, trainer, loop = _loop(recipe, override)
    policy, network, game = module.policy, module.policy.network, module.policy.game
    context = trainer.precision_plugin.forward_context
    player = PolicyPlayer(policy, forward_context=context)

    # Self-play, and then the bare network on ready tensors of the very batch sizes that were met.
    def self_play(seed: int) -> tuple[float, list[int]]:
        over: list[tuple[int, int]] = []
        rollout = play(game.start(games), (player, player), Draws(seed), learner=player, max_plies=60,
                       on_ply=lambda *at: over.append(at))  # fmt: skip
        return rollout.plies / rollout.seconds, [games - done for done, _ in over if done < games]

    observed = game.start(games).observe()
    planes, scalars, _ = to_tensors(observed, policy.device)

    def forward(sizes: list[int]) -> float:
        with torch.no_grad(), context():
            began = time.perf_counter()
            for size in sizes:
                network(planes[:size], scalars[:size])
            return sum(sizes) / (time.perf_counter() - began)

    self_play(0), forward([games] * 3)  # warm
    played, bare, shares = [], [], []
    for seed in range(REPEATS):
        speed, sizes = self_play(seed)
        limit = forward(sizes)
        played.append(speed)
        bare.append(limit)
        shares.append(speed / limit)
    unpack = games / _seconds(lambda: network.unpack(planes))

    # The bare forward and backward on the micro-batches of the loop's last rollout.
    rollout = data.rollout
    assert rollout is not None
    order = np.random.default_rng(1).permutation(rollout.plies)
    rows = np.array_split(order, data.updates * trainer.accumulate_grad_batches)[:4]
    parts = [(words(rollout.planes[part]), torch.from_numpy(rollout.scalars[part])) for part in rows]

    def forward_backward() -> float:
        began = time.perf_counter()
        for part in parts:
            with context():
                output = network(*part)
                loss = output.logits.mean() + (0 if output.value is None else output.value.mean())
            loss.backward()
        return sum(map(len, rows)) / (time.perf_counter() - began)

    forward_backward()
    both = _median(forward_backward)
    learned = float(trainer.callback_metrics["learned_plies_per_s"])
    return {
        "parameters": float(sum(p.numel() for p in network.parameters())),
        "unpack_positions_per_s": unpack,
        "forward_positions_per_s": statistics.median(bare),
        "selfplay_plies_per_s": statistics.median(played),
        "selfplay_share": statistics.median(shares),
        "forward_backward_positions_per_s": both,
        "training_positions_per_s": learned,
        "training_share": learned / both,
        **loop,
    }


def _seconds(call: Callable[[], Any]) -> float:
    """Median seconds of a call, after one to warm up."""
    call()
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def _median(measure: Callable[[], float]) -> float:
    measure()
    return statistics.median(measure() for _ in range(REPEATS))


def _say(title: str, facts: dict[str, Any]) -> None:
    print(f"\n{title}")
    for name, value in facts.items():
        if isinstance(value, float):
            value = f"{value:,.2f}" if value < 10 else f"{value:,.0f}"
        if not isinstance(value, dict):
            print(f"  {name.replace('_', ' '):36}{value:>16}")
    sys.stdout.flush()


def _parser() -> Parser:
    parser = Parser("python -m chesspg.bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.set_defaults(run=_bench)
    parser.add_argument("--config", action="append", metavar="NAME", help="a recipe, by name or path; may be repeated")
    parser.add_argument("--games", type=int, default=1024, help="games at once for rules and self-play (default: 1024)")
    parser.add_argument("--threads", type=int, help="torch's threads (default: its own choice)")
    parser.add_argument("--json", metavar="FILE", help="where to write the figures; replaced if it exists")
    commands = parser.add_subparsers()
    verify = commands.add_parser("verify", help="compare both chess backends ply by ply")
    verify.add_argument("--plies", type=int, default=1_000_000, help="at least so many (default: 1,000,000)")
    verify.add_argument("--seed", type=int, default=0)
    verify.set_defaults(run=_verify)
    return parser


if __name__ == "__main__":
    sys.exit(main())
