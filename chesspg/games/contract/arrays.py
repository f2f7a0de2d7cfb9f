"""Rules about the attributes of a game and the arrays of its batches."""

from __future__ import annotations

import json
from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chesspg.games.capabilities import MOST_HEURISTIC, Heuristic
from chesspg.games.contract.sample import BrokenContract, Sample, each_legal, require, require_same, state_of
from chesspg.games.game import MOST_ACTIONS, MOST_REASONS, Game, Games, Observation, Outcomes, layout_size, words_of


def sizes(sample: Sample) -> None:
    """A game has a name, a version, a board, planes, scalars, actions and reasons of the right kinds."""
    game = sample.game
    require(isinstance(game, Game), "a game must be an instance of a subclass of chesspg.games.game.Game", type(game))
    for name in ("name", "encoding_version", "board", "planes", "scalars", "num_actions", "reasons"):
        require(hasattr(game, name), f"the class attribute {name} is missing; game.py describes it")
    require(isinstance(game.name, str) and game.name.strip(), "name must be a text that is not empty", repr(game.name))
    require(_whole(game.encoding_version, 0), "encoding_version must be a whole number", repr(game.encoding_version))
    require(
        isinstance(game.board, tuple) and len(game.board) == 2 and all(_whole(size, 1) for size in game.board),
        "board must be (rows, columns), both at least 1",
        repr(game.board),
    )
    for name, texts in {"planes": game.planes, "action_layout": game.action_layout, "reasons": game.reasons}.items():
        require(
            isinstance(texts, tuple) and all(isinstance(text, str) for text in texts),
            f"{name} must be a tuple of names; a tuple of one is written ('name',)",
            repr(texts),
        )
    require(len(game.planes) + len(game.scalars) > 0, "a player must see something: planes or scalars are needed")
    require(
        isinstance(game.scalars, Mapping) and all(_whole(limit, 1, 255) for limit in game.scalars.values()),
        "scalars must be a mapping of names to their largest values, from 1 to 255",
        repr(game.scalars),
    )
    require(
        _whole(game.num_actions, 1, MOST_ACTIONS),
        f"num_actions must be a whole number from 1 to {MOST_ACTIONS:,}",
        repr(game.num_actions),
    )
    layout = game.action_layout
    require(
        not layout or layout_size(layout, game.board) == game.num_actions,
        f"action_layout must have num_actions = {game.num_actions} actions, where 'cells' stands for "
        f"{layout_size(('cells',), game.board)}, 'columns' for {game.board[1]} and any other name for 1",
        f"{layout_size(layout, game.board)} in {layout!r}",
    )
    require(game.reasons[:1] == ("ongoing",), "the first of reasons must be 'ongoing'", repr(game.reasons))
    require(1 < len(game.reasons) <= MOST_REASONS, f"reasons must be from 2 to {MOST_REASONS}", len(game.reasons))
    require(game.threads is None or _whole(game.threads, 1), "threads must be None or at least 1", repr(game.threads))


def _whole(value: object, low: int, high: float = float("inf")) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and low <= int(value) <= high


def rebuilt(sample: Sample) -> None:
    """The class must build the same game again from init_args, which policy files hold."""
    game = sample.game
    try:
        arguments = json.loads(json.dumps(game.init_args))
    except (TypeError, ValueError):
        raise BrokenContract(f"init_args must be numbers, texts, lists and mappings, got {game.init_args!r}") from None
    try:
        twin = type(game)(**arguments)
    except Exception as error:
        raise BrokenContract(
            f"{type(game).__name__}(**init_args) must build the same game again; with init_args {arguments} it raises "
            f"{type(error).__name__}: {error}"
        ) from None
    for name in ("name", "encoding_version", "board", "planes", "scalars", "num_actions", "action_layout", "reasons",
                 "init_args"):  # fmt: skip
        ours, theirs = getattr(game, name), getattr(twin, name)
        require(
            ours == theirs, f"init_args must hold what the game was built with: {name} must be {ours!r} again", theirs
        )
    require_same(
        state_of(game.start(1)),
        state_of(twin.start(1)),
        "init_args must hold what the game was built with: a new game must be the same",
    )


def types(sample: Sample) -> None:
    """Arrays have the types and shapes of the contract, for any number of games."""
    game = sample.game
    batches: list[int | list[str]] = [2, 1, 0, [], [sample.initial, *sample.starts]]
    for positions in batches:
        count = positions if isinstance(positions, int) else len(positions)
        sample.trying = f" with {count} game{'' if count == 1 else 's'}"
        require_arrays(game, game.start(positions), count)


def require_arrays(game: Game, games: Games, count: int) -> None:
    """Require the types and shapes of all arrays of a batch of `count` games."""
    require(len(games) == count, f"a batch of {count} games must have that length", len(games))
    seen, outcomes = games.observe(), games.outcomes()
    words = words_of(game.board)
    actions = len(seen.legal.actions)
    arrays: list[tuple[str, NDArray[Any], type[np.generic], tuple[int, ...]]] = [
        ("observe().planes", seen.planes, np.uint64, (count, len(game.planes), words)),
        ("observe().scalars", seen.scalars, np.uint8, (count, len(game.scalars))),
        ("observe().player", seen.player, np.int8, (count,)),
        ("observe().legal.actions", seen.legal.actions, np.int16, (actions,)),
        ("observe().legal.offsets", seen.legal.offsets, np.int64, (count + 1,)),
        ("outcomes().outcome", outcomes.outcome, np.int8, (count,)),
        ("outcomes().reason", outcomes.reason, np.uint8, (count,)),
    ]
    if isinstance(games, Heuristic):
        arrays.append(("heuristic()", games.heuristic(), np.float32, (count,)))
    for name, array, dtype, shape in arrays:
        require(isinstance(array, np.ndarray), f"{name} must be a numpy array", type(array).__name__)
        require(array.dtype == dtype, f"{name} must have dtype {np.dtype(dtype)}", array.dtype)
        require(array.shape == shape, f"{name} of {count} games must have shape {shape}", array.shape)


def fresh(sample: Sample) -> None:
    """New games are all the same, are not over, and have no moves."""
    game = sample.game
    require(isinstance(sample.initial, str) and sample.initial.strip(), "position() must be a text", sample.initial)
    games = game.start(3)
    require_consistent(game, games)
    require(not games.outcomes().over.any(), "a new game must not be over")
    for i in range(3):
        require(games.moves(i) == [], f"game {i} is new, so moves({i}) must be []", games.moves(i))
        require(
            games.position(i) == sample.initial, f"all new games must begin at {sample.initial!r}", games.position(i)
        )
    require_same(
        state_of(games), state_of(game.start([sample.initial] * 3)), f"start([{sample.initial!r}]) is a new game"
    )


def require_consistent(game: Game, games: Games) -> None:
    """Require what holds at every ply: ranges, ascending lists, and a legal action in each game that is not over."""
    require_arrays(game, games, len(games))
    seen, outcomes = games.observe(), games.outcomes()

    def at(i: int) -> str:
        return f"game {i}, {games.position(i)!r}:"

    for name, array, ranges in (
        ("player", seen.player, (0, 1)),
        ("outcome", outcomes.outcome, (-1, 1)),
        ("reason", outcomes.reason, (0, len(game.reasons) - 1)),
    ):
        bad = (array < ranges[0]) | (array > ranges[1])
        if bad.any():
            i = int(bad.argmax())
            raise BrokenContract(f"{at(i)} {name} must be from {ranges[0]} to {ranges[1]}, got {array[i]}")
    limits = np.array(list(game.scalars.values()), dtype=np.int64)
    if (high := seen.scalars > limits).any():
        i, s = np.argwhere(high)[0]
        name = list(game.scalars)[s]
        raise BrokenContract(f"{at(i)} the scalar {name!r} must be at most {limits[s]}, got {seen.scalars[i, s]}")
    squares = game.board[0] * game.board[1]
    if squares % 64 and (beyond := seen.planes[:, :, -1] >> np.uint64(squares % 64)).any():
        i, p = np.argwhere(beyond)[0]
        raise BrokenContract(
            f"{at(i)} the plane {game.planes[p]!r} must have only the bits of its {squares} squares, 0 to "
            f"{squares - 1}; got bit {squares // 64 * 64 + squares % 64 + int(beyond[i, p]).bit_length() - 1}"
        )
    _require_lists(game, games, seen, outcomes)
    if isinstance(games, Heuristic):
        estimate = games.heuristic()
        require(np.isfinite(estimate).all(), "heuristic() must be finite", estimate)
        require(
            (np.abs(estimate) <= MOST_HEURISTIC).all(),
            f"heuristic() must be from -{MOST_HEURISTIC:g} to {MOST_HEURISTIC:g}, less than a win",
            estimate,
        )


def _require_lists(game: Game, games: Games, seen: Observation, outcomes: Outcomes) -> None:
    """Require legal actions that ascend within their range, and at least one if and only if a game is not over."""

    def at(i: int) -> str:
        return f"game {i}, {games.position(i)!r}:"

    offsets = seen.legal.offsets
    require(offsets[0] == 0, "legal.offsets must begin with 0", offsets[0])
    require((np.diff(offsets) >= 0).all(), "legal.offsets must not fall", offsets[:9])
    require(
        offsets[-1] == len(seen.legal.actions), f"legal.offsets must end with the number of legal actions, "
        f"{len(seen.legal.actions)}", offsets[-1],
    )  # fmt: skip
    for i, actions in each_legal(seen):
        over = bool(outcomes.over[i])
        if over and actions:
            why = game.reasons[outcomes.reason[i]]
            raise BrokenContract(f"{at(i)} is over ({why}), so it must have no legal actions, got {actions}")
        if not over and not actions:
            raise BrokenContract(f"{at(i)} is not over, so it must have a legal action, such as a pass; got none")
        if actions != sorted(set(actions)):
            raise BrokenContract(f"{at(i)} legal actions must ascend without duplicates, got {actions}")
        if actions and not (actions[0] >= 0 and actions[-1] < game.num_actions):
            raise BrokenContract(f"{at(i)} legal actions must be from 0 to {game.num_actions - 1}, got {actions}")
        if not over and outcomes.outcome[i]:
            raise BrokenContract(f"{at(i)} is not over, so its outcome must be 0, got {outcomes.outcome[i]}")
