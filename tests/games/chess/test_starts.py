"""Uneven armies: playable positions, with the share that is set, and the same on every rank for the same seed."""

from __future__ import annotations

import hashlib

import chess
import numpy as np
import pytest

from chesspg.games.chess import Chess
from chesspg.games.chess.starts import UnevenArmies
from chesspg.games.random_plies import RandomPlies
from chesspg.games.randomness import Randomness
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.training.datamodule import SelfPlay

CHESS = Chess()
EVERYONE = np.arange(300)


def test_positions_can_be_played_and_are_uneven() -> None:
    texts = UnevenArmies(share=1.0).positions(CHESS, EVERYONE, Randomness(1))
    boards = [chess.Board(text) for text in texts]
    assert all(board.is_valid() and not board.is_game_over() for board in boards)
    assert not Chess().start(texts).outcomes().over.any()
    sizes = np.array([[chess.popcount(board.occupied_co[color]) for color in chess.COLORS] for board in boards])
    assert sizes.min() == 1  # a bare king
    assert sizes.max() > 10
    more, fewer = sizes.max(axis=1), sizes.min(axis=1)
    assert more.mean() - 1 == pytest.approx(4.4, abs=0.6)  # besides the king
    assert fewer.mean() - 1 == pytest.approx(0.8, abs=0.3)
    assert 2.5 * fewer.sum() < more.sum()
    for half in (sizes[:, 0] > sizes[:, 1], np.array([board.turn for board in boards])):
        assert 0.4 < half.mean() < 0.6


def armies(texts: list[str]) -> list[str]:
    """The pieces of each position in alphabetical order, whatever their color: 'kkq'."""
    return ["".join(sorted(filter(str.isalpha, text.split()[0].lower()))) for text in texts]


@pytest.mark.parametrize(
    ("variant", "both"),
    [
        ("standard", ["kkq", "kkr"]),
        ("chess960", ["kkq", "kkr"]),
        ("kingofthehill", ["kkq", "kkr"]),
        ("atomic", ["kkq"]),
    ],
)
def test_a_queen_or_a_rook_against_a_bare_king(variant: str, both: list[str]) -> None:
    """In atomic chess a rook can't mate a bare king, so that such a game would be over at once."""
    game = Chess(variant)
    texts = UnevenArmies(1.0, bare_king=1.0).positions(game, EVERYONE, Randomness(1))
    assert not game.start(texts).outcomes().over.any()
    assert sorted(set(armies(texts))) == both
    assert all(armies(texts).count(army) > 100 for army in both)
    boards = [chess.Board(text) for text in texts]
    white_ahead = [bool(board.occupied_co[chess.WHITE] & ~board.kings) for board in boards]
    for half in (white_ahead, [board.turn for board in boards]):
        assert 0.4 < np.mean(half) < 0.6


@pytest.mark.parametrize("bare_king", [0.0, 0.3, 1.0])
def test_the_share_of_bare_kings_is_that_of_the_uneven_armies(bare_king: float) -> None:
    games = np.arange(1200)
    texts = UnevenArmies(0.5, bare_king=bare_king).positions(CHESS, games, Randomness(3))
    without = UnevenArmies(0.5).positions(CHESS, games, Randomness(3))
    assert [bool(text) for text in texts] == [bool(text) for text in without]
    if not bare_king:
        assert texts == without
    uneven = armies([text for text in texts if text])
    found = np.mean([army in ("kkq", "kkr") for army in uneven])
    by_chance = 0.044  # of other uneven armies, measured over 5,000
    assert found == pytest.approx(bare_king + (1 - bare_king) * by_chance, abs=0.06 * (bare_king < 1))


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_the_share_is_that_of_the_games(share: float) -> None:
    texts = UnevenArmies(share).positions(CHESS, np.arange(600), Randomness(2))
    count = sum(map(bool, texts))
    assert abs(count - 600 * share) <= 4 * (600 * share * (1 - share)) ** 0.5


def test_the_other_games_start_as_others_says() -> None:
    rng, others = Randomness(2), RandomPlies(6)
    uneven, after_plies = (starts.positions(CHESS, EVERYONE, rng) for starts in (UnevenArmies(0.4), others))
    texts = UnevenArmies(0.4, others=others).positions(CHESS, EVERYONE, rng)
    assert texts == [army or plies for army, plies in zip(uneven, after_plies, strict=True)]
    alike = UnevenArmies(0.4, alike=3, others=others).positions(CHESS, np.arange(900), rng)
    assert alike == [text for text in texts for _ in range(3)]
    for share in (0.0, 1.0):  # nothing is left for one of the two
        assert len(UnevenArmies(share, others=others).positions(CHESS, EVERYONE, rng)) == len(EVERYONE)
    with pytest.raises(ValueError, match=r"^alike of others must be 1, got 2; set alike of UnevenArmies$"):
        UnevenArmies(others=RandomPlies(alike=2))


@pytest.mark.parametrize("bare_king", [0.0, 0.4])
def test_a_start_depends_on_seed_rollout_and_game_alone(bare_king: float) -> None:
    starts = UnevenArmies(1.0, bare_king=bare_king)
    texts = starts.positions(CHESS, EVERYONE, Randomness(1, 5))
    assert [starts.positions(CHESS, np.array([i]), Randomness(1, 5))[0] for i in (3, 77)] == [texts[3], texts[77]]
    assert len(set(texts)) == len(texts)
    for others in (Randomness(1, 6), Randomness(2, 5)):
        assert not set(texts) & set(starts.positions(CHESS, EVERYONE, others))


def test_so_many_games_in_a_row_are_alike() -> None:
    texts = UnevenArmies(1.0, alike=3).positions(CHESS, np.arange(12), Randomness(1))
    assert texts == [text for text in UnevenArmies(1.0).positions(CHESS, np.arange(4), Randomness(1)) for _ in range(3)]
    data = SelfPlay(Chess(), games=12, starts=UnevenArmies(1.0, alike=3))
    assert data.share()[1].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    index, start = data.share(1, 2)
    assert start.tolist() == [i // 3 for i in index]


@pytest.mark.parametrize("variant", ["chess960", "atomic", "kingofthehill"])
def test_positions_are_of_the_rules_that_are_played(variant: str) -> None:
    game = Chess(variant)
    texts = UnevenArmies(share=1.0).positions(game, EVERYONE, Randomness(1))
    assert not game.start(texts).outcomes().over.any()
    data = SelfPlay(game, games=4, starts=UnevenArmies(share=1.0))
    assert data.starts is not None


def test_another_game_has_no_armies() -> None:
    with pytest.raises(
        ValueError, match="UnevenArmies needs chess or a variant of it, got tic-tac-toe; use starts: null"
    ):
        SelfPlay(TicTacToe(), games=4, starts=UnevenArmies())


def test_nobody_alike_is_refused() -> None:
    with pytest.raises(ValueError, match="alike must be at least 1, got 0"):
        UnevenArmies(alike=0)


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_beyond_all_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match=f"^share must be from 0 to 1, got {share}$"):
        UnevenArmies(share)
    with pytest.raises(ValueError, match=f"^bare_king must be from 0 to 1, got {share}$"):
        UnevenArmies(bare_king=share)


@pytest.mark.parametrize(
    ("variant", "digest"),
    [("standard", "41533aa6"), ("chess960", "41533aa6"), ("atomic", "0d9d0a76"), ("kingofthehill", "be6997e9")],
)
def test_positions_stay_those_of_the_first_version(variant: str, digest: str) -> None:
    texts = UnevenArmies(0.9).positions(Chess(variant), np.arange(4000), Randomness(11, 7))
    assert hashlib.sha256("\n".join(texts).encode()).hexdigest().startswith(digest)
