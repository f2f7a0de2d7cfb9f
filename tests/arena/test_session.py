"""One game with a person in it: turns, taking back, hints and endings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from chesspg.arena.session import Session
from chesspg.games.chess import Chess
from chesspg.games.game import Game
from chesspg.games.randomness import Randomness
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.players.player import Choice, Greedy, Random, Turn
from chesspg.players.policy_player import PolicyPlayer
from chesspg.players.roster import player_from_string
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy

CHESS = Chess(backend="python-chess")


def session(game: Game = CHESS, seat: int = 0, start: str = "", seed: int = 0) -> Session:
    return Session(game, seat, Randomness(seed), start or game.start(1).position(0))


def test_turns_and_numbers() -> None:
    one = session()
    assert one.to_move
    assert one.number == "1."
    assert one.move("Nf3") == "Nf3"
    assert not one.to_move
    assert one.number == "1..."
    one.reply(Random())
    assert one.to_move
    assert one.number == "2."
    black = session(seat=1)
    assert not black.to_move
    assert session(seat=1, start="rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq - 0 1").number == "1..."


def test_mistakes_leave_the_game_as_it_was() -> None:
    one = session(start="4k3/8/8/8/8/8/4K3/R6R w - - 0 1")
    for text, word in (("Rd1", "ambiguous"), ("Ke8", "illegal"), ("fish", "unknown move")):
        before = one.position
        with pytest.raises(ValueError, match=word):
            one.move(text)
        assert one.position == before


def test_replies_follow_from_the_seed_and_tell_their_probability() -> None:
    replies = []
    for seed in (1, 1, 2, 3, 4):
        one = session(seed=seed)
        one.move("e4")
        replies.append(one.reply(Random()))
    assert replies[0] == replies[1]
    assert all(replies)
    assert len({reply.name for reply in replies if reply}) > 2
    assert replies[0] is not None
    assert replies[0].probability == pytest.approx(1 / 20)


@pytest.mark.parametrize("option", ["", "?temperature=0"])
def test_hints_and_replies_of_a_policy(runs: Path, option: str) -> None:
    player = player_from_string(f"{runs / 'chess'}{option}", CHESS)
    one = session(seat=1)
    hints = one.hint(player, 20)
    assert [hint.name for hint in hints] != sorted(hint.name for hint in hints)
    assert sum(hint.probability for hint in hints) == pytest.approx(1)
    assert [hint.probability for hint in hints] == sorted((hint.probability for hint in hints), reverse=True)
    assert one.hint(player) == hints[:5]
    reply = one.reply(player)
    assert reply in hints  # the same move with the same probability
    if option:
        assert reply == hints[0]


def test_no_hint_from_players_without_a_policy() -> None:
    with pytest.raises(ValueError, match="no policy"):
        session().hint(Greedy())


def test_undo_takes_back_the_persons_move_and_the_reply() -> None:
    one = session()
    with pytest.raises(ValueError, match="no move of yours"):
        one.undo()
    one.move("e4")
    after_one = one.position
    one.undo()
    assert one.position == "startpos" or "moves" not in one.position
    one.move("e4")
    assert one.position == after_one
    one.reply(Random())
    kept = one.position
    one.move(one.legal_moves()[0])
    one.reply(Random())
    one.undo()
    assert one.position == kept
    assert one.to_move
    one.undo()
    assert one.number == "1."


def test_black_cannot_take_back_whites_first_move() -> None:
    one = session(seat=1)
    one.reply(Random())
    with pytest.raises(ValueError, match="no move of yours"):
        one.undo()
    first = one.position
    one.move("e5")
    one.undo()
    assert one.position == first


def test_undo_after_a_change_of_sides() -> None:
    """Undo goes back to the last move of the side that the person has now, whoever made it."""
    one = session()
    one.move("e4")
    one.reply(Random())
    one.switch()
    assert not one.to_move
    assert one.authors("me", "it")["White"] == "me and it"
    assert one.authors("me", "it")["Black"] == "it and me"
    one.reply(Random())
    one.undo()
    assert one.number == "1..."
    assert one.to_move
    assert one.authors("me", "it")["Black"] == "me"
    one.move("c5")
    assert one.authors("me", "it")["Black"] == "me"


def test_a_new_game_keeps_seats_and_start() -> None:
    one = session(seat=1, start="4k3/8/8/8/8/8/4P3/4K3 w - - 0 1")
    one.reply(Random())
    after = one.new()
    assert (after.seat, after.start, after.number) == (1, one.start, "1.")
    assert after.new("startpos").position.startswith("rnbq")
    with pytest.raises(ValueError, match="the game is over in 'rnb1kbnr"):
        one.new("rnb1kbnr/pppp1ppp/8/4p3/6Pq/5P2/PPPPP2P/RNBQKBNR w KQkq - 1 3")
    with pytest.raises(ValueError, match="not a position"):
        one.new("rubbish")


def test_a_mixture_tells_its_own_probabilities(runs: Path) -> None:
    plain, mixed = (player_from_string(f"{runs / 'chess'}{option}", CHESS) for option in ("", "?random=0.5"))
    pure = {one.name: one.probability or 0 for one in session().hint(plain, 20)}
    for one in session().hint(mixed, 20):
        assert one.probability == pytest.approx(0.5 / 20 + 0.5 * pure[one.name])
    replied = session(seat=1)
    reply = replied.reply(mixed)
    assert reply is not None
    assert reply.probability == pytest.approx(0.5 / 20 + 0.5 * pure[reply.name])


def test_the_value_is_of_white(runs: Path) -> None:
    torch.manual_seed(0)
    policy = Policy(CHESS, MLP(CHESS, hidden=(4,), value=True).requires_grad_(False))
    player = PolicyPlayer(policy)
    for moves, sign in (([], 1), (["e4"], -1)):
        one = session()
        for move in moves:
            one.move(move)
        own = policy.observe(CHESS.start([one.position]).observe()).value
        assert own is not None
        assert one.value(player) == pytest.approx(sign * float(own[0]))
    with pytest.raises(ValueError, match="no value head"):
        session().value(player_from_string(str(runs / "chess"), CHESS))
    with pytest.raises(ValueError, match="has no policy"):
        session().value(Greedy())


def test_undo_after_mate_and_after_resigning() -> None:
    mate = session(start="rnbqkbnr/pppp1ppp/8/4p3/6P1/5P2/PPPPP2P/RNBQKBNR b KQkq - 0 2", seat=1)
    mate.move("Qh4")
    assert (mate.result, mate.reason, mate.verdict) == ("0-1", "checkmate", "Black wins: checkmate – you won")
    assert mate.legal_moves() == []
    mate.undo()
    assert mate.result == ""
    mate.resigned = True
    assert (mate.result, mate.verdict) == ("1-0", "White wins: resignation – you lost")
    mate.undo()
    assert mate.result == ""
    white = session()
    white.resigned = True
    assert white.result == "0-1"


@pytest.mark.parametrize(("seat", "result"), [(0, "1-0"), (1, "0-1")])
def test_a_player_that_gives_up_has_lost(seat: int, result: str) -> None:
    class Broken:
        def choose(self, turn: Turn) -> Choice:
            return Choice(np.zeros(1, np.int64), forfeits={0: "it crashed"})

    one = session(seat=seat)
    if seat == 0:
        one.move("e4")
    assert one.reply(Broken()) is None
    assert (one.result, one.to_move) == (result, False)
    assert one.reason == "forfeit (it crashed)"
    if seat == 0:
        one.undo()
        assert one.to_move
    else:
        with pytest.raises(ValueError, match="no move of yours"):
            one.undo()
        assert (one.result, one.to_move) == (result, False)  # it is not the person's move now


def test_a_draw_in_words() -> None:
    one = session(TicTacToe(), start="3/3/3 x moves a1 b1 c1 a2 b2 a3 b3 c3")
    one.move("c2")
    assert (one.result, one.verdict) == ("1/2-1/2", "a draw: full board")


def test_a_start_that_is_over_or_unreadable() -> None:
    with pytest.raises(
        ValueError, match=r"the game is over in .* \(Black wins: checkmate\); expected a position with a legal move"
    ):
        session(start="rnb1kbnr/pppp1ppp/8/4p3/6Pq/5P2/PPPPP2P/RNBQKBNR w KQkq - 1 3")
    with pytest.raises(ValueError, match="not a position of chess"):
        session(start="rubbish")


def test_legal_moves_have_their_names() -> None:
    assert session(TicTacToe(), start="3/3/3 x moves a1 b2").legal_moves() == ["b1", "c1", "a2", "c2", "a3", "b3", "c3"]
    assert "Nf3" in session().legal_moves()


def test_without_torch_state() -> None:
    """Playing does not change torch's generator: all random numbers come from Randomness."""
    before = torch.get_rng_state()
    one = session()
    one.move("e4")
    one.reply(Random())
    assert torch.equal(before, torch.get_rng_state())


def test_an_earlier_position_can_be_looked_at_and_gone_back_to() -> None:
    one = session()
    for move in ("e4", "e5", "Nf3"):
        one.move(move)
    earlier = one.at(1)
    assert (earlier.shown.split()[1], len(earlier.plies)) == ("b", 1)
    assert len(one.plies) == 3
    one.resigned = True
    one.back(2)
    assert (one.position, one.result) == (earlier.game.start([f"{one.start} moves e2e4 e7e5"]).position(0), "")
    with pytest.raises(ValueError, match="the game has 2 plies, got 3"):
        one.back(3)
    assert one.at(2).position == one.position


def test_a_game_can_be_loaded_and_keeps_the_names_of_its_players() -> None:
    one = session()
    one.load(["e4", "e7e5", "Nf3"], ("Ann", ""))
    assert [ply.seat for ply in one.plies] == [0, 1, 0]
    assert one.authors("you", "random") == {"White": "Ann and you", "Black": "random"}
    one.undo()
    assert len(one.plies) == 2
    with pytest.raises(ValueError, match="ply 2: Ke8 is illegal here"):
        one.load(["d4", "Ke8"])


def test_a_reason_that_only_repeats_the_result_is_left_out() -> None:
    class Terse(TicTacToe):
        reasons = ("ongoing", "win", "draw")

    drawn = session(Terse(), start="3/3/3 x moves a1 b1 c1 a2 b2 a3 b3 c3")
    drawn.move("c2")
    assert drawn.verdict == "a draw"
    won = session(Terse(), start="3/3/3 x moves a1 b1 a2 b2")
    won.move("a3")
    assert won.verdict == f"{Terse().seats[0]} wins – you won"
