"""Rules about playing, ending and copying games."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chesspg.games.capabilities import Heuristic
from chesspg.games.contract.arrays import require_consistent
from chesspg.games.contract.sample import (
    Sample,
    arrays_of,
    each_legal,
    random_actions,
    refuses,
    require,
    require_same,
    state_of,
)
from chesspg.games.game import Game, Games, IllegalAction, Indices, join_position, split_position

GAMES = 24  # number of random games for the rules to look at
PLIES = 200  # after which a random game is stopped
MORE_PLIES = 10_000  # further random plies, of short games, to see rare endings
WRAPPED = 1 << 16  # adding it to an action gives the same action in sixteen bits


def random_games(sample: Sample) -> None:
    """Games can be played at random to their end, or for very long.

    The other rules look at the positions of these games.
    """
    game, rng = sample.game, np.random.default_rng(0)
    starts = [sample.initial, *sample.starts]
    games = game.start([starts[i % len(starts)] for i in range(GAMES * len(starts))])
    sample.played = len(games)
    for _ in range(PLIES):
        require_consistent(game, games)
        over = games.outcomes().over
        if over.any():
            sample.over.append(games[over])
            sample.note_endings(games)
        games = games[~over]
        if not len(games):
            return
        sample.running.append(games[np.arange(len(games))])
        # The moves of the first game are checked after every ply, those of all games only while they are short.
        before = [games.moves(i) for i in range(len(games) if len(sample.running) < 20 else 1)]
        games.play(random_actions(games, rng).astype((np.int16, np.int64)[len(sample.running) % 2]))
        for i, moves in enumerate(before):
            grown = games.moves(i)
            require(
                len(grown) == len(moves) + 1 and grown[:-1] == moves,
                f"game {i} of {len(games)}: a ply must add one move to moves({i}), {moves[-3:]}",
                grown[-4:],
            )


def many_games(sample: Sample) -> None:
    """Many games can be played at random to their end, since some endings are rare."""
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
            require_consistent(game, games)  # raises an error that describes it, but takes longer
        sample.met.update(outcomes.reason[outcomes.over].tolist())
        games, legal = games[~outcomes.over], legal[~outcomes.over]
        if not len(games):
            return
        games.play(legal.take((rng.random(len(legal)) * legal.counts).astype(np.int64)).astype(np.int64))


def known_positions(sample: Sample) -> None:
    """Known positions are over, with the known outcome for player 0."""
    for outcome, texts in sample.known.items():
        for text in texts:
            games = sample.game.start([text])
            require_consistent(sample.game, games)
            sample.note_endings(games)
            found = games.outcomes()
            what = {1: "won by player 0", -1: "won by player 1", 0: "drawn"}[outcome]
            require(found.over[0], f"{text!r} must be over and {what}, but it is not over")
            require(found.outcome[0] == outcome, f"{text!r} must be {what}: outcome {outcome}", found.outcome[0])
    for text in sample.starts:
        require(not sample.game.start([text]).outcomes().over[0], f"{text!r} must not be over")


def outcomes(sample: Sample) -> None:
    """An outcome is that of player 0, whoever moved last or moves next.

    Known positions show it. Without any, random games show it: if outcomes were those of the mover, who has usually
    just lost, they would all be the same, whoever moved last.
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
        require(
            len(movers) < 2,
            "the outcome must be seen from player 0: 1 if that player has won, -1 if player 1 has; in all random games "
            f"that were won it is {outcome}, whoever made the last move. If player {winner} really wins all of them, "
            f"pass a position that this player has won: check(game, won_by_{('first', 'second')[winner]}=[…])",
        )


def _last_mover(game: Game, games: Games, i: int) -> int:
    start, moves = split_position(games.position(i))
    return int(game.start([join_position(start, moves[:-1])]).observe().player[0])


def two_players(sample: Sample) -> None:
    """There are two players. One may move several times in a row, but each must move at some time."""
    movers = {int(player) for games in sample.running for player in games.observe().player}
    long = len(sample.running) > 2
    require(
        movers == {0, 1} or not long,
        f"both players must move at some time: in {GAMES} random games player is {movers} at every ply",
    )


def illegal(sample: Sample) -> None:
    """An illegal action raises IllegalAction and changes no game, not even those before it in the batch."""
    game, rng = sample.game, np.random.default_rng(1)
    for games in sample.batches():
        seen, before = games.observe(), state_of(games)
        fine = np.array([rng.choice(some) if some else 0 for _, some in each_legal(seen)], dtype=np.int64)
        for i in sorted({0, len(games) - 1}):
            legal = set(seen.legal[[i]].actions.tolist())
            inside = [action for action in range(game.num_actions) if action not in legal]
            illegal = [*rng.permutation(inside)[:8].tolist(), -1, game.num_actions, -(2**40)]
            illegal += [WRAPPED + action for action in list(legal)[:1]]
            for action in illegal:
                actions = fine.copy()
                actions[i] = action
                where = f"game {i} of {len(games)}, {before['position'][i]!r}"
                refuses(IllegalAction, f"{where}: action {action} is illegal, so play", games.play, actions)
                require_same(before, state_of(games), f"{where}: a refused action {action} must change no game")
        for wrong in (np.append(fine, 0), fine[:-1]):
            refuses(ValueError, f"{len(wrong)} actions for {len(games)} games: play", games.play, wrong)
            require_same(before, state_of(games), "a refused number of actions must change no game")


def ended(sample: Sample) -> None:
    """A game that is over stays over and accepts no action."""
    for games in sample.over[:3]:
        state = state_of(games)
        require_same(state, state_of(games[np.arange(len(games))]), "a copy of a game that is over must be the same")
        together = sample.game.start([sample.initial, games.position(0)])
        first = together.observe().legal.actions[:1]
        before = state_of(together)
        for action in (0, int(first[0]), sample.game.num_actions - 1):
            actions = np.array([first[0], action])
            refuses(IllegalAction, f"game 1, {games.position(0)!r}, is over, so play", together.play, actions)
            require_same(before, state_of(together), "an action after the end of a game must change nothing")


def children(sample: Sample) -> None:
    """Every legal action can be played, and each leads to a different position."""
    for games in sample.running[:4]:
        for i in sorted({0, len(games) - 1}):
            actions = games[[i]].observe().legal.actions
            children = games[np.full(len(actions), i)]
            children.play(actions)
            texts = [children.position(k) for k in range(len(actions))]
            require(
                len(set(texts)) == len(texts),
                f"position() must be different after each of the legal actions of {games.position(i)!r}",
                texts,
            )


def copies(sample: Sample) -> None:
    """games[indices] are independent copies in that order; an index may come more than once."""
    rng = np.random.default_rng(2)
    for games in sample.running[:4]:
        n, before = len(games), state_of(games)
        for indices in (
            [n - 1, 0, n - 1, n - 1], np.array([0]), slice(0, n // 2), slice(None, None, -2), [-1], [],
            np.arange(n) % 2 == 0, np.zeros(n, bool), slice(None),
        ):  # fmt: skip
            _check_copy(games, before, indices, rng)
        games = games[np.arange(n)]
        kept = games[:]
        games.play(random_actions(games, rng))
        require_same(before, state_of(kept), "games[:] must be a copy: playing the games must not change it")


def _check_copy(games: Games, before: Mapping[str, Any], indices: Indices, rng: np.random.Generator) -> None:
    rows = np.arange(len(games))[indices]
    what = f"games[{indices if isinstance(indices, slice | list) else list(indices)}]"
    chosen, twins = games[indices], games[indices]
    require(len(chosen) == len(rows), f"{what} of {len(games)} games must be {len(rows)} games", len(chosen))
    for copied, row in enumerate(rows.tolist()):
        require_same(state_of(games[[row]]), state_of(chosen[[copied]]), f"{what}: game {copied} must be game {row}")
    require(
        [chosen.position(i) for i in range(len(rows))] == [before["position"][row] for row in rows],
        f"{what} must be the games in that order",
    )
    if len(rows):
        first = state_of(twins)
        chosen.play(random_actions(chosen, rng))
        require_same(first, state_of(twins), f"{what} must be a copy: playing another copy must not change it")
    require_same(before, state_of(games), f"{what} must be a copy: playing it must not change the original games")


def alone(sample: Sample) -> None:
    """A game is the same alone as in a batch, and the same actions give the same game again."""
    rng = np.random.default_rng(3)
    for begun in sample.running[:6:2]:
        games, again = begun[:], begun[:]
        alone = [begun[[i]] for i in range(len(games))]
        actions = random_actions(games, rng)
        games.play(actions)
        again.play(actions)
        for one, action in zip(alone, actions, strict=True):
            one.play(np.array([action]))
        require_same(state_of(games), state_of(again), "the same actions must give the same games, without any chance")
        for i, one in enumerate(alone):
            require_same(state_of(games[[i]]), state_of(one), f"game {i} must be the same if it is played alone")


def kept(sample: Sample) -> None:
    """Arrays that observe() and outcomes() returned do not change when the games go on."""
    rng = np.random.default_rng(4)
    for begun in sample.running[:4]:
        games = begun[:]
        verdicts = games.outcomes()
        held = {**arrays_of(games.observe()), "outcome": verdicts.outcome, "reason": verdicts.reason}
        if isinstance(games, Heuristic):
            held["heuristic"] = games.heuristic()
        copies = {name: np.array(array) for name, array in held.items()}
        games.play(random_actions(games, rng))
        require_same(copies, held, "an array that was returned must not change when the games go on; return a copy")
