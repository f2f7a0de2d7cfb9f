"""python -m chesspg.bench: where the time goes, and how far each stage is from its limit.

python -m chesspg.bench                              the default recipe on this machine, under two minutes
python -m chesspg.bench --config chess_plain --json bench.json
python -m chesspg.bench --compare                    also other libraries, those that are installed, on the same work
python -m chesspg.bench verify --plies 10000000      both backends side by side, every bit compared
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import chess
import numpy as np
from numpy.typing import NDArray

from chesspg.arena.commands import Parser, check_writable, one_line_errors, polite_interrupt
from chesspg.games.chess import Chess
from chesspg.games.game import Game

ROLLOUTS = 1  # that the whole loop is timed over
REPEATS = 3  # of each measurement; the median is told
PLIES = 150  # of random play at most, by us and by others: then begin anew
WARM = 10  # plies before a whole rollout is timed
SECONDS = 2.0  # for each of the others
KIWIPETE = "r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1"


def main(arguments: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["verify"]:
        with polite_interrupt():
            return _verify(_verify_parser().parse_args(arguments[1:]))
    given, override = _parser().parse_known_args(arguments)  # fields of the recipe, which its own parser reads
    with polite_interrupt():
        return _bench(given, override)


def _bench(given: argparse.Namespace, override: list[str]) -> int:
    with one_line_errors():
        if given.games < 2:
            raise ValueError(f"--games {given.games}: 2 or more would do")
        if given.threads is not None and given.threads < 1:
            raise ValueError(f"--threads {given.threads}: 1 or more would do")
        if given.json:
            check_writable(given.json)
        if given.threads:
            os.environ["OMP_NUM_THREADS"] = str(given.threads)  # for what reads it when it is imported
    import torch

    from chesspg.training.cli import DEFAULT_RECIPE, MISTAKES, RunCLI, recipe

    if given.threads:
        torch.set_num_threads(given.threads)
    with TemporaryDirectory() as folder:
        # The recipes as `train` runs them but for evaluation matches, all known to be good before any is measured.
        limits = ["--trainer.callbacks=null", "--trainer.max_epochs=1", "--trainer.max_time=null"]
        runs: dict[str, RunCLI] = {}
        with one_line_errors(*MISTAKES):
            for path in map(recipe, given.config or [DEFAULT_RECIPE]):
                arguments = ["--config", str(path), "--run", f"{folder}/{len(runs)}", *limits, *override]
                runs[path.stem] = RunCLI.build(arguments)
        results: dict[str, Any] = {"machine": _machine()}
        _say("machine", results["machine"])
        results |= _rules(given.games)
        _say("rules of chess, one core", results)
        if given.compare:
            results["compare"] = _compare(results["rules_plies_per_s"])
        for name, run in runs.items():
            stages = _network(run)
            _say(f"{name}, torch on {results['machine']['torch_threads']} cores", stages)
            results = stages | results  # at the top: the first recipe's
            results.setdefault("configs", {})[name] = stages
    if given.json:
        Path(given.json).write_text(json.dumps(results, indent=2) + "\n")
    return 0


def _verify(given: argparse.Namespace) -> int:
    with one_line_errors():
        if given.plies < 1:
            raise ValueError(f"--plies {given.plies}: 1 or more would do")
        if given.seed < 0:
            raise ValueError(f"--seed {given.seed}: 0 or more would do")
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
        **{name: installed(name) for name in ("chess", "numba", "numpy", "torch", "pytorch-lightning")},
    }


def _rules(games: int) -> dict[str, float]:
    """Random plies through the public contract, and perft."""
    backend = Chess()
    results = {"games": float(games), "rules_plies_per_s": _median(lambda: _random_plies(backend, games, PLIES))}
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


def _compare(ours: float) -> dict[str, float]:
    """Plies a second of other libraries on the same work: random legal moves, at each ply the library's observation."""
    measures: dict[str, Callable[[], float]] = {
        "open_spiel": lambda: _open_spiel(lambda state: None),  # rules only
        "open_spiel_with_observation": lambda: _open_spiel(lambda state: state.observation_tensor()),
        "open_spiel_with_observation_array": _open_spiel_array,
        "pettingzoo": _pettingzoo,
        "torchrl": _torchrl,
        "pgx": _pgx,
    }
    found = {}
    print(f"\ncompared with, {PLIES} plies a game at most")
    for name, measure in measures.items():
        try:
            found[name] = measure()
        except ModuleNotFoundError as error:
            _row(name.replace("_", " "), "skipped", f"{error.name} is not installed")
        except Exception as error:  # other people's libraries, in versions yet to come: none of them is our bug
            _row(name.replace("_", " "), "skipped", " ".join(f"{type(error).__name__}: {error}".split())[:80])
        else:
            _row(name.replace("_", " "), _figure(found[name]), f"plies/s     ours are {ours / found[name]:,.1f} times")
    return found


def _one_by_one(begin: Callable[[], Any], ply: Callable[[Any], bool]) -> float:
    """Plies a second of one game after another: `ply` plays one, and says whether the game goes on."""
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < SECONDS:
        game = begin()
        for _ in range(PLIES):
            done += 1
            if not ply(game):
                break
    return done / (time.perf_counter() - began)


def _open_spiel(look: Callable[[Any], Any]) -> float:
    rules, uniform = import_module("pyspiel").load_game("chess"), random.Random(1).random

    def ply(state: Any) -> bool:
        look(state)
        actions = state.legal_actions()
        state.apply_action(actions[int(uniform() * len(actions))])
        return not state.is_terminal()

    return _one_by_one(rules.new_initial_state, ply)


def _open_spiel_array() -> float:
    """With its observation written into one array that is kept, which spares the list of a thousand numbers."""
    rules = import_module("pyspiel").load_game("chess")
    observation = import_module("open_spiel.python.observation").make_observation(rules)
    return _open_spiel(lambda state: observation.set_from(state, state.current_player()))


def _pettingzoo() -> float:
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # which it imports
    environment, rng = import_module("pettingzoo.classic.chess_v6").env(), np.random.default_rng(1)

    def ply(_: Any) -> bool:
        observation, _, over, cut, _ = environment.last()
        if not over and not cut:
            environment.step(rng.choice(np.flatnonzero(observation["action_mask"])))
        return not over and not cut

    return _one_by_one(lambda: environment.reset(seed=1), ply)


def _torchrl() -> float:
    environment = import_module("torchrl.envs").ChessEnv(include_fen=True, mask_actions=True)
    state = None

    def begin() -> None:
        nonlocal state
        state = environment.reset()

    def ply(_: Any) -> bool:
        nonlocal state
        stepped, state = environment.step_and_maybe_reset(environment.rand_action(state))
        return not bool(stepped["next", "done"])

    return _one_by_one(begin, ply)


def _pgx(games: int = 256) -> float:
    """Compiled by JAX for all cores, many games at once; a game that is over stays so and isn't counted."""
    jax, environment = import_module("jax"), import_module("pgx").make("chess")

    @jax.jit  # type: ignore[untyped-decorator]
    def ply(state: Any, key: Any) -> Any:
        logits = jax.numpy.where(state.legal_action_mask, 0.0, -jax.numpy.inf)
        return jax.vmap(environment.step)(state, jax.random.categorical(key, logits, axis=-1))

    keys = jax.random.split(jax.random.key(1), games)
    state = ply(jax.jit(jax.vmap(environment.init))(keys), keys[0])
    done, began, played = 0.0, time.perf_counter(), 0
    while time.perf_counter() - began < SECONDS and played < PLIES:
        done += float((~state.terminated).sum())
        state = ply(state, keys[played])
        state.observation.block_until_ready()
        played += 1
    return done / (time.perf_counter() - began)


def _loop(run: Any) -> dict[str, float]:
    """How fast the whole loop goes, after a short rollout to warm up."""
    module, data, trainer = run.model, run.datamodule, run.trainer
    max_plies, data.max_plies = data.max_plies, min(data.max_plies or WARM, WARM)
    trainer.fit(module, data)
    data.max_plies = max_plies
    trainer.fit_loop.max_epochs = 1 + ROLLOUTS
    plies, began = module.played["plies"], time.perf_counter()
    trainer.fit(module, data)
    seconds = time.perf_counter() - began
    updates = ROLLOUTS * data.updates * data.passes
    return {"loop_plies_per_s": (module.played["plies"] - plies) / seconds, "loop_updates_per_s": updates / seconds}


def _network(run: Any) -> dict[str, Any]:
    """The bare network, the two stages that should cost no more than it, and the whole loop, by one recipe."""
    import torch
    from torch import Tensor

    from chesspg.players.draws import Draws
    from chesspg.players.lockstep import play
    from chesspg.players.policy_player import PolicyPlayer
    from chesspg.policy.policy import full_batch

    loop = _loop(run)
    module, data, trainer = run.model, run.datamodule, run.trainer
    device = module.to(trainer.strategy.root_device).device  # Lightning leaves it on the CPU
    policy, network, game, games = module.policy, module.policy.network, module.policy.game, data.games
    context = trainer.precision_plugin.forward_context
    player = PolicyPlayer(policy, forward_context=context)

    def finished() -> None:  # an accelerator is asked and not waited for
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    # Self-play, and then the bare network on ready tensors of the very batch sizes that were met.
    def self_play(seed: int) -> tuple[float, list[int]]:
        over: list[tuple[int, int]] = []
        with context():
            rollout = play(game.start(games), (player, player), Draws(seed), learner=player, max_plies=60,
                           on_ply=lambda *at: over.append(at))  # fmt: skip
        return rollout.plies / rollout.seconds, [games - done for done, _ in over if done < games]

    rollout = data.rollout
    assert rollout is not None
    order = np.random.default_rng(1).permutation(rollout.plies)

    def ready(rows: NDArray[np.int64]) -> tuple[Tensor, ...]:
        """What the network takes, of some plies of the loop's last rollout."""
        arrays = rollout.planes[rows].view(np.int64), rollout.scalars[rows], rollout.legal[rows].padded()
        return tuple(torch.from_numpy(array).to(device) for array in arrays)

    some = ready(order[: full_batch(games, device)])

    def forward(sizes: list[int]) -> float:
        with torch.no_grad(), context():
            began = time.perf_counter()
            for size in sizes:
                network(*(tensor[: full_batch(size, device)] for tensor in some))
            finished()
            return sum(sizes) / (time.perf_counter() - began)

    self_play(0), forward([games] * 3)  # warm
    played, bare, shares = [], [], []
    for seed in range(REPEATS):
        speed, sizes = self_play(seed)
        limit = forward(sizes)
        played.append(speed)
        bare.append(limit)
        shares.append(speed / limit)

    def unpacked() -> None:
        network.unpack(some[0])
        finished()

    unpack = len(some[0]) / _seconds(unpacked)

    # The bare forward and backward on the micro-batches of the loop's last rollout.
    split = np.array_split(order, data.updates * trainer.accumulate_grad_batches)[:4]
    parts = [ready(np.resize(rows, full_batch(len(rows), device))) for rows in split]

    def forward_backward() -> float:
        began = time.perf_counter()
        for part in parts:
            with context():
                output = network(*part)
                loss = output.logits.mean() + (0 if output.value is None else output.value.mean())
            loss.backward()
        finished()
        return sum(map(len, split)) / (time.perf_counter() - began)

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


UNITS = ("plies", "positions", "nodes", "updates")


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
        if name.endswith("_share"):
            _row(f"{thing}, of that limit".replace("_", " "), f"{value:.0%}")
        elif name.endswith("_per_s") and per_second in UNITS:
            _row(thing.replace("_", " "), _figure(value), f"{per_second}/s")
        elif isinstance(value, str) and len(value) > 16:
            print(f"  {name:20}{value:>32}")
        else:
            _row(name.replace("_", " "), _figure(value))


def _parser() -> Parser:
    parser = Parser(
        "python -m chesspg.bench",
        usage="%(prog)s [options] [--FIELD VALUE ...]\n       %(prog)s verify [--plies N] [--seed N]",
        description=__doc__,
        epilog="Fields of the recipes, such as --data.games, are set as for python -m chesspg.train.",
        formatter_class=argparse.RawTextHelpFormatter,
        allow_abbrev=False,  # what isn't an option here is a field of the recipe
    )
    parser.add_argument("--config", action="append", metavar="NAME", help="a recipe, by name or path; may be repeated")
    parser.add_argument("--games", type=int, default=1024, help="games at once for the rules (default: 1024)")
    parser.add_argument("--threads", type=int, help="torch's threads (default: its own choice)")
    parser.add_argument(
        "--compare", action="store_true", help="also OpenSpiel, PettingZoo, TorchRL and PGX, if installed"
    )
    parser.add_argument("--json", metavar="FILE", help="where to write the figures; replaced if it exists")
    return parser


def _verify_parser() -> Parser:
    parser = Parser("python -m chesspg.bench verify", description="Compare both chess backends ply by ply.")
    parser.add_argument("--plies", type=int, default=1_000_000, help="at least so many (default: 1,000,000)")
    parser.add_argument("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    sys.exit(main())
