"""A check of the contract in `game.py`: whether a game keeps it and, if not, which rule it breaks and where."""

from __future__ import annotations

import json
import textwrap
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chesspg.games.game import (
    MOST_ACTIONS,
    MOST_REASONS,
    Game,
    Games,
    IllegalAction,
    Indices,
    Observation,
    join_position,
    split_position,
    words_of,
)

GAMES = 24  # played at random for the check
PLIES = 200  # after which a random game is left as it is
MORE_PLIES = 10_000  # played at random besides, to see how games end, where that makes many more games
WRAPPED = 1 << 16  # added to an action, it is the same action in sixteen bits
NONSENSE = "no such text"


class BrokenContract(AssertionError):
    """A game breaks a rule of the contract. The message names the rule, the place, what is expected and what it got."""


def check(
    game: Game,
    *,
    won_by_first: Sequence[str] = (),
    won_by_second: Sequence[str] = (),
    drawn: Sequence[str] = (),
    starts: Sequence[str] = (),
    unreadable: Sequence[str] = (),
) -> str:
    """Play a game at random and check that it keeps the contract of `chesspg.games.game`.

    Whether the rules are those of the game that is meant, nobody but its author can say: the known positions are for
    that. At least one that player 0 has won and one that player 1 has won should be given, and where games can be drawn
    one that is: endings that random games seldom come to are looked at in known positions alone.

    Args:
        game: The game to check.
        won_by_first: Positions, as text, that are over and won by player 0.
        won_by_second: Positions that are over and won by player 1.
        drawn: Positions that are over and drawn.
        starts: Positions that are not over, to be checked besides the initial one, such as one in which player 1 moves.
        unreadable: Texts that are not positions of the game.

    Returns:
        One sentence: that the game keeps the contract, and which of its reasons to end were not met.

    Raises:
        BrokenContract: The game breaks a rule.
    """
    sample = _Sample(game, {1: won_by_first, -1: won_by_second, 0: drawn}, list(starts), list(unreadable))
    for rule in _RULES:
        sample.trying = ""
        try:
            rule(sample)
        except BrokenContract as error:
            raise BrokenContract(f"{_name(game)}: {error}") from None
        except Exception as error:
            did = textwrap.shorten(f"{type(error).__name__}: {error}", 200)
            raise BrokenContract(
                f"{_name(game)}: {_first_line(rule)} The check met {did}{sample.trying}{_place(error)}"
            ) from None
    return sample.found()


def _place(error: BaseException) -> str:
    """Where an exception was raised by a game: the innermost line that is not of numpy or other libraries."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "site-packages" not in frame.filename]
    own = [frame for frame in frames if frame.filename != __file__ and not frame.filename.startswith("<")]
    return f" in {own[-1].name}, {Path(own[-1].filename).name}, line {own[-1].lineno}" if own else ""


@dataclass
class _Sample:
    """What the rules look at: a game, what is known of it, and positions met in random games."""

    game: Game
    known: Mapping[int, Sequence[str]]  # by outcome for player 0
    starts: list[str]
    unreadable: list[str]
    running: list[Games] = field(default_factory=list)  # batches of games that go on, by the plies played
    over: list[Games] = field(default_factory=list)  # batches of games that have ended
    played: int = 0  # games at random
    trying: str = ""  # what a rule is at, for a message
    met: set[int] = field(default_factory=set)  # numbers of the reasons for which games have ended

    @cached_property
    def initial(self) -> str:
        return self.game.start(1).position(0)

    def found(self) -> str:
        """What the check has come to, all rules being kept."""
        kept = f"{_name(self.game)} keeps the contract"
        unmet = [reason for number, reason in enumerate(self.game.reasons) if number and number not in self.met]
        if not unmet:
            return kept
        return (
            f"{kept}, as far as was seen: never met in {self.played:,} random games: "
            f"{', '.join(map(repr, unmet))}; give a position that ended so: won_by_first=[…], won_by_second=[…] or "
            "drawn=[…]"
        )

    def note_endings(self, games: Games) -> None:
        """Keep the reasons for which some of the games are over."""
        outcomes = games.outcomes()
        self.met.update(outcomes.reason[outcomes.over].tolist())

    def batches(self) -> Iterator[Games]:
        """Games at all stages: some just begun, some later, some over."""
        stages = sorted({0, 1, 2, 3, 5, len(self.running) // 2, len(self.running) - 1})
        yield from (self.running[stage] for stage in stages if 0 <= stage < len(self.running))
        yield from self.over[:: max(1, len(self.over) // 4)]
        for texts in self.known.values():
            if texts:
                yield self.game.start(list(texts))


_Rule = Callable[[_Sample], None]


def _name(game: object) -> str:
    return str(getattr(game, "name", type(game).__name__))


def _first_line(rule: _Rule) -> str:
    return str(rule.__doc__).split("\n\n")[0].replace("\n    ", " ")


def _require(true: object, expected: str, got: object = None) -> None:
    """Raise BrokenContract with what is expected, and what was got if that says more."""
    if not true:
        found = "" if got is None else f", got {textwrap.shorten(str(got), 200)}"
        raise BrokenContract(f"{expected}{found}")


def _refuses(kind: type[Exception], what: str, call: Callable[[Any], object], argument: object) -> str:
    """The message with which a call refuses its argument, as it must."""
    try:
        call(argument)
    except kind as error:
        return str(error)
    except Exception as error:
        raise BrokenContract(f"{what} must raise {kind.__name__}, got {type(error).__name__}: {error}") from None
    raise BrokenContract(f"{what} must raise {kind.__name__}, but raises nothing")


def _arrays(seen: Observation) -> dict[str, NDArray[Any]]:
    legal = seen.legal
    return {
        "planes": seen.planes,
        "scalars": seen.scalars,
        "player": seen.player,
        "legal.actions": legal.actions,
        "legal.offsets": legal.offsets,
    }


def _state(games: Games) -> dict[str, Any]:
    """All that a batch of games shows of itself, copied."""
    outcomes = games.outcomes()
    return {
        **{name: np.array(array) for name, array in _arrays(games.observe()).items()},
        "outcome": np.array(outcomes.outcome),
        "reason": np.array(outcomes.reason),
        "material": np.array(games.material()),
        "position": [games.position(i) for i in range(len(games))],
        "moves": [games.moves(i) for i in range(len(games))],
    }


def _require_same(one: Mapping[str, Any], other: Mapping[str, Any], what: str) -> None:
    """Require that two states agree; `one` is as expected."""
    for name, expected in one.items():
        got = other[name]
        same = np.array_equal(expected, got) if isinstance(expected, np.ndarray) else expected == got
        if not same:
            at = _differs_at(expected, got)
            raise BrokenContract(f"{what}: {name}{at[0]} must be {at[1]}, got {at[2]}")


def _differs_at(expected: Any, got: Any) -> tuple[str, str, str]:
    """The first index at which two sequences of equal length differ, and what each has there, for a message."""
    if len(expected) == len(got) and not (isinstance(got, np.ndarray) and got.shape != expected.shape):
        for i, (a, b) in enumerate(zip(expected, got, strict=True)):
            if not np.array_equal(a, b):
                return f"[{i}]", textwrap.shorten(str(a), 120), textwrap.shorten(str(b), 120)
    return "", textwrap.shorten(str(expected), 120), textwrap.shorten(str(got), 120)


def _choose(games: Games, rng: np.random.Generator) -> NDArray[np.int64]:
    """[N] a random legal action of each game."""
    legal = games.observe().legal
    choice = (rng.random(len(legal)) * legal.counts).astype(np.int64)
    return legal.take(choice).astype(np.int64)


def _each(seen: Observation) -> Iterator[tuple[int, list[int]]]:
    """Each game's index and legal actions."""
    offsets = seen.legal.offsets.tolist()
    for i in range(len(offsets) - 1):
        yield i, seen.legal.actions[offsets[i] : offsets[i + 1]].tolist()


def _sizes(sample: _Sample) -> None:
    """A game has a name, a version, a board, planes, scalars, actions and reasons of the right kinds."""
    game = sample.game
    _require(isinstance(game, Game), "a game must be an instance of a subclass of chesspg.games.game.Game", type(game))
    for name in ("name", "encoding_version", "board", "planes", "scalars", "num_actions", "reasons"):
        _require(hasattr(game, name), f"the class attribute {name} is missing; game.py says what it holds")
    _require(isinstance(game.name, str) and game.name.strip(), "name must be a text that is not empty", repr(game.name))
    _require(_whole(game.encoding_version, 0), "encoding_version must be a whole number", repr(game.encoding_version))
    _require(
        isinstance(game.board, tuple) and len(game.board) == 2 and all(_whole(size, 1) for size in game.board),
        "board must be (rows, columns), both at least 1",
        repr(game.board),
    )
    for name, texts in {"planes": game.planes, "reasons": game.reasons}.items():
        _require(
            isinstance(texts, tuple) and all(isinstance(text, str) for text in texts),
            f"{name} must be a tuple of names; a tuple of one is written ('name',)",
            repr(texts),
        )
    _require(len(game.planes) + len(game.scalars) > 0, "a player must see something: planes or scalars are needed")
    _require(
        isinstance(game.scalars, Mapping) and all(_whole(limit, 1, 255) for limit in game.scalars.values()),
        "scalars must be a mapping of names to their largest values, from 1 to 255",
        repr(game.scalars),
    )
    _require(
        _whole(game.num_actions, 1, MOST_ACTIONS),
        f"num_actions must be a whole number from 1 to {MOST_ACTIONS:,}",
        repr(game.num_actions),
    )
    _require(game.reasons[:1] == ("ongoing",), "the first of reasons must be 'ongoing'", repr(game.reasons))
    _require(1 < len(game.reasons) <= MOST_REASONS, f"reasons must be from 2 to {MOST_REASONS}", len(game.reasons))
    _require(game.threads is None or _whole(game.threads, 1), "threads must be None or at least 1", repr(game.threads))


def _whole(value: object, low: int, high: float = float("inf")) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and low <= int(value) <= high


def _rebuilt(sample: _Sample) -> None:
    """A policy file holds init_args, from which the class must build the same game again."""
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
    for name in ("name", "encoding_version", "board", "planes", "scalars", "num_actions", "reasons", "init_args"):
        ours, theirs = getattr(game, name), getattr(twin, name)
        _require(
            ours == theirs, f"init_args must hold what the game was built with: {name} must be {ours!r} again", theirs
        )
    _require_same(
        _state(game.start(1)),
        _state(twin.start(1)),
        "init_args must hold what the game was built with: a new game must be the same",
    )


def _types(sample: _Sample) -> None:
    """Arrays have the types and shapes of the contract, whatever the number of games."""
    game = sample.game
    batches: list[int | list[str]] = [2, 1, 0, [], [sample.initial, *sample.starts]]
    for positions in batches:
        count = positions if isinstance(positions, int) else len(positions)
        sample.trying = f" with {count} game{'' if count == 1 else 's'}"
        _require_arrays(game, game.start(positions), count)


def _require_arrays(game: Game, games: Games, count: int) -> None:
    """The types and shapes of what a batch of `count` games shows."""
    _require(len(games) == count, f"a batch of {count} games must have that length", len(games))
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
        ("material()", games.material(), np.float32, (count,)),
    ]
    for name, array, dtype, shape in arrays:
        _require(isinstance(array, np.ndarray), f"{name} must be a numpy array", type(array).__name__)
        _require(array.dtype == dtype, f"{name} must have dtype {np.dtype(dtype)}", array.dtype)
        _require(array.shape == shape, f"{name} of {count} games must have shape {shape}", array.shape)


def _fresh(sample: _Sample) -> None:
    """New games are all alike, have not ended, and have no moves."""
    game = sample.game
    _require(isinstance(sample.initial, str) and sample.initial.strip(), "position() must be a text", sample.initial)
    games = game.start(3)
    _consistent(game, games)
    _require(not games.outcomes().over.any(), "a new game must not be over")
    for i in range(3):
        _require(games.moves(i) == [], f"game {i} is new, so moves({i}) must be []", games.moves(i))
        _require(
            games.position(i) == sample.initial, f"all new games must begin at {sample.initial!r}", games.position(i)
        )
    _require_same(_state(games), _state(game.start([sample.initial] * 3)), f"start([{sample.initial!r}]) is a new game")


def _random_games(sample: _Sample) -> None:
    """Games can be played at random to their end, or for very long.

    What is met on the way is what the other rules look at.
    """
    game, rng = sample.game, np.random.default_rng(0)
    starts = [sample.initial, *sample.starts]
    games = game.start([starts[i % len(starts)] for i in range(GAMES * len(starts))])
    sample.played = len(games)
    for _ in range(PLIES):
        _consistent(game, games)
        over = games.outcomes().over
        if over.any():
            sample.over.append(games[over])
            sample.note_endings(games)
        games = games[~over]
        if not len(games):
            return
        sample.running.append(games[np.arange(len(games))])
        # The first game's moves are looked at throughout, those of all games while they are short.
        before = [games.moves(i) for i in range(len(games) if len(sample.running) < 20 else 1)]
        games.play(_choose(games, rng).astype((np.int16, np.int64)[len(sample.running) % 2]))
        for i, moves in enumerate(before):
            grown = games.moves(i)
            _require(
                len(grown) == len(moves) + 1 and grown[:-1] == moves,
                f"game {i} of {len(games)}: a ply must add one move to moves({i}), {moves[-3:]}",
                grown[-4:],
            )


def _many_games(sample: _Sample) -> None:
    """Games can be played at random to their end, many of them, since some endings are rare."""
    game, rng = sample.game, np.random.default_rng(6)
    if len(sample.running) == PLIES:
        return
    plies = sum(len(games) for games in sample.running)
    more = MORE_PLIES * sample.played // max(1, plies)
    games = game.start(more)
    sample.played += more
    for _ in range(PLIES):
        legal, outcomes = games.observe().legal, games.outcomes()
        stuck, nameless = (legal.counts == 0) != outcomes.over, outcomes.reason >= len(game.reasons)
        if stuck.any() or nameless.any():
            _consistent(game, games)  # which says it; it takes longer
        sample.met.update(outcomes.reason[outcomes.over].tolist())
        games, legal = games[~outcomes.over], legal[~outcomes.over]
        if not len(games):
            return
        games.play(legal.take((rng.random(len(legal)) * legal.counts).astype(np.int64)).astype(np.int64))


def _consistent(game: Game, games: Games) -> None:
    """What holds at every ply: ranges, ascending lists, and an action in each game that goes on."""
    _require_arrays(game, games, len(games))
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
            f"{at(i)} the plane {game.planes[p]!r} must have no bits but those of the {squares} squares, bits 0 to "
            f"{squares - 1}; got bit {squares // 64 * 64 + squares % 64 + int(beyond[i, p]).bit_length() - 1}"
        )
    offsets = seen.legal.offsets
    _require(offsets[0] == 0, "legal.offsets must begin with 0", offsets[0])
    _require((np.diff(offsets) >= 0).all(), "legal.offsets must not fall", offsets[:9])
    _require(
        offsets[-1] == len(seen.legal.actions), f"legal.offsets must end with the number of legal actions, "
        f"{len(seen.legal.actions)}", offsets[-1],
    )  # fmt: skip
    for i, actions in _each(seen):
        over = bool(outcomes.over[i])
        if over and actions:
            why = game.reasons[outcomes.reason[i]]
            raise BrokenContract(f"{at(i)} is over ({why}), so it must have no legal actions, got {actions}")
        if not over and not actions:
            raise BrokenContract(f"{at(i)} goes on, so it must have a legal action, if nothing else a pass; got none")
        if actions != sorted(set(actions)):
            raise BrokenContract(f"{at(i)} legal actions must ascend, each once, got {actions}")
        if actions and not (actions[0] >= 0 and actions[-1] < game.num_actions):
            raise BrokenContract(f"{at(i)} legal actions must be from 0 to {game.num_actions - 1}, got {actions}")
        if not over and outcomes.outcome[i]:
            raise BrokenContract(f"{at(i)} goes on, so its outcome must be 0, got {outcomes.outcome[i]}")
    material = games.material()
    _require(np.isfinite(material).all(), "material() must be finite; a game without material returns zeros", material)


def _known(sample: _Sample) -> None:
    """Known positions have the outcome that is known, for player 0."""
    for outcome, texts in sample.known.items():
        for text in texts:
            games = sample.game.start([text])
            _consistent(sample.game, games)
            sample.note_endings(games)
            found = games.outcomes()
            what = {1: "won by player 0", -1: "won by player 1", 0: "drawn"}[outcome]
            _require(found.over[0], f"{text!r} must be over, {what}, but it goes on")
            _require(found.outcome[0] == outcome, f"{text!r} must be {what}: outcome {outcome}", found.outcome[0])
    for text in sample.starts:
        _require(not sample.game.start([text]).outcomes().over[0], f"{text!r} must not be over")


def _outcomes(sample: _Sample) -> None:
    """An outcome is player 0's, whoever moved last or would move next.

    Known positions settle it. Without any it shows in random games: seen from the mover, who has mostly just lost,
    outcomes would all be the same, whoever moved last.
    """
    if sample.known[1] or sample.known[-1]:
        return
    last: dict[int, set[int]] = {}
    for games in sample.over:
        for i, outcome in enumerate(games.outcomes().outcome.tolist()):
            if outcome:
                last.setdefault(outcome, set()).add(_last_mover(sample.game, games, i))
    if len(last) == 1:
        [(outcome, movers)] = last.items()
        winner = 0 if outcome == 1 else 1
        _require(
            len(movers) < 2,
            "the outcome must be seen from player 0: 1 if that player has won, -1 if player 1 has; in all random games "
            f"that were won it is {outcome}, whoever made the last move. If player {winner} does win all of them, name "
            f"a position in which that is known: check(game, won_by_{('first', 'second')[winner]}=[…])",
        )


def _last_mover(game: Game, games: Games, i: int) -> int:
    start, moves = split_position(games.position(i))
    return int(game.start([join_position(start, moves[:-1])]).observe().player[0])


def _two_players(sample: _Sample) -> None:
    """There are two players. One may move several times in a row, but not through all games."""
    movers = {int(player) for games in sample.running for player in games.observe().player}
    long = len(sample.running) > 2
    _require(
        movers == {0, 1} or not long,
        f"both players must get to move: in {GAMES} random games player says {movers} at every ply",
    )


def _illegal(sample: _Sample) -> None:
    """An illegal action raises IllegalAction and changes no game, not even those before it in the batch."""
    game, rng = sample.game, np.random.default_rng(1)
    for games in sample.batches():
        seen, before = games.observe(), _state(games)
        fine = np.array([rng.choice(some) if some else 0 for _, some in _each(seen)], dtype=np.int64)
        for i in sorted({0, len(games) - 1}):
            legal = set(seen.legal[[i]].actions.tolist())
            inside = [action for action in range(game.num_actions) if action not in legal]
            illegal = [*rng.permutation(inside)[:8].tolist(), -1, game.num_actions, -(2**40)]
            illegal += [WRAPPED + action for action in list(legal)[:1]]
            for action in illegal:
                actions = fine.copy()
                actions[i] = action
                where = f"game {i} of {len(games)}, {before['position'][i]!r}"
                _refuses(IllegalAction, f"{where}: action {action} is illegal, so play", games.play, actions)
                _require_same(before, _state(games), f"{where}: a refused action {action} must change no game")
        for wrong in (np.append(fine, 0), fine[:-1]):
            _refuses(ValueError, f"{len(wrong)} actions for {len(games)} games: play", games.play, wrong)
            _require_same(before, _state(games), "a refused number of actions must change no game")


def _ended(sample: _Sample) -> None:
    """A game that is over stays so, and takes no action."""
    for games in sample.over[:3]:
        state = _state(games)
        _require_same(state, _state(games[np.arange(len(games))]), "a copy of a game that is over must be the same")
        together = sample.game.start([sample.initial, games.position(0)])
        first = together.observe().legal.actions[:1]
        before = _state(together)
        for action in (0, int(first[0]), sample.game.num_actions - 1):
            actions = np.array([first[0], action])
            _refuses(IllegalAction, f"game 1, {games.position(0)!r}, is over, so play", together.play, actions)
            _require_same(before, _state(together), "an action after the end of a game must change nothing")


def _children(sample: _Sample) -> None:
    """Every legal action can be played, and each leads to a position of its own."""
    for games in sample.running[:4]:
        for i in sorted({0, len(games) - 1}):
            actions = games[[i]].observe().legal.actions
            children = games[np.full(len(actions), i)]
            children.play(actions)
            texts = [children.position(k) for k in range(len(actions))]
            _require(
                len(set(texts)) == len(texts),
                f"after each of the legal actions of {games.position(i)!r} position() must be another text",
                texts,
            )


def _copies(sample: _Sample) -> None:
    """games[indices] are independent copies in that order; an index may come more than once."""
    rng = np.random.default_rng(2)
    for games in sample.running[:4]:
        n, before = len(games), _state(games)
        for indices in (
            [n - 1, 0, n - 1, n - 1], np.array([0]), slice(0, n // 2), slice(None, None, -2), [-1], [],
            np.arange(n) % 2 == 0, np.zeros(n, bool), slice(None),
        ):  # fmt: skip
            _check_copy(games, before, indices, rng)
        games = games[np.arange(n)]
        kept = games[:]
        games.play(_choose(games, rng))
        _require_same(before, _state(kept), "games[:] must be a copy: playing the games must not change it")


def _check_copy(games: Games, before: Mapping[str, Any], indices: Indices, rng: np.random.Generator) -> None:
    rows = np.arange(len(games))[indices]
    what = f"games[{indices if isinstance(indices, slice | list) else list(indices)}]"
    chosen, twins = games[indices], games[indices]
    _require(len(chosen) == len(rows), f"{what} of {len(games)} games must be {len(rows)} games", len(chosen))
    for copied, row in enumerate(rows.tolist()):
        _require_same(_state(games[[row]]), _state(chosen[[copied]]), f"{what}: game {copied} must be game {row}")
    _require(
        [chosen.position(i) for i in range(len(rows))] == [before["position"][row] for row in rows],
        f"{what} must be the games in that order",
    )
    if len(rows):
        first = _state(twins)
        chosen.play(_choose(chosen, rng))
        _require_same(first, _state(twins), f"{what} must be a copy: playing another copy must not change it")
    _require_same(before, _state(games), f"{what} must be a copy: playing it must not change the games it was made of")


def _alone(sample: _Sample) -> None:
    """A game goes the same way alone as in a batch, and the same actions give the same game again."""
    rng = np.random.default_rng(3)
    for begun in sample.running[:6:2]:
        games, again = begun[:], begun[:]
        alone = [begun[[i]] for i in range(len(games))]
        actions = _choose(games, rng)
        games.play(actions)
        again.play(actions)
        for one, action in zip(alone, actions, strict=True):
            one.play(np.array([action]))
        _require_same(
            _state(games), _state(again), "the same actions must give the same games; there is no chance in them"
        )
        for i, one in enumerate(alone):
            _require_same(_state(games[[i]]), _state(one), f"game {i} must be the same if it is played alone")


def _kept(sample: _Sample) -> None:
    """What observe() and outcomes() returned stays as it was while the games go on."""
    rng = np.random.default_rng(4)
    for begun in sample.running[:4]:
        games = begun[:]
        outcomes = games.outcomes()
        held = {**_arrays(games.observe()), "outcome": outcomes.outcome, "reason": outcomes.reason,
                "material": games.material()}  # fmt: skip
        copies = {name: np.array(array) for name, array in held.items()}
        games.play(_choose(games, rng))
        _require_same(copies, held, "an array that was returned must not change when the games go on; return a copy")


def _positions(sample: _Sample) -> None:
    """position() is text that start() reads back as the same game: its start, then ` moves ` and the moves, if any."""
    for games in sample.batches():
        state = _state(games)
        texts = state["position"]
        for i, text in enumerate(texts):
            _require(
                isinstance(text, str) and text == text.strip() and text.isprintable(),
                f"position({i}) must be one line of text",
                repr(text),
            )
            moves = state["moves"][i]
            _require(
                all(isinstance(move, str) and move and not any(map(str.isspace, move)) for move in moves),
                f"moves({i}) must be texts without white space",
                moves,
            )
            _require(
                split_position(text)[1] == moves,
                f"position({i}) must end with ' moves ' and the moves {moves[-5:]}; join_position makes it",
                repr(text),
            )
        _require_same(state, _state(sample.game.start(texts)), "start(positions) must give the same games again")


def _unreadable(sample: _Sample) -> None:
    """A text that is not a position raises ValueError, which names the text; so does an illegal move in it."""
    last = sample.running[min(2, len(sample.running) - 1)].position(0)
    start, moves = split_position(last)
    texts = [*sample.unreadable, NONSENSE, join_position(start, [*moves, "?!"])]
    if sample.over:
        ended = sample.over[0].position(0)
        start, moves = split_position(ended)
        if moves:
            texts.append(join_position(start, [*moves, moves[-1]]))  # a move after the end
    for text in texts:
        message = _refuses(
            ValueError, f"{text!r} is not a position, so start", sample.game.start, [sample.initial, text]
        )
        _require(text in message, f"start must name the position {text!r} that it can't read", message)


def _names(sample: _Sample) -> None:
    """move_name() and parse_move() are each other's inverse, and parse_move() reads what moves() writes."""
    game = sample.game
    rng = np.random.default_rng(5)
    for begun in sample.running[:: max(1, len(sample.running) // 6)]:
        for i in sorted({0, len(begun) - 1}):
            position = begun.position(i)
            actions = begun[[i]].observe().legal.actions
            names = [game.move_name(position, int(action)) for action in actions]
            _require(
                all(isinstance(name, str) and name and not any(map(str.isspace, name)) for name in names),
                f"{position!r}: move_name must be a text without white space",
                names,
            )
            _require(len(set(names)) == len(names), f"{position!r}: each action must have a name of its own", names)
            some = np.sort(rng.permutation(len(actions))[:12])
            children = begun[np.full(len(some), i)]
            children.play(actions[some])
            for child, k in enumerate(some.tolist()):
                action = int(actions[k])
                for text in dict.fromkeys((names[k], children.moves(child)[-1])):
                    read = game.parse_move(position, text)
                    _require(read == action, f"{position!r}: parse_move({text!r}) must be the action {action}", read)
            for text in (NONSENSE, "?!", ""):
                _refuses(ValueError, f"{position!r}: parse_move({text!r})", partial(game.parse_move, position), text)
    known = {
        text: games.position(i) for games in sample.running[:3] for i in range(len(games)) for text in games.moves(i)
    }
    for text, position in list(known.items())[:50]:
        _names_legal(game, position, text)


def _names_legal(game: Game, position: str, text: str) -> None:
    """parse_move gives a legal action, or refuses."""
    try:
        action = game.parse_move(position, text)
    except ValueError:
        return
    legal = game.start([position]).observe().legal.actions.tolist()
    _require(action in legal, f"{position!r}: parse_move({text!r}) must refuse what is not legal", action)


def _rendered(sample: _Sample) -> None:
    """render() draws the board as text, and what a move changes can be seen."""
    game = sample.game
    for games in list(sample.batches())[:6]:
        position = games.position(0)
        text = game.render(position)
        _require(
            isinstance(text, str) and text.strip() and all(line.isprintable() for line in text.splitlines()),
            f"render({position!r}) must be printable lines",
            repr(text),
        )
    new = game.start(1)
    actions = new.observe().legal.actions
    children = new[np.zeros(len(actions), dtype=np.int64)]
    children.play(actions)
    drawn = {game.render(children.position(i)) for i in range(min(len(actions), 50))}
    _require(
        drawn != {game.render(sample.initial)},
        "render() must show what a move changes; all legal first moves leave it the same",
    )


# In this order, since a broken rule mostly breaks some of those after it as well.
_RULES: tuple[_Rule, ...] = (
    _sizes, _types, _fresh, _random_games, _many_games, _known, _outcomes, _two_players, _copies, _children, _kept,
    _alone, _positions, _illegal, _ended, _unreadable, _names, _rendered, _rebuilt,
)  # fmt: skip
