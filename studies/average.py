"""The mean of the weights of policies that come from one another, such as the last ones of a run and its continuation.

    python -m studies.average mean.safetensors RUN CONTINUED

The mean often plays better than each of them, because what they learned last is partly noise (Wortsman et al., Model
soups, 2022). During training, Lightning's `EMAWeightAveraging` does the same with the weights of one run.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from chesspg.policy import files
from chesspg.policy.policy import Policy
from chesspg.storage.outputs import check_writable
from chesspg.terminal.command import Parser, one_line_errors, run


def mean(policies: Sequence[Policy]) -> Policy:
    """A policy with the mean of the weights of all, and the temperature of the last.

    Raises:
        ValueError: Their games or networks differ.
    """
    *others, last = policies
    for other in others:
        for what in "game", "network":
            one, same = files.describe(getattr(other, what)), files.describe(getattr(last, what))
            if one != same:
                raise ValueError(f"all policies must have the same {what}, got {one} and {same}")
    states = [policy.network.state_dict() for policy in policies]
    weights = {name: torch.stack([state[name] for state in states]).mean(dim=0) for name in states[0]}
    last.network.load_state_dict(weights)
    return last


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the file; returns the exit code."""
    given = _parser().parse_args(arguments)
    with one_line_errors():
        check_writable(given.out)
        if given.out.exists():
            raise ValueError(f"{given.out} exists and is not overwritten; name another file")
        averaged = mean([files.load(path) for path in given.policies])
        facts = files.read_header(given.policies[-1]).facts
        files.save(given.out, averaged, facts)
    print(given.out)
    return 0


def _parser() -> Parser:
    parser = Parser("python -m studies.average", description=__doc__)
    parser.add_argument(
        "out", metavar="FILE", type=Path, help="the policy file to write, which keeps the last one's facts"
    )
    parser.add_argument("policies", metavar="POLICY", nargs="+", help="policy files, run folders or shipped policies")
    return parser


if __name__ == "__main__":
    run(main)
