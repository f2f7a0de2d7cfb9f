"""The speed of the rules on a device: random plies in slots that are filled again as games end."""

from __future__ import annotations

import time

import torch

from chesspg.bench.timing import median, wait_for
from chesspg.games.chess import Chess
from chesspg.games.game import Game, NotOnDevice

SLOTS = 16_384  # on CUDA
PLIES = 150  # in each slot


def device_rules(slots: int) -> dict[str, float | str]:
    """Measure chess in slots on a GPU or, where there is none, on the CPU.

    Args:
        slots: The number of slots on the CPU.

    Returns:
        Figures by name, as in bench.json.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    slots = SLOTS if device == "cuda" else slots
    try:
        speed = median(lambda: random_plies(Chess(), slots, PLIES, device))
    except NotOnDevice as error:
        return {"device": device, "device_rules": f"skipped: {error}"}
    return {"device": device, "slots": float(slots), "device_rules_plies_per_s": speed}


def random_plies(game: Game, slots: int, plies: int, device: str) -> float:
    """Plies per second of random play: sample a legal action, play it, and begin a new game where one is over.

    Args:
        game: The rules to measure.
        slots: The number of games at once.
        plies: The number of plies in each slot.
        device: The device.

    Raises:
        NotOnDevice: The game has no rules for this device.
    """
    games = game.on_device(game.start(1), slots, device)
    every = torch.ones(slots, dtype=torch.bool, device=games.device)
    first = torch.zeros(slots, dtype=torch.int64, device=games.device)
    rng = torch.Generator(games.device).manual_seed(1)
    games.reset(every, first)
    wait_for(games.device)
    began = time.perf_counter()
    for _ in range(plies):
        counts = (games.legal >= 0).sum(dim=1)
        choice = (torch.rand(slots, generator=rng, device=games.device) * counts).long()
        games.step(games.legal.gather(1, choice[:, None])[:, 0], every)
        games.reset(games.reason != 0, first)
    wait_for(games.device)
    return slots * plies / (time.perf_counter() - began)
