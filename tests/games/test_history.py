"""The history of a batch of games: stories, and chains that are packed."""

from __future__ import annotations

import numpy as np
import pytest

from chesspg.games import history
from chesspg.games.history import Begun, Chosen, History, Played, packed, story


def replaced_again_and_again(turns: int, room: int) -> tuple[History[str], list[tuple[str, list[int]]], int]:
    """Five games of which each turn replaces some by copies of others and plays on in some.

    Returns:
        The history, the story of each game kept as a list, and the most links that the chain ever had.
    """
    rng = np.random.default_rng(5)
    chain: History[str] = Begun(["a", "b", "c", "d", "e"], room)
    kept: list[tuple[str, list[int]]] = [(name, []) for name in "abcde"]
    most = 0
    for _ in range(turns):
        rows = np.where(rng.random(5) < 0.1, rng.integers(5, size=5), np.arange(5))
        rows[4] = 4  # which is never played, so that games begin anew
        fresh = rng.random(4) < 0.1
        rows[:4][fresh] = 4
        actions = np.where(rng.random(5) < 0.7, rng.integers(100, size=5), -1).astype(np.int16)
        actions[4] = -1
        chain = packed(Played(Chosen(chain, rows), actions))
        kept = [(kept[row][0], kept[row][1] + [int(a)] * int(a >= 0)) for row, a in zip(rows, actions, strict=True)]
        most = max(most, links(chain))
    return chain, kept, most


def links(chain: History[str]) -> int:
    count = 0
    while not isinstance(chain, Begun):
        chain, count = chain.before, count + 1
    return count


@pytest.mark.parametrize("room", [1, 2, 7, 100, 10**6])
def test_a_packed_chain_tells_the_same_stories(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "ROOM", room)
    chain, kept, most = replaced_again_and_again(300, room)
    assert [story(chain, index) for index in range(5)] == kept
    longest = 80  # of the games here
    assert max(len(actions) for _, actions in kept) < longest
    assert (most < 4 * longest + room) if room <= 100 else most == 600


def test_a_history_without_moves_is_packed() -> None:
    chain: History[str] = Begun(["a", "b"], room=3)
    for _ in range(3):
        chain = packed(Played(Chosen(chain, np.array([1, 0])), np.full(2, -1, np.int16)))
    assert links(chain) == 2
    assert [story(chain, index) for index in range(2)] == [("b", []), ("a", [])]


def test_no_games_are_packed() -> None:
    nothing = packed(Played(Begun([], room=0), np.empty(0, np.int16)))
    assert links(nothing) == 0
