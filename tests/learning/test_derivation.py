"""docs/derivation.md: the tests that it names exist, and its numbers are those of the code and of the recipes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor

from chesspg.learning.advantages import leave_one_out, returns
from chesspg.learning.losses import log_likelihood_loss

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGE = (ROOT / "docs" / "derivation.md").read_text(encoding="utf-8")


def test_the_derivation_names_tests_that_exist() -> None:
    named = set(re.findall(r"(test_\w+\.py)::(test_\w+)", PAGE))
    assert len(named) > 20
    there = {
        (file.name, name)
        for file in HERE.glob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text(encoding="utf-8"), flags=re.M)
    }
    assert named <= there, named - there


def tables(heading: str) -> dict[str, list[str]]:
    """The rows of all tables of a section by their first cell, without code quotes; the other cells as text."""
    [section] = re.findall(rf"^## \d+\. {heading}$(.*?)^## ", PAGE, flags=re.M | re.S)
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return {row[0].strip(" `"): [cell.strip() for cell in row[1:]] for row in rows}


def number(text: str) -> float:
    """What an expression of the page comes to, such as `3/16 · (−1)`, `ln 3 + 0.4` or `e^(2) − 1²`."""
    for written, meant in {"·": "*", "−": "-", "²": "**2", "ln 3": "log(3)", "e^": "exp"}.items():
        text = text.replace(written, meant)
    return float(eval(text, {"__builtins__": {}}, {"log": math.log, "exp": math.exp}))


# --- Section 10 -------------------------------------------------------------------------------------------------------

START = torch.tensor([math.log(3), 0.0], dtype=torch.float64)  # the logits of the moves a and b
BY_HAND = tables("One update by hand")
GAMES = ["aa", "ab", "ba", "bb"]
PLAYED = ["aa", "aa", "ab", "ba"]
REWARD = {game: number(BY_HAND[game][1]) for game in GAMES}


def loss(theta: Tensor, games: Sequence[str], players: Sequence[int], advantage: Tensor) -> Tensor:
    """The package's loss of whole games; players [2] who moves at each ply, advantage [games] for player 0."""
    plies = torch.tensor(["ab".index(move) for game in games for move in game])  # [2 · games]
    game = torch.arange(len(games)).repeat_interleave(2)  # [2 · games]
    weight = returns(advantage, game, torch.tensor(players).repeat(len(games)))
    return log_likelihood_loss(torch.log_softmax(theta, 0)[plies], weight)


def ascent(games: Sequence[str], players: Sequence[int], advantage: Tensor) -> float:
    """The first component of the gradient of the sum over games; the second is minus the first."""
    theta = START.clone().requires_grad_()
    loss(theta, games, players, advantage).backward()
    assert theta.grad is not None
    assert theta.grad.sum() == pytest.approx(0, abs=1e-12)
    return -float(theta.grad[0])


def rewards(games: Sequence[str]) -> Tensor:
    return torch.tensor([REWARD[game] for game in games], dtype=torch.float64)


def less_the_others(games: Sequence[str]) -> Tensor:
    reward = rewards(games)
    return reward - leave_one_out(reward, torch.zeros(len(games)))


def likelihood(games: Sequence[str], theta: Tensor = START) -> Tensor:
    """[games] p(x|θ)."""
    prob = torch.softmax(theta, 0)
    return torch.stack([prob["ab".index(a)] * prob["ab".index(b)] for a, b in games])


def the_update() -> Iterator[tuple[str, float]]:
    """Every quantity of the section's tables, computed by the package."""
    p, f, twice, in_turn = likelihood(GAMES), rewards(GAMES), (0, 0), (0, 1)
    yield "expected reward J, (1)", float(p @ f)
    yield "exact gradient ∇J, (3)", ascent(GAMES, twice, p * f)
    yield "sampled gradient ĝ, (5)", ascent(PLAYED, twice, rewards(PLAYED)) / 4
    yield "gradient with leave-one-out baseline, (9)", ascent(PLAYED, twice, less_the_others(PLAYED)) / 4
    samples = list(product(GAMES, repeat=4))
    weight = torch.stack([likelihood(sample).prod() for sample in samples])
    for name, advantage in (
        ("variance of ĝ over all samples of four games, (6)", rewards),
        ("variance with leave-one-out", less_the_others),
    ):
        estimate = torch.tensor([ascent(s, twice, advantage(s)) / 4 for s in samples], dtype=torch.float64)
        mean = float(weight @ estimate)
        assert mean == pytest.approx(9 / 32)  # unbiased
        yield name, float(weight @ estimate.square()) - mean**2
    theta = START.clone().requires_grad_()
    (loss(theta, PLAYED, twice, rewards(PLAYED)) / 4).backward()
    torch.optim.SGD([theta], lr=0.4).step()
    theta = theta.detach()
    yield "new θ_a", float(theta[0])
    yield "new θ_b", float(theta[1])
    yield "new π(a)", float(torch.softmax(theta, 0)[0])
    yield "new J", float(likelihood(GAMES, theta) @ f)
    yield "exact g, (13)", ascent(GAMES, in_turn, p * f)
    yield "sampled g from the same four games", ascent(PLAYED, in_turn, rewards(PLAYED)) / 4


def test_the_update_by_hand() -> None:
    for game, p in zip(GAMES, likelihood(GAMES), strict=True):
        first, second = ({"a": 1 / 4, "b": -3 / 4}[move] for move in game)
        sums = [ascent([game], players, rewards([game])) for players in ((0, 0), (0, 1))]
        assert [number(cell) for cell in BY_HAND[game]] == pytest.approx([float(p), REWARD[game], first, second, *sums])
    computed = dict(the_update())
    heads = {"game x", "quantity", *GAMES}
    assert {name for name in BY_HAND if name.strip("-:")} - heads == computed.keys()
    for name, value in computed.items():
        for part in BY_HAND[name][0].split(" = "):  # the way there and the result
            assert number(part) == pytest.approx(value, abs=1e-4), name


# --- Section 11 -------------------------------------------------------------------------------------------------------

RECIPES = tables("Which recipe is which equation")


def fields(group: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every field of a configuration, those of groups by their last name."""
    for name, value in group.items():
        if isinstance(value, dict):
            yield from fields(value)
        else:
            yield name, value


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_table_of_recipes_is_that_of_the_configurations(path: Path) -> None:
    recipe = dict(fields(yaml.safe_load(path.read_text(encoding="utf-8"))))
    advantage = {"none": "f(x) for the mover", "leave_one_out": "(9), `leave_one_out`", "value": "(11)"}
    assert RECIPES[path.stem] == [
        advantage[recipe.get("baseline", "none")] + (", normalized" if recipe.get("normalize") else ""),
        *(str(recipe.get(name, "")) for name in ("gae_lambda", "value_lambda", "discount")),
        "(12)" if "clip" in recipe else "(7)",
        str(recipe.get("clip", "")),
        str(recipe.get("updates", 1)),
        *(str(recipe.get(name, "")) for name in ("entropy_weight", "kl_weight")),
        recipe.get("average", "games"),
    ]
    assert ("gradient_clip_val" in recipe) == ("clip" in recipe)  # as the notes after the table say
    assert recipe.get("material_weight") == (0.4 if path.stem.startswith("chess") else None)
