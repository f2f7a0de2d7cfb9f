"""A policy as one ONNX file: from planes and counters to the logits of all actions and, with a value head, a value.

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
    "logits": "[N, actions] softmax over the legal actions alone gives their probabilities",
    "value": "[N] the expected result of the mover, from -1 (loses) to 1 (wins)",
}
_GAMES, _PLIES, _CHUNK = 16, 200, 256  # random games, their longest part, and positions that are compared at once


def check_onnx() -> None:
    """Raise ValueError if a package of the extra `onnx` is missing. The message has the command that installs it."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ValueError(f'export needs {", ".join(missing)}; install it with `pip install "chesspg[onnx]"`')


class ExportablePolicy(nn.Module):
    """A policy as torch.export and torch.onnx take it: floating-point numbers in, tensors out, no list of actions.

    Args:
        policy: The policy, in evaluation mode.
    """

    actions: Tensor  # [1, A]

    def __init__(self, policy: Policy) -> None:
        super().__init__()
        self.network = policy.network
        self.temperature = policy.temperature
        self.register_buffer("actions", torch.arange(policy.game.num_actions)[None], persistent=False)
        self.train(policy.training)

    def forward(self, planes: Tensor, scalars: Tensor | None = None) -> tuple[Tensor, ...]:
        """The logits of all actions, legal or not, and the value.

        Args:
            planes: [N, P, rows, columns] zeros and ones.
            scalars: [N, S] counters, not scaled; None if the game has none.

        Returns:
            [N, A] logits, divided by the temperature of the policy; with a value head also the value [N].
        """
        if scalars is None:
            scalars = planes.new_zeros((planes.shape[0], 0))
        logits, value = self.network(planes, scalars, self.actions.expand(planes.shape[0], -1))
        logits = logits.float() / self.temperature
        return (logits,) if value is None else (logits, value.float())


def inputs_of(game: Game, observation: Observation) -> dict[str, NDArray[np.float32]]:
    """The inputs of an exported policy by name, from what Games.observe() returned.

    Returns:
        planes [N, P, rows, columns] and, if the game has counters, scalars [N, S].
    """
    octets = np.ascontiguousarray(observation.planes).astype("<u8", copy=False).view(np.uint8)
    rows, columns = game.board
    bits = np.unpackbits(octets.reshape(*octets.shape[:2], -1), axis=2, count=rows * columns, bitorder="little")
    planes = bits.reshape(*bits.shape[:2], rows, columns).astype(np.float32)
    return {"planes": planes} | ({"scalars": observation.scalars.astype(np.float32)} if game.scalars else {})


def exported(policy: Policy) -> torch.export.ExportedProgram:
    """The policy as a program of torch.export, for any number of positions.

    Raises:
        ValueError: The network can't be exported; the message says why.
    """
    # torch.export takes a batch of one for a constant.
    parts = inputs_of(policy.game, policy.game.start(2).observe())
    count = torch.export.Dim("N")
    with _failures(policy), _quiet(), torch.no_grad():
        return torch.export.export(
            ExportablePolicy(policy),
            tuple(torch.from_numpy(part) for part in parts.values()),
            dynamic_shapes=[{0: count}] * len(parts),
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
    names = ["planes", "scalars"] if policy.game.scalars else ["planes"]
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
            logits, *value = session.run(None, inputs_of(policy.game, seen[part]))
        planes, scalars, legal = to_tensors(seen[part])
        with torch.no_grad():
            expected = policy.network(planes, scalars, legal)
        mask, listed = legal >= 0, torch.from_numpy(logits).gather(1, legal.clamp(min=0).long())
        pairs = [(listed[mask], expected.logits[mask] / policy.temperature)]
        if expected.value is not None:
            pairs.append((torch.from_numpy(value[0]), expected.value))
        for number, wanted in pairs:
            if not (number.isfinite().all() and wanted.isfinite().all()):
                name = type(policy.network).__name__
                raise ValueError(f"the network {name} can't be exported: its outputs are not finite in some position")
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
        one.type.tensor_type.shape.dim[0].dim_param = "N"  # torch gives it a number
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
