"""A comparison of the rules of a game with OpenSpiel's: the same random games on both, compared before every ply."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chesspg.games.game import Game
from chesspg.games.open_spiel.loading import counterpart


def verify(
    game: Game, plies: int, seed: int = 0, games: int = 64, report: Callable[[int], None] | None = None
) -> tuple[int, list[str]]:
    """Play random games by the rules of a game and by OpenSpiel's, and compare them before every ply.

    It compares whether the game is over, its outcome, the mover and the legal actions. A game that differs is dropped.

    Args:
        game: The game, which says in `open_spiel` how OpenSpiel plays it.
        plies: The least number of plies to play.
        seed: Seed of the games.
        games: Number of games in progress at once.
        report: Called with the number of plies played so far.

    Returns:
        The number of plies played, and the differences found, each with its position.

    Raises:
        ValueError: OpenSpiel does not have the game, or is not installed.
    """
    table, rules = counterpart(game)
    rng = np.random.default_rng(seed)
    done, differences = 0, list[str]()
    while done < plies:
        ours, theirs = game.start(games), [rules.new_initial_state() for _ in range(games)]
        while len(ours):
            seen, outcomes = ours.observe(), ours.outcomes()
            translated = table[np.repeat(seen.player, seen.legal.counts), seen.legal.actions]
            legal = [part.tolist() for part in np.split(translated, seen.legal.offsets[1:-1])]  # [games] in OpenSpiel
            rows = zip(seen.player, outcomes.outcome, outcomes.over, legal, theirs, strict=True)
            wrong = [_difference(*row) for row in rows]
            differences += [f"{what}: {ours.position(row)}" for row, what in enumerate(wrong) if what]
            live = [row for row, what in enumerate(wrong) if not what and not outcomes.over[row]]
            if len(live) < len(ours):
                ours, seen = ours[live], seen[live]
                theirs, legal = [theirs[row] for row in live], [legal[row] for row in live]
            choice = (rng.random(len(live)) * seen.legal.counts).astype(np.int64)
            ours.play(seen.legal.take(choice))
            for state, actions, index in zip(theirs, legal, choice.tolist(), strict=True):
                state.apply_action(actions[index])
            done += len(live)
            if report:
                report(done)
    return done, differences


def _difference(player: int, outcome: int, over: bool, legal: list[int], state: Any) -> str:
    """What differs in one game; empty if nothing does.

    Args:
        player: The mover.
        outcome: The outcome for player 0.
        over: Whether the game is over.
        legal: The legal actions, as OpenSpiel numbers them.
        state: The game in OpenSpiel.
    """
    if over != state.is_terminal():
        return f"over is {bool(over)}, in OpenSpiel {state.is_terminal()}"
    if over:
        theirs = int(np.sign(state.player_return(0)))
        return "" if outcome == theirs else f"outcome is {outcome}, in OpenSpiel {theirs}"
    if player != state.current_player():
        return f"player is {player}, in OpenSpiel {state.current_player()}"
    ours, known = set(legal), set(state.legal_actions())
    return "" if ours == known else f"legal in one of the two are OpenSpiel's actions {sorted(ours ^ known)}"
