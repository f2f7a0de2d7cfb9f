"""The policy file that a training starts from."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

import torch

from chesspg.games.game import Game
from chesspg.policy import files
from chesspg.policy.names import build
from chesspg.policy.networks import Network
from chesspg.policy.policy import Policy, to_tensors
from chesspg.storage.parsing import read_mapping
from chesspg.storage.shipped import shipped_files


def start_from(policy: Policy, init: str, needs_value: bool) -> None:
    """Give a policy the weights of a policy file. A part that the file lacks and `Network.neutral` names stays new.

    Args:
        policy: The policy of the training.
        init: The policy file, or a checkpoint, a run folder or the name of a policy that ships.
        needs_value: Whether the training needs a value head.

    Raises:
        ValueError: The file has another game or network; the message names both. Or a new part is not neutral.
    """
    start = files.load(init, policy.game)
    ours, theirs = files.describe(policy.network), files.describe(start.network)
    if not _fits(policy.network, ours, theirs):
        recipes = " or ".join(f"--config {name}" for name in recipes_for(start))
        instead = f"; or start from a recipe with its network: {recipes}" if recipes else ""
        raise ValueError(f"{init}: {_other_network(policy.network, ours, theirs, needs_value)}{instead}")
    policy.network.load_state_dict({**policy.network.state_dict(), **start.network.state_dict()})
    if ours != theirs and not _agree(policy.network, start.network, policy.game):
        raise ValueError(
            f"{type(policy.network).__name__}.neutral must name parts that change no output until they have learned, "
            f"got {', '.join(sorted(policy.network.neutral))}: with a new one, the network of {init} has other outputs"
        )


def _agree(ours: Network, theirs: Network, game: Game) -> bool:
    """Whether two networks have the same output at the start of a game."""
    seen = to_tensors(game.start(1).observe())
    with torch.no_grad():
        pairs = zip(ours(*seen), theirs(*seen), strict=True)
    return all(a is None or b is None or torch.allclose(a, b, atol=1e-4) for a, b in pairs)


def _fits(network: Network, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    """Whether a training's network is that of its initial policy, but for parts that change nothing while new."""
    new = {name: size for name, size in ours["init_args"].items() if name in network.neutral}
    has = {name: size for name, size in theirs["init_args"].items() if size is not None or name not in new}
    return ours == {**theirs, "init_args": {**new, **has}}


def recipes_for(policy: Policy) -> list[str]:
    """The recipes that ship whose game and network are those of a policy."""
    wanted, found = (files.describe(policy.game), files.describe(policy.network)), []
    for name, path in shipped_files("configs", ".yaml").items():
        recipe = read_mapping(path)
        try:
            game = build({"init_args": {}, **recipe["data"]["game"]}, Game)
            with torch.device("meta"):  # shapes without numbers
                network = build({"init_args": {}, **recipe["model"]["network"]}, Network, game)
        except (LookupError, TypeError, ValueError):  # a recipe that leaves the game to the user, or needs OpenSpiel
            continue
        if (files.describe(game), files.describe(network)) == wanted:
            found.append(name)
    return found


def _other_network(network: Network, ours: Mapping[str, Any], theirs: Mapping[str, Any], needs_value: bool) -> str:
    """How the networks of a training and of its initial policy differ, and which options make them fit.

    Args:
        network: The training's network.
        ours: class_path and init_args of the training's network.
        theirs: The same of the file's.
        needs_value: Whether the training's advantages need a value head.
    """
    option = "--model.network"
    same = ours["class_path"] == theirs["class_path"]
    old, new = ours["init_args"], theirs["init_args"]
    if same:  # an argument that only one of them has is as good as null in the other
        differing = [name for name in {**old, **new} if new.get(name) != old.get(name)]
        add, names = [], [name for name in differing if new.get(name) is not None or name not in network.neutral]
    else:
        add, names = [f"{option} {theirs['class_path']}"], list(new)
    texts = {name: json.dumps(new.get(name)).replace(" ", "") for name in names}
    add += [f"{option}.init_args.{name} {shlex.quote(texts[name])}" for name in names]
    if same:
        found = ", ".join(f"{name} {texts[name]}" for name in names)
        wanted = ", ".join(json.dumps(old.get(name)) for name in names)
        differ = f"its network has {found}, the training's {wanted}"
    else:
        found, wanted = (spec["class_path"].rpartition(".")[2] for spec in (theirs, ours))
        differ = f"its network is {found}, the training's is {wanted}"
    if needs_value and not new.get("value"):
        # The value baseline needs a value head, which the file lacks.
        add.append("--model.advantages.baseline running_mean")
    return f"{differ}; add {' '.join(add)}"
