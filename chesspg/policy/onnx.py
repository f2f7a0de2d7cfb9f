"""A policy as one ONNX file: from planes, counters and legal actions to their logits and, with a value head, a value.

Whoever uses the file needs neither chesspg nor torch. Everything else that it takes is JSON in the file's metadata:
the planes, the counters, the actions by number, and how the mover sees the board. docs/export.md explains it.
"""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from chesspg.games.game import Game, Observation
from chesspg.games.randomness import Randomness
from chesspg.policy.files import header_of
from chesspg.policy.policy import Policy, to_tensors

PRODUCER = "chesspg"  # by which a file is recognized, and the key of the metadata
TOLERANCE = 1e-4  # largest accepted difference from torch in a logit or a value, per unit above 1
OPSET = 18  # read by onnxruntime 1.14 (2023) and newer
NEEDED = ("onnx", "onnxruntime", "onnxscript")
DESCRIPTIONS = {
    "planes": "[N, planes, rows, columns] 1 where the plane has the square, else 0; row 1 comes first",
    "scalars": "[N, scalars] counters as whole numbers, not scaled",
    "legal": "[N, M] the numbers of the legal actions, -1 after a position's last",
    "logits": "[N, M] softmax over a position's legal actions gives their probabilities; no meaning after its last",
    "value": "[N] the expected result of the mover, from -1 (loses) to 1 (wins)",
}
_SIZES = {"planes": "N", "scalars": "N", "legal": "NM", "logits": "NM", "value": "N"}  # may differ between calls
_GAMES, _PLIES, _CHUNK = 16, 200, 64  # random games, their longest part, and positions that are compared at once


def check_onnx() -> None:
    """Raise ValueError if a package of the extra `onnx` is missing. The message has the command that installs it."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ValueError(f'export needs {", ".join(missing)}; install it with `pip install "chesspg[onnx]"`')


class ExportablePolicy(nn.Module):
    """A policy as torch.export and torch.onnx take it: planes and counters are floating-point numbers.

    Args:
        policy: The policy, in evaluation mode.
    """

    def __init__(self, policy: Policy) -> None:
        super().__init__()
        self.network = policy.network
        self.temperature = policy.temperature
        self.train(policy.training)

    def forward(self, planes: Tensor, scalars: Tensor | None = None, *, legal: Tensor) -> tuple[Tensor, ...]:
        """The logits of the legal actions, and the value.

        Args:
            planes: [N, P, rows, columns] zeros and ones.
            scalars: [N, S] counters, not scaled; None if the game has none.
            legal: [N, M] legal actions of each position, padded with −1 after its last.

        Returns:
            [N, M] logits, divided by the temperature of the policy; with a value head also the value [N].
        """
        if scalars is None:
            scalars = planes.new_zeros((planes.shape[0], 0))
        logits, value = self.network(planes, scalars, legal)
        logits = logits.float() / self.temperature
        return (logits,) if value is None else (logits, value.float())


def inputs_of(game: Game, observation: Observation) -> dict[str, NDArray[Any]]:
    """The inputs of an exported policy by name, from what Games.observe() returned.

    Returns:
        planes [N, P, rows, columns] float32; if the game has counters, scalars [N, S] float32; and legal [N, M] int32.
    """
    octets = np.ascontiguousarray(observation.planes).astype("<u8", copy=False).view(np.uint8)
    rows, columns = game.board
    bits = np.unpackbits(octets.reshape(*octets.shape[:2], -1), axis=2, count=rows * columns, bitorder="little")
    planes = bits.reshape(*bits.shape[:2], rows, columns).astype(np.float32)
    scalars = {"scalars": observation.scalars.astype(np.float32)} if game.scalars else {}
    return {"planes": planes, **scalars, "legal": observation.legal.padded().astype(np.int32)}


def exported(policy: Policy) -> torch.export.ExportedProgram:
    """The policy as a program of torch.export, for any number of positions and legal actions.

    Its module takes the tensors of `inputs_of` by name.

    Raises:
        ValueError: The network can't be exported; the message says why.
    """
    # torch.export takes a size of one for a constant, so the example has two positions and at least two columns.
    parts = inputs_of(policy.game, policy.game.start(2).observe())
    parts["legal"] = np.pad(parts["legal"], ((0, 0), (0, 1)), constant_values=-1)
    sizes = {letter: torch.export.Dim(letter) for letter in "NM"}
    with _failures(policy), _quiet(), torch.no_grad():
        return torch.export.export(
            ExportablePolicy(policy),
            (),
            {name: torch.from_numpy(part) for name, part in parts.items()},
            dynamic_shapes={name: dict(enumerate(sizes[letter] for letter in _SIZES[name])) for name in parts},
        )


def to_onnx(policy: Policy, about: Mapping[str, Any], positions: int = 1000) -> tuple[bytes, float]:
    """The policy as an ONNX file, compared with torch.

    Args:
        policy: The policy, on the CPU.
        about: Its metadata, see `metadata`.
        positions: How many positions of random games are compared.

    Returns:
        The bytes of the file, and the largest difference from torch in a logit or a value.

    Raises:
        ValueError: The network can't be exported, or the file computes something else than torch.
    """
    program = exported(policy)
    names = ["planes", "scalars", "legal"] if policy.game.scalars else ["planes", "legal"]
    results = ["logits", "value"] if policy.network.value else ["logits"]
    with _failures(policy), _quiet():
        converted: Any = torch.onnx.export(
            program, input_names=names, output_names=results, opset_version=OPSET, verbose=False
        )
        whole = _labelled(converted.model_proto, about)
    difference = compare(whole, policy, positions)
    return whole, difference


def compare(whole: bytes, policy: Policy, positions: int = 1000) -> float:
    """The largest difference between an ONNX file and torch in a logit of a legal action, or in a value.

    Args:
        whole: The bytes of the file.
        policy: The policy, on the CPU.
        positions: How many positions of random games are compared; they are the same in every call.

    Raises:
        ValueError: A difference is above TOLERANCE · max(1, |number|), or a number is not finite.
    """
    import onnxruntime  # type: ignore[import-untyped]

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    options.intra_op_num_threads = torch.get_num_threads()
    with _failures(policy):
        session = onnxruntime.InferenceSession(whole, options, providers=["CPUExecutionProvider"])
    seen, largest = random_positions(policy.game, positions), 0.0
    for part in (slice(0, 1), *(slice(first, first + _CHUNK) for first in range(1, positions, _CHUNK))):
        with _failures(policy):
            logits, *value = map(torch.from_numpy, session.run(None, inputs_of(policy.game, seen[part])))
        planes, scalars, legal = to_tensors(seen[part])
        with torch.no_grad():
            expected = policy.network(planes, scalars, legal)
        if not all(numbers.isfinite().all() for numbers in (logits, *value, *expected) if numbers is not None):
            name = type(policy.network).__name__
            raise ValueError(f"the network {name} can't be exported: its outputs are not finite in some position")
        mask = legal >= 0
        pairs = [(logits[mask], expected.logits[mask] / policy.temperature)]
        if expected.value is not None:
            pairs.append((value[0], expected.value))
        for number, wanted in pairs:
            apart = (number - wanted).abs()
            largest = max(largest, float(apart.max()))
            if not (apart <= TOLERANCE * wanted.abs().clamp(min=1)).all():
                raise ValueError(
                    f"the exported network differs from torch by {largest:.2g} in a logit or a value, and at most "
                    f"{TOLERANCE} is accepted; nothing is written. Networks with random numbers can't be exported"
                )
    return largest


def random_positions(game: Game, count: int) -> Observation:
    """Positions of random games that go on, evenly spaced over whole games; the same in every call."""
    rng, parts, first = Randomness(0), list[Observation](), 0
    while sum(map(len, parts)) < count:
        games, numbers = game.start(_GAMES), np.arange(first, first + _GAMES)
        first += _GAMES
        for ply in range(_PLIES):
            seen = games.observe()
            going = np.flatnonzero(seen.legal.counts)
            if not len(going):
                break
            games, numbers, seen = games[going], numbers[going], seen[going]
            parts.append(seen)
            games.play(seen.legal.take((rng.uniforms(numbers, ply) * seen.legal.counts).astype(np.int64)))
    whole = Observation.concatenate(parts)
    return whole[np.linspace(0, len(whole) - 1, count).astype(np.int64)]


def metadata(policy: Policy, facts: Mapping[str, Any], version: str) -> dict[str, Any]:
    """What a file says about its inputs and outputs.

    Args:
        policy: The policy.
        facts: Anything that JSON can hold about its training.
        version: The version of chesspg.

    Returns:
        JSON values.
    """
    game, header = policy.game, header_of(policy, facts)
    return {
        "game": game.name,
        "board": list(game.board),  # rows, columns
        "planes": list(game.planes),
        "scalars": dict(game.scalars),  # the largest value of each by name
        "actions": list(game.action_names),
        "view": game.view,
        "seats": list(game.seats),
        "policy": asdict(header),
        "chesspg": version,
    }


def is_exported(path: Path) -> bool:
    """Whether a file is an ONNX file that chesspg wrote."""
    import onnx

    try:
        return bool(onnx.load(path, load_external_data=False).producer_name == PRODUCER)
    except Exception:  # protobuf raises errors of its own for anything else
        return False


def _labelled(model: Any, about: Mapping[str, Any]) -> bytes:
    """The bytes of an ONNX model with the metadata, and without the paths and lines of the code it came from."""
    import onnx

    for thing in (model, model.graph, *model.graph.node, *model.graph.initializer, *model.graph.value_info):
        thing.ClearField("metadata_props")
    model.graph.ClearField("value_info")  # the shapes between the nodes, which every reader infers
    model.graph.name = about["game"]
    for one in (*model.graph.input, *model.graph.output):
        one.ClearField("metadata_props")
        one.doc_string = DESCRIPTIONS[one.name]
        for size, letter in zip(one.type.tensor_type.shape.dim, _SIZES[one.name], strict=False):
            size.dim_param = letter  # torch has names of its own
    model.producer_name, model.producer_version = PRODUCER, about["chesspg"]
    onnx.helper.set_model_props(model, {PRODUCER: json.dumps(about)})
    onnx.checker.check_model(model)
    whole: bytes = model.SerializeToString(deterministic=True)
    return whole


@contextmanager
def _failures(policy: Policy) -> Iterator[None]:
    """Turn any exception in the block into a ValueError of one line: a network of the user's own may raise anything."""
    try:
        yield
    except Exception as error:
        name, reason = type(policy.network).__name__, " ".join(str(error).split())
        raise ValueError(f"the network {name} can't be exported: {type(error).__name__}: {reason:.300}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide what the exporters print in the block; they warn of optional packages and of each other's changes."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
