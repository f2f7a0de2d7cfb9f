"""The study of stalemates: which it counts, what it says about them, and its command."""

from __future__ import annotations

import math

import chess
import pytest
import torch

from chesspg.games.chess import Chess
from chesspg.players import roster
from chesspg.players.policy_player import PolicyPlayer
from chesspg.policy.networks import ResidualNet
from chesspg.policy.policy import Policy
from studies import stalemates


def uniform_player(value: bool) -> PolicyPlayer:
    """A player whose moves are all equally likely, and which expects 0 if it has a value head."""
    network = ResidualNet(Chess(), channels=2, blocks=0, value=value)
    for parameter in network.parameters():
        torch.nn.init.zeros_(parameter)
    return PolicyPlayer(Policy(Chess(), network))


@pytest.fixture(scope="module")
def played() -> tuple[list[stalemates.Stalemate], dict[str, int]]:
    return stalemates.stalemates(uniform_player(value=True), games=200, seed=1)


def test_it_counts_the_stalemates_that_the_player_gave(
    played: tuple[list[stalemates.Stalemate], dict[str, int]],
) -> None:
    found, ends = played
    assert sum(ends.values()) == 200
    assert 0 < len(found) < ends["stalemate"]  # random moves give about as many
    turns = {Chess().to_board(one.position).turn for one in found}
    assert turns == {chess.WHITE, chess.BLACK}


def test_random_moves_do_not_stalemate_a_policy_that_learned() -> None:
    with roster.players(["chess_gpu?temperature=0.01"], Chess()) as (player,):
        assert isinstance(player, PolicyPlayer)
        found, ends = stalemates.stalemates(player, games=100, seed=1)
    assert len(found) == ends["stalemate"] > 0
    for one in found:
        board = Chess().to_board(one.position)
        mine, theirs = (chess.popcount(board.occupied_co[side]) for side in (board.turn, not board.turn))
        assert mine > theirs
        assert one.value > 0.5


def test_it_says_how_likely_the_moves_were(played: tuple[list[stalemates.Stalemate], dict[str, int]]) -> None:
    for one in played[0]:
        board = Chess().to_board(one.position)
        moves = list(board.legal_moves)
        ends = []
        for move in moves:
            board.push(move)
            ends.append((board.is_stalemate(), board.is_checkmate()))
            board.pop()
        given, mates = (sum(column) for column in zip(*ends, strict=True))
        assert given > 0
        assert one.stalemating == pytest.approx(given / len(moves))
        assert one.mating == pytest.approx(mates / len(moves))
        assert one.can_mate == (mates > 0)
        assert one.value == 0


def test_without_a_value_head_it_expects_nothing() -> None:
    found, _ = stalemates.stalemates(uniform_player(value=False), games=100, seed=1)
    assert found
    assert all(math.isnan(one.value) for one in found)


def test_the_command_prints_a_row_for_each_policy(capsys: pytest.CaptureFixture[str]) -> None:
    assert stalemates.main(["chess_quick", "chess_quick?temperature=0.3", "--games", "20"]) == 0
    rows = [row for row in capsys.readouterr().out.splitlines() if not row.startswith(" ")]
    assert [row.split("  ")[0] for row in rows] == ["chess_quick", "chess_quick?temperature=0.3"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["nobody"], "nobody"), (["random"], "random has no probabilities"), (["chess_quick", "--games", "1"], "--games")],
)
def test_what_cannot_be_played(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        stalemates.main(arguments)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err
