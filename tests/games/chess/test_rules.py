"""How the rules of chess end games, in every backend that plays standard chess."""

from __future__ import annotations

import re

import chess
import numpy as np
import pytest

from chesspg.games.chess import Chess
from chesspg.games.chess.notation import ChessNotation
from chesspg.games.game import Games, IllegalAction

KNIGHTS_OUT_AND_BACK = "g1f3 g8f6 f3g1 f6g8"


@pytest.fixture(params=["python-chess", "bitboards"])
def game(request: pytest.FixtureRequest) -> Chess:
    return Chess(backend=request.param)


def verdict(game: Chess, position: str) -> tuple[int, str]:
    outcomes = game.start([position]).outcomes()
    return int(outcomes.outcome[0]), game.reasons[outcomes.reason[0]]


@pytest.mark.parametrize(
    ("position", "outcome"),
    [
        ("startpos moves f2f3 e7e5 g2g4 d8h4", -1),
        ("startpos moves e2e4 e7e5 d1h5 b8c6 f1c4 g8f6 h5f7", 1),
        ("6k1/5ppp/8/8/8/8/8/R5K1 w - - 0 1 moves a1a8", 1),
        ("r6k/8/8/8/8/8/5PPP/6K1 b - - 0 1 moves a8a1", -1),
        ("7k/5P2/6K1/8/8/8/8/8 w - - 0 1 moves f7f8q", 1),
        ("k7/8/1K6/8/8/8/8/7R w - - 99 80 moves h1h8", 1),  # mate goes before the fifty-move rule
        ("k6R/8/1K6/8/8/8/8/8 b - - 130 100", 1),
    ],
)
def test_checkmate(game: Chess, position: str, outcome: int) -> None:
    assert verdict(game, position) == (outcome, "checkmate")


@pytest.mark.parametrize(
    "position",
    [
        "7k/5Q2/6K1/8/8/8/8/8 b - - 0 1",
        "8/8/8/8/8/6k1/5q2/7K w - - 0 1",
        "k7/P7/K7/8/8/8/8/8 b - - 0 1",
        "7k/5K2/8/6Q1/8/8/8/8 w - - 99 90 moves g5g6",  # stalemate goes before the fifty-move rule
    ],
)
def test_stalemate(game: Chess, position: str) -> None:
    assert verdict(game, position) == (0, "stalemate")


def test_threefold_when_it_occurs_and_not_a_move_ahead(game: Chess) -> None:
    eighth = f"startpos moves {KNIGHTS_OUT_AND_BACK} {KNIGHTS_OUT_AND_BACK}"
    seventh = eighth.removesuffix(" f6g8")
    assert game.to_board(seventh).can_claim_threefold_repetition()
    assert verdict(game, seventh) == (0, "ongoing")
    assert verdict(game, eighth) == (0, "threefold repetition")
    repetitions = [
        int(game.start([" ".join(eighth.split()[: 2 + plies])]).observe().scalars[0, 1]) for plies in range(1, 9)
    ]
    assert repetitions == [0, 0, 0, 1, 1, 1, 1, 2]


def test_repetition_counts_rights_and_en_passant(game: Chess) -> None:
    # The first time the pawn on d4 may capture en passant, so the position at move 4 is a different one.
    passing = f"4k1n1/8/8/8/3p4/8/4P3/4K1N1 w - - 0 1 moves e2e4 {' '.join(['g8f6 g1f3 f6g8 f3g1'] * 2)}"
    assert verdict(game, passing) == (0, "ongoing")
    assert verdict(game, passing + " g8f6 g1f3 f6g8 f3g1")[1] == "threefold repetition"
    # A double push that can't be captured makes no difference.
    silent = f"4k1n1/8/8/8/7p/8/4P3/4K1N1 w - - 0 1 moves e2e4 {' '.join(['g8f6 g1f3 f6g8 f3g1'] * 2)}"
    assert verdict(game, silent) == (0, "threefold repetition")
    # Nor does one whose capture would expose the king: rank 4 has king, two pawns and rook.
    pinned = f"6n1/8/8/8/k2p3R/8/4P3/4K1N1 w - - 0 1 moves e2e4 {' '.join(['g8f6 g1f3 f6g8 f3g1'] * 2)}"
    assert verdict(game, pinned) == (0, "threefold repetition")
    # The king comes back to e1 without its castling rights.
    rights = f"4k3/8/8/8/8/8/8/4K2R w K - 0 1 moves {' '.join(['e1e2 e8e7 e2e1 e7e8'] * 2)}"
    assert verdict(game, rights) == (0, "ongoing")
    assert verdict(game, rights + " e1e2")[1] == "threefold repetition"


def test_fifty_moves_when_they_have_been_played(game: Chess) -> None:
    start = "4k3/8/8/8/8/8/r7/4K2R w K - 98 80"
    assert verdict(game, start + " moves h1h2") == (0, "ongoing")
    assert verdict(game, start + " moves h1h2 a2a3") == (0, "fifty-move rule")
    assert verdict(game, start + " moves h1h2 a2h2") == (0, "ongoing")  # a capture
    assert verdict(game, "4k3/8/8/8/8/8/r6P/4K2R w K - 99 80 moves h2h3") == (0, "ongoing")  # a pawn move
    assert game.start([start + " moves h1h2 a2a3"]).observe().scalars[0, 0] == 100
    assert game.start(["4k3/8/8/8/8/8/r7/4K2R w K - 140 80"]).observe().scalars[0, 0] == 100


@pytest.mark.parametrize(
    ("pieces", "insufficient"),
    [
        ("", True),
        ("N", True),
        ("b", True),
        ("BB", False),  # on both colors, see below
        ("NN", False),
        ("Nn", False),
        ("Bn", False),
        ("BN", False),
        ("p", False),
        ("R", False),
        ("q", False),
    ],
)
def test_insufficient_material(game: Chess, pieces: str, insufficient: bool) -> None:
    board = chess.Board("4k3/8/8/8/8/8/8/4K3 w - - 0 1")
    for square, piece in zip((chess.B3, chess.C3), pieces, strict=False):  # one light, one dark
        board.set_piece_at(square, chess.Piece.from_symbol(piece))
    for turn in chess.COLORS:
        board.turn = turn
        assert board.is_insufficient_material() == insufficient
        for fen in (board.fen(), board.mirror().fen()):
            assert verdict(game, fen) == (0, "insufficient material" if insufficient else "ongoing")


def test_bishops_of_one_color_are_insufficient_however_many(game: Chess) -> None:
    assert verdict(game, "4k3/8/3b1b2/8/8/2B1B3/8/4K3 w - - 0 1") == (0, "insufficient material")
    assert verdict(game, "4k3/8/4bb2/8/8/2B1B3/8/4K3 w - - 0 1") == (0, "ongoing")


def test_insufficient_material_comes_before_the_other_draws(game: Chess) -> None:
    assert verdict(game, "4k3/8/8/8/8/8/8/4K2N w - - 100 90") == (0, "insufficient material")
    assert verdict(game, "k7/2K5/8/8/8/8/8/1B6 w - - 0 1 moves b1e4") == (0, "insufficient material")


def test_black_may_be_to_move(game: Chess) -> None:
    games = game.start(["4k3/4p3/8/8/8/8/4P3/4K3 b - - 3 30"])
    assert games.observe().player[0] == 1
    games.play(np.array([game.parse_move(games.position(0), "e5")]))
    assert games.observe().player[0] == 0
    assert games.moves(0) == ["e7e5"]
    assert game.to_board(games.position(0)).fen() == "4k3/8/8/4p3/8/8/4P3/4K3 w - - 0 31"


@pytest.mark.parametrize(
    "fen",
    [
        "8/8/8/8/8/8/8/4K3 w - - 0 1",  # one king
        "4k3/8/8/8/8/8/8/4KK2 w - - 0 1",  # three
        "4k3/8/8/8/8/8/8/K3R3 w - - 0 1",  # the side not to move in check
        "4k3/8/8/8/P7/8/PPPPPPPP/4K3 w - - 0 1",  # nine pawns
        "4k2P/8/8/8/8/8/8/4K3 w - - 0 1",  # a pawn on the last rank
        "4k3/8/8/8/8/8/8/4K3 w - e9 0 1",
        "4k3/8/8/8/8/8/8/4K3 w - - ? ?",
        "4k3/8/8/8/8/8/8/4K3 w - - 1_0 1",  # int() accepts this one and the next two
        "4k3/8/8/8/8/8/8/4K3 w - - ٣ 1",
        "4k3/8/8/8/8/8/8/4K3 w - - +3 1",
        "4k3/8/8/8/8/8/8/4K3 w - - -1 1",
        "4k3/8/8/8/8/8/8/4K3 w - - 0 99999999999999999999",  # more than 64 bits
        "r3k2r/8/8/8/8/8/8/R3K2R w KQkqK - 0 1",
        "r3k2r/8/8/8/8/8/8/R3K2R w KxQ - 0 1",
        "r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1 ; white",
        "bqnbrkrn/pppppppp/8/8/8/8/PPPPPPPP/BQNBRKRN w GEge - 0 1",  # Chess960
        "bqnbrkrn/pppppppp/8/8/8/8/PPPPPPPP/BQNBRKRN w KQkq - 0 1",
        "r3k2r/8/8/8/8/8/8/1RR1K2R w CHq - 0 1",
        "4k3/8/8/8/8/8/8/4K3 x - - 0 1",
        "4k3/8/8/8/8/8/8 w - - 0 1",
        "4k3/9/8/8/8/8/8/4K3 w - - 0 1",
        "4k3/8/8/8/8/8/8/4K3 w - - minus one",
        "hello",
        "",
    ],
)
def test_bad_fens_are_refused_by_name(game: Chess, fen: str) -> None:
    with pytest.raises(ValueError) as caught:
        game.start([chess.STARTING_FEN, fen])
    assert repr(fen) in str(caught.value)


ROOKS = "r3k2r/8/8/8/8/8/8/R3K2R"
PAWN = "rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR"


@pytest.mark.parametrize(
    ("written", "proper"),
    [
        (f"{ROOKS} w kqKQ - 0 1", f"{ROOKS} w KQkq - 0 1"),
        (f"{ROOKS} b qQkK - 3 7", f"{ROOKS} b KQkq - 3 7"),
        (f"{ROOKS} w kQ - 0 1", f"{ROOKS} w Qk - 0 1"),
        (f"{ROOKS} w ahAH - 0 1", f"{ROOKS} w KQkq - 0 1"),
        (f"{ROOKS} w KQkq - 0 1;", f"{ROOKS} w KQkq - 0 1"),
        (f"{ROOKS} w KQkq -;", f"{ROOKS} w KQkq - 0 1"),
        (f" {ROOKS}  w KQkq - 5 9 ; ", f"{ROOKS} w KQkq - 5 9"),
        (f"{ROOKS} w – — 0 1", f"{ROOKS} w - - 0 1"),
        (f"{ROOKS} w KQkq − 0 0", f"{ROOKS} w KQkq - 0 1"),
        (ROOKS, f"{ROOKS} w - - 0 1"),
        (f"{PAWN} b KQkq e6 0 1", f"{PAWN} b KQkq - 0 1"),  # the square is behind a pawn of the mover
        (f"{PAWN} b KQkq e4 0 1", f"{PAWN} b KQkq - 0 1"),  # where the pawn stands
        (f"{PAWN} b KQkq d3 0 1", f"{PAWN} b KQkq - 0 1"),  # there is no pawn in front of it
        (f"{PAWN} w KQkq e3 0 1", f"{PAWN} w KQkq - 0 1"),
        (f"{PAWN} b KQkq a1 0 1", f"{PAWN} b KQkq - 0 1"),
        (f"{PAWN} b KQkq e3 0 1", f"{PAWN} b KQkq e3 0 1"),
        ("4k3/8/8/8/8/8/8/R3K3 w - e6 0 1", "4k3/8/8/8/8/8/8/R3K3 w - - 0 1"),
        (f"{ROOKS} w kqKQ - 0 1; moves e1h1 e8a8", f"{ROOKS} w KQkq - 0 1 moves e1g1 e8c8"),
    ],
)
def test_a_fen_that_can_mean_only_one_thing_is_read(game: Chess, written: str, proper: str) -> None:
    start, _, moves = proper.partition(" moves ")
    board = chess.Board(start)
    for move in moves.split():
        board.push_uci(move)
    found = game.to_board(written)
    assert found.root().fen(en_passant="fen") == start
    assert found.fen(en_passant="fen") == board.fen(en_passant="fen")
    games = game.start([written])
    assert [chess.Move.from_uci(move) for move in games.moves(0)] == board.move_stack
    assert games.observe().legal.counts[0] == board.legal_moves.count()


@pytest.mark.parametrize(
    "fen",
    ["4k3/8/8/3P1P2/8/8/8/4K3 w - e6 0 1", "4k3/8/8/8/3p1n2/8/4P3/4K3 b - e3 0 1", "4k3/8/8/3Pn3/8/8/8/4K3 w - e6 0 1"],
)
def test_an_impossible_en_passant_square_gives_no_capture(game: Chess, fen: str) -> None:
    believed = chess.Board(fen)
    assert any(map(believed.is_en_passant, believed.legal_moves))
    board = game.to_board(fen)
    assert not any(map(board.is_en_passant, board.legal_moves))
    assert game.start([fen]).observe().legal.counts[0] == board.legal_moves.count() < believed.legal_moves.count()


def test_castling_letters_of_chess960_in_any_order() -> None:
    board = Chess("chess960").to_board("bqnbrkrn/pppppppp/8/8/8/8/PPPPPPPP/BQNBRKRN w geGE - 0 1")
    assert board.castling_xfen() == "KQkq"


def test_rights_without_rook_or_king_are_dropped(game: Chess) -> None:
    seen = game.start(["4k3/8/8/8/8/8/4P3/4K2R w KQkq - 0 1"]).observe()
    assert seen.planes[0, 12, 0] == 1 << chess.H1


def test_an_illegal_action_names_move_and_position(game: Chess) -> None:
    games = game.start(1)
    e2, e5 = 12, 36
    with pytest.raises(IllegalAction, match=r"game 0: action 804 \(e2e5\) is illegal in rnbqkbnr/pppppppp"):
        games.play(np.array([64 * e2 + e5]))
    mated = game.start(["startpos moves f2f3 e7e5 g2g4 d8h4"])
    with pytest.raises(IllegalAction, match=r"game 0: action 804 \(e2e5\) is after the end of the game in rnb1kbnr"):
        mated.play(np.array([64 * e2 + e5]))


def reference(board: chess.Board) -> tuple[int, str]:
    """The verdict by functions of python-chess, in its order of precedence."""
    if board.is_checkmate():
        return (-1 if board.turn else 1), "checkmate"
    if board.is_insufficient_material():
        return 0, "insufficient material"
    if board.is_stalemate():
        return 0, "stalemate"
    if board.is_fifty_moves():
        return 0, "fifty-move rule"
    if board.is_repetition(3):
        return 0, "threefold repetition"
    return 0, "ongoing"


STARTS = [
    chess.STARTING_FEN,
    "8/8/4k3/8/8/3K4/5N2/1n6 w - - 80 60",
    "8/8/4k3/8/8/3K4/8/Q7 b - - 90 60",
    "8/3p4/4k3/8/8/3K4/8/R6r w - - 70 60",
    "n1n5/PPPk4/8/8/8/8/4Kppp/5N1N b - - 0 1",
    "7k/5p1p/5P1P/8/8/p1p5/P1P5/K7 w - - 0 1",  # the kings have little room and repeat
]


@pytest.mark.slow
def test_random_games_end_where_python_chess_ends_them(game: Chess) -> None:
    rng = np.random.default_rng(11)
    starts = [start for start in STARTS for _ in range(6)]
    games: Games = game.start(starts)
    boards = [chess.Board(start) for start in starts]
    met = set()
    for _ in range(250):
        outcomes = games.outcomes()
        seen = games.observe()
        for i, board in enumerate(boards):
            expected = reference(board)
            assert (int(outcomes.outcome[i]), game.reasons[outcomes.reason[i]]) == expected, games.position(i)
            met.add(expected[1])
            count = 0 if outcomes.over[i] else board.legal_moves.count()
            assert seen.legal.counts[i] == count
            assert seen.player[i] == (0 if board.turn else 1)
            assert seen.scalars[i, 0] == min(board.halfmove_clock, 100)
        live = np.flatnonzero(~outcomes.over)
        games, boards = games[live], [boards[i] for i in live]
        if not boards:
            break
        legal = games.observe().legal
        games.play(legal.take((rng.random(len(legal)) * legal.counts).astype(np.int64)))
        for i, board in enumerate(boards):
            board.push_uci(games.moves(i)[-1])
    assert met >= {"ongoing", "insufficient material", "fifty-move rule", "threefold repetition"}


@pytest.mark.parametrize(
    ("position", "fault"),
    [
        ("", "as a FEN, it must not be empty"),
        ("nonsense", "as a FEN, its first part must be 8 ranks with a / between them"),
        ("8/8/8/8/8/8/8/62 w - - 0 1", "as a FEN, a rank must not have two digits side by side"),
        ("8/8/8/8/8/8/8/7~ w - - 0 1", "as a FEN, a ~ must stand after a piece"),
        ("8/8/8/8/8/8/8/7x w - - 0 1", "as a FEN, its ranks may have the letters PNBRQK and pnbrqk and the digits"),
        ("8/8/8/8/8/8/8/7 w - - 0 1", "as a FEN, each rank must have 8 squares"),
        ("4k3/8/8/8/8/8/8/4K3 white - - 0 1", "as a FEN, its second part, the side to move, must be w or b"),
        ("4k3/8/8/8/8/8/8/4K3 w ? - 0 1", "as a FEN, its third part, the castling rights, must be - or letters"),
        ("4k3/8/8/8/8/8/8/4K3 w - x9 0 1", "as a FEN, its fourth part, the en passant square, must be - or a square"),
        (
            "4k3/8/8/8/8/8/8/4K3 w - - x 1",
            "as a FEN, its fifth part, the halfmove clock, must be a whole number from 0 to 999,999, got 'x'",
        ),
        (
            "4k3/8/8/8/8/8/8/4K3 w - - -1 1",
            "as a FEN, its fifth part, the halfmove clock, must be a whole number from 0 to 999,999, got '-1'",
        ),
        (
            "4k3/8/8/8/8/8/8/4K3 w - - 0 x",
            "as a FEN, its sixth part, the number of the move, must be a whole number from 0 to 999,999, got 'x'",
        ),
        (
            "4k3/8/8/8/8/8/8/4K3 w - - 0 -1",
            "as a FEN, its sixth part, the number of the move, must be a whole number from 0 to 999,999, got '-1'",
        ),
        ("4k3/8/8/8/8/8/8/4K3 w - - 0 1 1", "as a FEN, it must have at most six parts"),
        ("startpos moves e2e4 e2e4", "move 2, 'e2e4', is illegal"),
        ("startpos moves 0000", "move 1, '0000', is illegal"),
        ("startpos moves e2e4 x e7e5", "move 2, 'x', can't be read; expected one such as e2e4 or e7e8q"),
    ],
)
@pytest.mark.parametrize("variant", ["standard", "chess960", "atomic"])
def test_what_is_wrong_with_a_position_is_said_in_our_words(variant: str, position: str, fault: str) -> None:
    game = Chess(variant, backend="python-chess")
    with pytest.raises(ValueError, match=re.escape(f"{position!r} is not a position of {game.name}: {fault}")):
        game.to_board(position)


def test_a_board_does_not_depend_on_what_was_read_before() -> None:
    """Positions that begin alike are read on from the last one; boards that were handed out belong to the caller."""
    notation = ChessNotation()
    short = "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w"
    for position in (
        "startpos", "startpos moves e2e4", "startpos moves e2e4 e7e5", "startpos moves e2e4 e7e5",
        "startpos moves e2e4", "startpos moves e2e4 e7e5 e1e2 e8e7", "startpos moves d2d4 e7e5 e1e2 e8e7",
        "startpos moves e2e4 e7e5 e1e3", "startpos moves e2e4 e7e5 e1e2", short, f"{short} KQkq", f"{short} moves e2e4",
    ):  # fmt: skip
        try:
            expected = ChessNotation().to_board(position)
        except ValueError as error:
            with pytest.raises(ValueError, match=re.escape(str(error))):
                notation.to_board(position)
            continue
        board = notation.to_board(position)
        assert (board.fen(), board.move_stack) == (expected.fen(), expected.move_stack)
        board.push(next(iter(board.legal_moves)))
