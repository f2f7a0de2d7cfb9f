"""Hex beside a slow one, in numpy and compiled, and beside OpenSpiel's."""

from __future__ import annotations

import heapq

import numpy as np
import pytest
from others import Hex as Slow
from others import State

from chesspg.games.game import Game, Legal, square_names
from chesspg.games.hex import Hex
from chesspg.games.open_spiel.verify import verify


class InNumpy(Hex):
    """Without numba."""

    compiled = None


GAMES = [Hex(11, swap=True), InNumpy(3, swap=True), InNumpy(8), InNumpy(19)]
EVERY = pytest.mark.parametrize("game", GAMES, ids=lambda game: f"{game.name}, {type(game).__name__}")


def some(legal: Legal, rng: np.random.Generator) -> np.ndarray:
    return legal.take((rng.random(len(legal)) * legal.counts).astype(np.int64))


def cells(words: np.ndarray, size: int) -> list[int]:
    """Which cells are in a plane."""
    return [int(words[cell // 64]) >> cell % 64 & 1 for cell in range(size * size)]


def neighbors(cell: int, size: int) -> list[int]:
    row, column = divmod(cell, size)
    around = [(row + up, column + right) for up, right in ((0, 1), (0, -1), (1, 0), (-1, 0), (1, -1), (-1, 1))]
    return [r * size + c for r, c in around if 0 <= r < size and 0 <= c < size]


def distances(own: list[int], other: list[int], size: int) -> dict[int, int]:
    """How many stones must be added to connect the first row to each cell, by Dijkstra's algorithm."""
    found: dict[int, int] = {}
    queue = [(1 - own[cell], cell) for cell in range(size) if not other[cell]]
    heapq.heapify(queue)
    while queue:
        distance, cell = heapq.heappop(queue)
        if cell not in found:
            found[cell] = distance
            for near in neighbors(cell, size):
                if not other[near]:
                    heapq.heappush(queue, (distance + 1 - own[near], near))
    return found


def turned(cells: list[int], size: int) -> list[int]:
    """Rows and columns exchanged."""
    return np.array(cells).reshape(size, size).T.ravel().tolist()


@EVERY
def test_the_same_games_as_cell_by_cell(game: Hex) -> None:
    rng, size = np.random.default_rng(1), game.size
    slow, games = Slow(size), game.start(max(2, 60 // size))
    last, plies = range(size * (size - 1), size * size), 0
    while len(games):
        seen, ended = games.observe(), games.outcomes()
        every = 1 + size // 2  # the slow rules look at few plies of large boards, and at ends of games
        for row in {*np.flatnonzero(ended.over)[:1].tolist(), *([plies % len(games)] if plies % every < 2 else [])}:
            player, planes = int(seen.player[row]), [cells(words, size) for words in seen.planes[row]]
            own, other = planes[0], planes[3]
            needs = []
            for one, two, first, final in ((own, other, 1, 2), (other, own, 4, 5)):
                if first == 4:
                    one, two = turned(one, size), turned(two, size)
                there, back = distances(one, two, size), distances(one[::-1], two[::-1], size)
                reached = [int(there.get(cell) == 0) for cell in range(size * size)]
                assert planes[first] == (turned(reached, size) if first == 4 else reached)
                reached = [int(back.get(cell) == 0) for cell in reversed(range(size * size))]
                assert planes[final] == (turned(reached, size) if first == 4 else reached)
                needs.append(min([there[cell] for cell in last if cell in there], default=size * size))
            assert games[[row]].heuristic()[0] == (needs[1] - needs[0]) * (1 - 2 * player)
            free = [cell for cell in range(size * size) if not own[cell] and not other[cell]]
            swaps = [size * size] if game.swap and plies == 1 else []
            assert seen.legal[[row]].actions.tolist() == ([] if ended.over[row] else free + swaps)
            if player:
                own, other = turned(own, size), turned(other, size)
            squares = tuple(player if own[c] else 1 - player if other[c] else -1 for c in range(size * size))
            assert slow.verdict(State(squares)) == (ended.outcome[row], ended.reason[row])
        games = games[~ended.over]
        if len(games):
            actions = some(games.observe().legal, rng)
            if game.swap and plies == 1:
                actions[::2] = size * size
            games.play(actions)
        plies += 1
    assert plies > 2 * size


@EVERY
def test_the_same_games_as_open_spiel(game: Hex) -> None:
    pytest.importorskip("pyspiel", reason="OpenSpiel is not installed")
    assert verify(game, 1, games=3 + 1_000 // game.size**2)[1] == []


def test_the_same_games_in_numpy_and_compiled() -> None:
    pytest.importorskip("numba", reason="numba is not installed")
    rng = np.random.default_rng(2)
    games, others = Hex(11, swap=True).start(60), InNumpy(11, swap=True).start(60)
    while len(games):
        ours, theirs = games.observe(), others.observe()
        np.testing.assert_array_equal(ours.planes, theirs.planes)
        np.testing.assert_array_equal(ours.player, theirs.player)
        np.testing.assert_array_equal(ours.legal.actions, theirs.legal.actions)
        np.testing.assert_array_equal(ours.legal.offsets, theirs.legal.offsets)
        np.testing.assert_array_equal(games.heuristic(), others.heuristic())
        ended, expected = games.outcomes(), others.outcomes()
        np.testing.assert_array_equal(ended.outcome, expected.outcome)
        games, others = games[~ended.over], others[~ended.over]
        if len(games):
            actions = some(games.observe().legal, rng)
            games.play(actions)
            others.play(actions)


@pytest.mark.parametrize("game", [Hex(), InNumpy()], ids=["compiled", "numpy"])
def test_who_connects_what(game: Game) -> None:
    start = "/".join(["11"] * 11) + " x"
    column = " ".join(f"c{k} a{k}" for k in range(1, 11)) + " c11"
    row = " ".join(f"{c}11 {c}1" for c in "abcdefghij") + " j10 k1"
    games = game.start([f"{start} moves {column}", f"{start} moves {row}", f"{start} moves {row[:-3]}"])
    assert games.outcomes().outcome.tolist() == [1, -1, 0]
    assert games.outcomes().reason.tolist() == [1, 1, 0]


@pytest.mark.parametrize("game", [Hex(swap=True), InNumpy(swap=True)], ids=["compiled", "numpy"])
def test_a_swap_replaces_the_stone_with_its_mirror_image(game: Hex) -> None:
    start, names, empty = game.initial, square_names(game.board), "/".join(["11"] * 9)
    games = game.start([f"{start} moves c2", f"{start} moves c2 swap", f"{start} moves c2 b3"])
    before, after, answered = games.observe().planes[:, :, 0].tolist()
    c2, b3 = 1 << names.index("c2"), 1 << names.index("b3")
    assert (before[0], before[3]) == (0, b3)  # White sees c2 with rows and columns exchanged
    assert (after[0], after[3]) == (0, b3)  # and Black sees what it is
    assert (answered[0], answered[3]) == (c2, b3)
    assert games.observe().player.tolist() == [1, 0, 0]
    assert game.num_actions - 1 == 121
    assert [121 in games.observe().legal[[row]].actions for row in range(3)] == [True, False, False]
    assert game.move_name(f"{start} moves c2", 121) == "swap"
    assert 121 in game.start([f"11/3x7/{empty} o"]).observe().legal.actions
    for text in f"11/3o7/{empty} o", f"11/3x3x3/{empty} o", f"11/3x7/{empty} x", start:
        assert 121 not in game.start([text]).observe().legal.actions
    with pytest.raises(ValueError, match="swap is illegal"):
        game.start([f"{start} moves c2 swap swap"])
    with pytest.raises(ValueError, match=r"^unknown move 'swap'; expected a cell, a1 to k11$"):
        Hex().parse_move(f"{start} moves c2", "swap")


def test_names_of_cells() -> None:
    game, start = InNumpy(19), InNumpy(19).initial
    assert game.parse_move(start, "S1") == 18
    assert game.parse_move(start + " moves a1", "s1") == 18 * 19  # White sees rows and columns exchanged
    assert game.move_name(start + " moves a1", 18 * 19) == "s1"
    with pytest.raises(ValueError, match=r"^unknown move 't1'; expected a cell, a1 to s19$"):
        game.parse_move(start, "t1")


def test_sizes() -> None:
    assert Hex().board == (11, 11)
    for size in 2, 20:
        with pytest.raises(ValueError, match=rf"^size must be between 3 and 19, got {size}$"):
            Hex(size)


def test_the_board_of_hexagons() -> None:
    board = InNumpy(3, swap=True).render("3/3/3 x moves b1 swap c3")
    assert [line.rstrip() for line in board.splitlines()] == [
        "      a  b  c",
        "       x  x  x",
        "   1  o  ·  ·  ·  o",
        "    2  o  o  ·  ·  o",
        "      3  o  ·  · (x) o",
        "             x  x  x",
    ]
