"""A match between two players: each opening is played twice with seats swapped, and all games run at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from chesspg.arena.match_result import FORFEITED, TRUNCATED, MatchResult
from chesspg.arena.openings import Unplayable, default_plies, random_openings
from chesspg.games.game import Game, split_position
from chesspg.games.randomness import Randomness
from chesspg.players.player import Player
from chesspg.selfplay.rollout import FORFEIT, Rollout
from chesspg.selfplay.shares import added, place, play_on

ON_A_GPU = 1000  # pairs of games that are played at once on a GPU, where a small part takes as long as a large one


def play_match(
    game: Game,
    a: Player,
    b: Player,
    games: int,
    *,
    opening_plies: int | None = None,
    seed: int = 0,
    max_plies: int | None = None,
    on_ply: Callable[[int, int], None] | None = None,
) -> MatchResult:
    """Play a match on random openings, each opening once with either color.

    Args:
        game: The game to play.
        a: The player from whose side the result is seen.
        b: The opponent.
        games: Number of games, even; half as many openings are played.
        opening_plies: Random plies in an opening; by default an eighth of the squares of the board, 8 in chess.
        seed: Seed of the openings and of all moves.
        max_plies: See `play_in_parts`.
        on_ply: See `play_in_parts`.

    Returns:
        The result.

    Raises:
        Unplayable: No match can be played with these numbers; raised before the first move.
    """
    plies = default_plies(game) if opening_plies is None else opening_plies
    if games <= 0 or games % 2:
        raise Unplayable(f"games must be an even number of at least 2, since each opening is played twice, got {games}")
    if plies < 0:
        raise Unplayable(f"opening_plies must be at least 0, got {plies}")
    openings = random_openings(game, games // 2, plies, seed)
    (result,) = play_in_parts(game, a, b, openings, seed=seed, max_plies=max_plies, on_ply=on_ply)
    return result


def play_in_parts(
    game: Game,
    a: Player,
    b: Player,
    openings: Sequence[str],
    *,
    seed: int = 0,
    max_plies: int | None = None,
    part: int | None = None,
    before: MatchResult | None = None,
    on_ply: Callable[[int, int], None] | None = None,
) -> Iterator[MatchResult]:
    """Play each opening twice with seats swapped, and yield the result so far after each part of the match.

    If the policies are on a GPU that has the game's rules, and the other player does not need the host, the games are
    played there, several parts at once. The results after each part are the same. If the caller stops, the games of
    later parts are dropped.

    Args:
        game: The game to play.
        a: The player from whose side the result is seen.
        b: The opponent.
        openings: Positions to start from.
        seed: Seed of all moves.
        max_plies: A game of this length, including the longest opening, is stopped and counted as a draw and as
            truncated. None never stops a game; random players may need hundreds of plies per game.
        part: Number of pairs of games in a part, which are played at once; all pairs by default. The games don't depend
            on it, except that a network may round differently in a batch of another size.
        before: Result of the first pairs, which are not played again.
        on_ply: Called after each ply with the number of finished games and of plies played so far, both without those
            of `before`.

    Yields:
        The result so far, `before` included.

    Raises:
        Unplayable: max_plies leaves no ply to play after the opening; raised before the first move.
    """
    longest = max(len(split_position(opening)[1]) for opening in openings)
    if max_plies is not None and max_plies <= longest:
        raise Unplayable(f"max_plies must be greater than {longest}, the plies of the longest opening, got {max_plies}")
    first = before.games // 2 if before else 0
    rng, seats = Randomness(seed), (a, b)
    over = plies = 0
    device = place(game, seats)
    part = part or len(openings)
    at_once = -(-ON_A_GPU // part) * part if device and part < ON_A_GPU else part
    for start in range(first, len(openings), at_once):
        some = openings[start : start + at_once]
        index = 2 * start + np.arange(2 * len(some))
        rollout = play_on(
            device,
            game,
            game.start([opening for opening in some for _ in range(2)]),
            [seats, seats[::-1]] * len(some),
            rng,
            max_plies=None if max_plies is None else max_plies - longest,
            index=index,
            on_ply=added(on_ply, over, plies),
        )
        over, plies = over + len(index), plies + int(rollout.length.sum())
        played = _result(game, rollout)
        for at in range(0, played.games, 2 * part):
            next_part = played.part(at, at + 2 * part)
            before = before + next_part if before else next_part
            yield before


def _result(game: Game, rollout: Rollout) -> MatchResult:
    rollout.require_reasons(game)
    signs = (1, -1) * (len(rollout.outcome) // 2)
    names = {**dict(enumerate((TRUNCATED, *game.reasons[1:]))), FORFEIT: FORFEITED}
    return MatchResult(
        results=tuple((1 + sign * outcome) / 2 for sign, outcome in zip(signs, rollout.outcome.tolist(), strict=True)),
        positions=tuple(rollout.positions()),
        reasons=tuple(names[reason] for reason in rollout.reason.tolist()),
        seconds=rollout.seconds,
        forfeits=rollout.forfeits,
        values=rollout.values,
    )
