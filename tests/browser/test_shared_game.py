"""The game that all tabs show: its actions, its state, and players that fail."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from typing import Any

import chess
import pytest
import torch
from served import shared

from chesspg.browser.shared_game import Refused, SharedGame
from chesspg.games.chess import Chess
from chesspg.games.connect_four import ConnectFour
from chesspg.games.game import Game
from chesspg.games.hex import Hex
from chesspg.games.othello import Othello
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.players import roster
from chesspg.players.player import Choice, Mixture, Player, Random, Turn
from chesspg.players.policy_player import PolicyPlayer
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy

MATE = "6k1/5ppp/8/8/8/8/5PPP/R5K1 w - - 0 1"


class Tab:
    """Asks as a tab does, and waits for the reply of the player."""

    def __init__(self, game: SharedGame) -> None:
        self.game, self.news = game, threading.Event()
        game.on_change = self.news.set
        game.start()
        self.settle()

    @property
    def state(self) -> dict[str, Any]:
        return self.game.state

    def settle(self) -> None:
        """Wait until the player has moved."""
        for _ in range(1000):
            state = self.state
            if state["mover"] in (None, state["seat"]) or state["paused"] or state["status"] == "failed":
                return
            self.news.wait(0.01)
            self.news.clear()
        raise AssertionError("the player does not move")

    def ask(self, action: str, **more: Any) -> dict[str, Any]:
        self.game.ask({"action": action, "revision": self.game.revision, **more}).result(10)
        self.settle()
        return self.state

    @property
    def moves(self) -> list[str]:
        return [position["move"]["name"] for position in self.state["positions"][1:]]


def policy(game: Game, *, value: bool = True) -> PolicyPlayer:
    torch.manual_seed(0)
    return PolicyPlayer(Policy(game, MLP(game, hidden=(4,), value=value)))


def test_a_game_from_the_first_move_to_mate() -> None:
    tab = Tab(shared(start=MATE))
    assert tab.state["status"] == "ready"
    assert {"name": "Ra8#", "uci": "a1a8"} in tab.state["legal"]
    state = tab.ask("move", move="a1a8")
    assert (state["result"], state["verdict"], state["mover"]) == ("1-0", "White wins: checkmate – you won.", None)
    assert state["positions"][1]["check"]
    assert state["positions"][1]["move"] == {"name": "Ra8#", "uci": "a1a8"}
    assert state["legal"] == []
    assert '[FEN "6k1/5ppp/8/8/8/8/5PPP/R5K1 w - - 0 1"]' in state["pgn"]
    assert state["pgn"].endswith("1. Ra8# 1-0\n")
    with pytest.raises(ValueError, match="the game is over"):
        tab.ask("move", move="h3")
    assert tab.ask("undo")["result"] == ""


def test_replies_undo_and_an_earlier_position() -> None:
    tab = Tab(shared())
    tab.ask("move", move="e4")
    tab.ask("move", move="d2d4")
    assert len(tab.moves) == 4
    assert tab.state["movers"] == [0, 1, 0, 1]
    first = tab.moves[:2]
    tab.ask("undo")
    assert tab.moves == first
    tab.ask("back", ply=1)  # the player moves again, as it did
    assert tab.moves == first
    tab.ask("back", ply=0)
    assert tab.moves == []
    for ply in (-1, 5, "1", None, True, 1.0):
        with pytest.raises(ValueError, match=r"plies|whole number"):
            tab.ask("back", ply=ply)
    with pytest.raises(ValueError, match="no move of yours"):
        tab.ask("undo")


def test_a_mistake_changes_nothing() -> None:
    tab = Tab(shared())
    before = tab.state
    for text in ("fish", "e5", "", "<b>e4</b>", "e2e4\n", "0000", "é" * 1000):
        with pytest.raises(ValueError) as error:
            tab.ask("move", move=text)
        assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match=r"^no move was given; expected one such as \w+$"):
        tab.ask("move", move=" ")
    for wrong in (None, 3, ["e4"], {"move": "e4"}):
        with pytest.raises(ValueError, match=r"move must be text|unknown move"):
            tab.ask("move", move=wrong)
    assert {**tab.state, "update": 0} == {**before, "update": 0}


def test_a_request_from_an_older_position_is_refused() -> None:
    tab = Tab(shared())
    old = tab.game.revision
    tab.ask("move", move="e4")
    for revision in (old, None, "0", -1, tab.game.revision + 1):
        with pytest.raises(Refused, match="changed in the meantime"):
            tab.game.ask({"action": "undo", "revision": revision})
    assert len(tab.moves) == 2


class Waiting(Random):
    """A player that moves when it is allowed to."""

    def __init__(self) -> None:
        self.go = threading.Event()

    def choose(self, turn: Turn) -> Choice:
        self.go.wait(10)
        return super().choose(turn)


def test_nothing_can_be_done_while_the_player_thinks() -> None:
    player = Waiting()
    tab = Tab(shared(player=player))
    tab.game.ask({"action": "move", "revision": 0, "move": "e4"}).result(10)
    assert tab.state["status"] == "thinking"
    assert tab.state["mover"] == 1
    for action in ("undo", "move", "new"):
        with pytest.raises(Refused, match="wait for the move of random"):
            tab.game.ask({"action": action, "revision": tab.game.revision, "move": "e5"})
    player.go.set()
    tab.settle()
    assert tab.state["status"] == "ready"


def test_whoever_sees_a_state_may_act_on_it_at_once() -> None:
    tab = Tab(shared())
    seen = []
    tab.game.on_change = lambda: seen.append((tab.state["revision"], tab.game.busy))
    tab.ask("move", move="e4")
    assert seen[-2:] == [(1, True), (2, False)]


def test_after_the_end_an_action_is_refused_at_once() -> None:
    tab = Tab(shared())
    tab.game.stop()
    with pytest.raises(Refused, match="the server ends"):
        tab.ask("move", move="e4")


def test_moves_may_be_made_before_the_player_is_loaded() -> None:
    future: Future[Player] = Future()
    tab = Tab(shared(player=future))
    assert tab.state["status"] == "loading"
    tab.game.ask({"action": "move", "revision": 0, "move": "e4"}).result(10)
    assert tab.moves == ["e4"]
    future.set_result(Random())
    tab.settle()
    assert len(tab.moves) == 2


def test_a_player_that_cannot_be_loaded_is_one_line() -> None:
    future: Future[Player] = Future()
    future.set_exception(ValueError("x.safetensors is damaged:\n at byte 3"))
    tab = Tab(shared(player=future, name="x.safetensors"))
    for _ in range(2):  # at once, and after a move
        assert tab.state["status"] == "failed"
        assert tab.state["message"] == "x.safetensors fails: x.safetensors is damaged: at byte 3"
        if not tab.moves:
            tab.ask("move", move="e4")
    assert tab.moves == ["e4"]  # the game is kept
    with pytest.raises(ValueError, match="damaged"):
        tab.ask("go")


class Broken:
    """A player with a bug."""

    def choose(self, turn: Turn) -> Choice:
        raise RuntimeError("no\nway")


def test_a_player_that_raises_is_one_line_and_the_game_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    tab = Tab(shared(player=Broken()))
    tab.ask("move", move="e4")
    assert tab.state["message"] == "random fails: no way"
    assert "RuntimeError" in capsys.readouterr().err  # for a report of the bug, in the terminal
    assert tab.ask("switch")["message"] == ""
    assert tab.ask("move", move="e5")["positions"][2]["move"]["name"] == "e5"


class GivesUp(Random):
    def choose(self, turn: Turn) -> Choice:
        return Choice(super().choose(turn).index, forfeits={0: "the engine ended"})


def test_an_engine_that_ends_loses_the_game_in_one_line() -> None:
    tab = Tab(shared(player=GivesUp(), name="uci:engine"))
    state = tab.ask("move", move="e4")
    assert state["verdict"] == "White wins: forfeit (the engine ended) – you won."


def test_sides_resignation_and_moves_of_the_player_for_the_person() -> None:
    tab = Tab(shared())
    assert tab.ask("switch")["seat"] == 1
    assert len(tab.moves) == 1  # it has White now
    tab.ask("go")
    assert len(tab.moves) == 3
    assert tab.ask("resign")["verdict"] == "White wins: resignation – you lost."
    for action in ("resign", "switch", "go", "continue"):
        with pytest.raises(ValueError, match="the game is over"):
            tab.ask(action)


def test_new_games_from_the_start_a_fen_and_a_pgn() -> None:
    tab = Tab(shared())
    start = tab.state["position"]
    assert tab.ask("new", text=MATE, side="1")["seat"] == 1
    assert len(tab.moves) == 1
    assert tab.ask("new", text="", side="0")["position"] == start
    state = tab.ask("new", text='[White "Ann"]\n[Black "?"]\n\n1. e4 {a comment} e5 (1... c5) 2. Qh5 Ke7 3. Qxe5# 1-0')
    assert tab.moves == ["e4", "e5", "Qh5", "Ke7", "Qxe5#"]
    assert state["verdict"] == "White wins: checkmate – you won."
    assert '[White "Ann and you"]' in state["pgn"]
    assert '[Black "random"]' in state["pgn"]
    seats = {tab.ask("new", side="random")["seat"] for _ in range(20)}
    assert seats == {0, 1}
    with pytest.raises(ValueError, match="side must be 0, 1 or random, got 'x'"):
        tab.ask("new", side="x")


def test_a_loaded_game_waits_to_be_continued() -> None:
    tab = Tab(shared())
    assert tab.ask("new", text="1. e4 e5 2. Nf3", side="0")["paused"]
    assert tab.moves == ["e4", "e5", "Nf3"]
    assert not tab.ask("continue")["paused"]
    assert len(tab.moves) == 4
    tab.ask("new", text="1. e4 e5 2. Nf3", side="0")
    assert not tab.ask("back", ply=2)["paused"]
    assert tab.moves == ["e4", "e5"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("hello", "'hello' is not a position of chess: as a FEN, its first part must be 8 ranks with a / between them"),
        ("8/8/8/8/8/8/8/8 w - - 0 1", "not a legal position of chess"),
        ("1. e4 e5 2. Ke4 *", "PGN, line 1: Ke4 is illegal after 2 plies"),
        ("1. e4 \u202ee5 *", r"\u202ee5 is illegal"),  # which would turn the direction of the line
        ('[Variant "Atomic"]\n\n1. e4 *', "Atomic instead of chess"),
        ('[FEN "x/y"]\n\n1. e4 *', "start position"),
        ("(;FF[4]GM[2])", "no game"),
        ("7k/5Q2/6K1/8/8/8/8/8 b - - 0 1", "the game is over in"),
    ],
)
def test_texts_that_cannot_be_read_are_one_line(text: str, line: str) -> None:
    tab = Tab(shared())
    tab.ask("move", move="e4")
    before = tab.state
    with pytest.raises(ValueError) as error:
        tab.ask("new", text=text)
    assert line in str(error.value)
    assert "\n" not in str(error.value)
    assert tab.state["pgn"] == before["pgn"]


def test_likely_moves_value_and_temperature_of_a_policy() -> None:
    game = TicTacToe()
    names: list[str] = []

    def rebuild(text: str) -> Player:
        names.append(text)
        return PolicyPlayer(policy(game).policy, float(text.partition("temperature=")[2]))

    tab = Tab(shared(game, Mixture(policy(game), 0.5), name="run?temperature=2", rebuild=rebuild))
    opinion = tab.state["opinion"]
    assert sum(move["probability"] for move in opinion["likely"]) <= 1
    assert [move["probability"] for move in opinion["likely"]] == sorted(
        (move["probability"] for move in opinion["likely"]), reverse=True
    )
    assert all(move["squares"] == [tab.state["shape"]["squares"].index(move["name"])] for move in opinion["likely"])
    assert -1 <= opinion["value"] <= 1
    assert tab.state["temperature"] == 1
    state = tab.ask("temperature", temperature="0.25")
    assert (state["temperature"], state["player"], names) == (0.25, "run?temperature=0.25", ["run?temperature=0.25"])
    assert tab.ask("temperature", temperature="0")["temperature"] == 0
    for wrong in ("-1", "x", "nan", "", "1e400"):
        with pytest.raises(ValueError, match=r"^the temperature must be"):
            tab.ask("temperature", temperature=wrong)
    tab.ask("move", move="b2")
    assert tab.game.opinion(0).result(10)["likely"][0]["name"]
    with pytest.raises(ValueError, match="plies"):
        tab.game.opinion(99).result(10)


def test_a_policy_without_a_value_head_has_no_value() -> None:
    tab = Tab(shared(TicTacToe(), policy(TicTacToe(), value=False), rebuild=lambda text: Random()))
    assert tab.state["opinion"]["value"] is None
    assert tab.state["opinion"]["likely"]


def test_a_player_without_a_policy_has_no_temperature() -> None:
    tab = Tab(shared())
    assert tab.state["opinion"] is None
    assert tab.state["temperature"] is None
    assert not tab.state["policy"]
    with pytest.raises(ValueError, match="random has no temperature"):
        tab.ask("temperature", temperature="1")


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("run", "run?temperature=0.5"),
        ("run?temperature=2", "run?temperature=0.5"),
        ("run?random=0.3&temperature=2", "run?random=0.3&temperature=0.5"),
    ],
)
def test_the_temperature_in_a_string_is_replaced(text: str, changed: str) -> None:
    assert roster.with_temperature(text, 0.5) == changed


def test_moves_of_other_games_have_their_squares() -> None:
    four = Tab(shared(ConnectFour()))
    assert four.state["shape"]["columnar"]
    assert [move["squares"] for move in four.state["legal"]] == [list(range(c, 42, 7)) for c in range(7)]
    state = four.ask("move", move="d")
    assert state["positions"][1]["cells"][38] == "x"  # square d1, as row 6 is at the top
    assert state["positions"][1]["last"] == [38]
    assert state["shape"]["squares"][38] == "d1"

    othello = Tab(shared(Othello()))
    shape = othello.state["shape"]
    assert shape["words"] == ["pass"]
    assert shape["namesOnTop"]
    assert all([shape["squares"][at] for at in move["squares"]] == [move["name"]] for move in othello.state["legal"])
    assert othello.state["sgf"].startswith("(;FF[4]")

    six = Tab(shared(Hex(size=5, swap=True), seat=1))
    shape = six.state["shape"]
    assert (shape["hexagonal"], shape["sides"], shape["words"]) == (True, ["#000000", "#ffffff"], ["swap"])
    assert {"name": "swap"} in six.state["legal"]


def test_a_saved_game_of_another_game_is_loaded_again() -> None:
    tab = Tab(shared(Othello()))
    tab.ask("move", move="d3")
    for name in ("pgn", "sgf", "position"):
        text = tab.state[name]
        moves = tab.moves
        tab.ask("new", text="", side="0")
        assert tab.moves == []
        assert tab.ask("new", text=text, side="0")["paused"]
        assert tab.moves == moves
    with pytest.raises(ValueError, match="ply 2"):
        tab.ask("new", text="1. d3 d3", side="0")


def test_a_game_without_a_board_is_text() -> None:
    pytest.importorskip("pyspiel", reason="needs OpenSpiel")
    from chesspg.games.open_spiel import OpenSpiel

    tab = Tab(shared(OpenSpiel("clobber")))
    assert tab.state["shape"] == {"kind": "text"}
    move = tab.state["legal"][0]["name"]
    state = tab.ask("move", move=move)
    assert f"last move: {tab.moves[-1]}" in state["positions"][-1]["text"]
    assert tab.moves[0] == move


def test_moves_in_the_start_position_can_be_looked_at() -> None:
    game = Chess()
    start = game.start(1).position(0)
    tab = Tab(shared(game, start=f"{start} moves e2e4 e7e5"))
    assert tab.moves == ["e4", "e5"]
    assert tab.ask("new")["position"] == tab.state["position"]


@pytest.mark.parametrize("game", [Chess(), Othello()])
def test_a_large_text_is_refused_soon(game: Game) -> None:
    """A regular expression that is not linear would hold up every tab for an hour."""
    tab = Tab(shared(game))
    began = time.monotonic()
    for text in ("x" + "\n" * 100_000 + "x", "1. " + "Nf3 Nf6 Ng1 Ng8 " * 60_000, "(;" + ";B[d3]" * 160_000 + ")"):
        with pytest.raises(ValueError, match=r"not a position|no game|at most 1,000 plies|is of"):
            tab.ask("new", text=text)
    assert time.monotonic() - began < 20


def test_the_time_of_a_long_game_does_not_grow_with_the_square(monkeypatch: pytest.MonkeyPatch) -> None:
    read, parse = [], chess.Board.parse_uci
    monkeypatch.setattr(chess.Board, "parse_uci", lambda board, uci: read.append(uci) or parse(board, uci))
    tab = Tab(shared())
    tab.ask("new", text="1. " + " ".join(f"{file}{a} {file}{b}" for a, b in ((3, 6), (4, 5)) for file in "abcdefgh"))
    assert len(tab.moves) == 32
    assert len(read) < 5 * 32


def test_a_game_that_is_too_long_or_goes_on_after_its_end_is_refused() -> None:
    tab = Tab(shared())
    for times, why in ((251, "at most 1,000 plies"), (5, "the game is over after")):
        with pytest.raises(ValueError, match=why):
            tab.ask("new", text="1. " + "Nf3 Nf6 Ng1 Ng8 " * times)
