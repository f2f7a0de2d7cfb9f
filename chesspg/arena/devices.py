"""The option --device of the commands that play matches."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence

from chesspg.games.game import Game, NotOnDevice
from chesspg.players import roster
from chesspg.terminal.command import say

GPU = "cuda:0"


def add_device_option(parser: argparse.ArgumentParser) -> None:
    """Add --device to a command."""
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="where policies compute and their games are played; auto is a CUDA GPU if there is one with the rules of "
        "the game, else the CPU (default: auto)",
    )


def device_of_policies(option: str, texts: Sequence[str], game: Game) -> str:
    """Find the device of the policies among the players, as torch names it. Imports torch only if it is needed.

    With `auto`, prints one line if there is a GPU but it can't be used.

    Args:
        option: What was given for --device.
        texts: The player strings.
        game: The game that they play.

    Returns:
        The device: the CPU, or the first GPU of CUDA.

    Raises:
        ValueError: `cuda` was given, but no GPU can be used.
    """
    if option == "cpu":
        return "cpu"
    problem, has_gpu = _problem(texts, game)
    if not problem:
        return GPU
    if option == "cuda":
        raise ValueError(f"--device must be auto or cpu here, got cuda: {problem}")
    if has_gpu:
        say(f"note: the games are played on the CPU, since {problem}")
    return "cpu"


def _problem(texts: Sequence[str], game: Game) -> tuple[str, bool]:
    """Why these players can't play on a GPU, empty if they can; and whether there is a GPU that they might use."""
    if not roster.has_policy(texts):
        return f"no player is a policy, got {', '.join(texts)}", False
    import torch

    from chesspg.games.contract.device import require_device

    with warnings.catch_warnings(record=True) as caught:  # torch warns of a driver that is too old
        warnings.simplefilter("always")
        if not torch.cuda.is_available():
            why = str(caught[0].message).partition(". ")[0] if caught else "torch finds no CUDA GPU"
            return why, bool(caught)
    try:
        require_device(game, GPU)
    except NotOnDevice as error:
        return str(error), True
    return "", True
