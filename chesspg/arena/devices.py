"""The option --device of the commands that play matches."""

from __future__ import annotations

import argparse
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

    With `auto`, prints one line if a GPU is there but can't play the game.

    Args:
        option: What was given for --device.
        texts: The player strings.
        game: The game that they play.

    Raises:
        ValueError: `cuda` was given and can't be had.
    """
    if option == "cpu":
        return "cpu"
    try:
        if not roster.has_policy(texts):
            problem = f"no player is a policy, got {', '.join(texts)}"
        elif not _has_cuda():
            problem = "torch finds no CUDA GPU"
        else:
            game.on_device(game.start(1), 1, GPU)
            return GPU
    except NotOnDevice as error:
        problem = str(error)
        if option == "auto":
            say(f"note: the games are played on the CPU, since {problem}")
    if option == "cuda":
        raise ValueError(f"--device must be auto or cpu here, got cuda: {problem}")
    return "cpu"


def _has_cuda() -> bool:
    import torch

    return torch.cuda.is_available()
