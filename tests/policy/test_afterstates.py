"""Features of moves, against python-chess move by move."""

from __future__ import annotations

import sys
from collections.abc import Callable

import chess
import numpy as np
import pytest
import torch
from exchange import hangs
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from chesspg.games.chess import Chess
from chesspg.games.chess.encoding import action_to_move
from chesspg.policy import boards
from chesspg.policy.afterstates import FEATURES, Afterstates
from chesspg.policy.networks import ResidualNet
from chesspg.policy.onnx import inputs_of
from chesspg.policy.policy import to_tensors
from studies.endings import positions

CHESS = Chess(backend="python-chess")
AFTERSTATES = Afterstates()
By = Callable[..., list[list[list[int]]]]
POSITIONS = {
    "initial": "startpos",
    "castling": "r3k2r/p6p/8/8/8/8/P6P/R3K2R w KQkq - 0 1",
    "castling of Black": "r3k2r/p6p/8/8/8/8/P6P/R3K2R b KQkq - 0 1",
    "two steps of a king that is not castling": "4k3/8/8/8/8/8/4K3/R6R w - - 0 1",
    "en passant": "4k3/8/8/2pP4/8/8/8/4K2R w K c6 0 1",
    "en passant of Black": "4k3/8/8/8/1pPp4/8/8/4K3 b - c3 0 1",
    "promotions": "1n2k3/P1P5/8/8/8/8/8/4K3 w - - 0 1",
    "promotions on the edges": "1n2k1n1/P6P/8/8/8/8/8/4K3 w - - 0 1",
    "promotions of Black": "4k3/8/8/8/8/8/p1p5/1N2K3 b - - 0 1",
    "discovered check and mates": "6k1/5ppp/8/8/8/4B3/4R3/4R1K1 w - - 0 1",
    "stalemates": "7k/8/5KQ1/8/8/8/8/8 w - - 0 1",
    "stalemate of a king and a pawn": "7k/8/5KQ1/8/p7/P7/8/8 w - - 0 1",
    "stalemates by Black": "8/8/8/8/8/5kq1/8/7K b - - 0 1",
    "many captures": "r1bqk2r/ppp2ppp/2n2n2/2bpp3/2B1P3/2NP1N2/PPP2PPP/R1BQK2R w KQkq - 0 1",
}
CHESS960 = [
    "r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1",
    "r3k2r/p6p/8/8/8/8/P6P/R3K2R b KQkq - 0 1",
    "4k3/8/8/8/8/8/8/4K1R1 w G - 0 1",
    "4k3/8/8/8/8/8/8/2R1K3 w C - 0 1",
    "4k3/8/8/8/8/8/8/RK5R w AH - 0 1",
    "4k3/8/8/8/8/8/8/R5KR w AH - 0 1",
    "6k1/8/8/8/8/8/8/1RK1R3 w BE - 0 1",
]


def features(board: chess.Board, move: chess.Move) -> list[int]:
    """The features from python-chess."""
    if not board.turn:
        board, move = board.mirror(), mirrored(move)
    moved = board.piece_type_at(move.from_square)
    captured = chess.PAWN if board.is_en_passant(move) else board.piece_type_at(move.to_square)
    castles = board.is_castling(move)
    board = board.copy(stack=False)
    board.push(move)
    at = move.to_square
    if castles:
        own_king = board.king(chess.WHITE)
        assert own_king is not None
        at, captured = own_king, None
    hanging = {square for square in board.piece_map() if hangs(board, square)}
    king = board.king(chess.BLACK)
    assert king is not None
    zone = board.attacks(king) | chess.SquareSet.from_square(king)
    return [
        *(len(hanging & set(board.pieces(piece, color))) for color in (True, False) for piece in chess.PIECE_TYPES[:5]),
        *(captured == piece for piece in chess.PIECE_TYPES[:5]),
        *(moved == piece for piece in chess.PIECE_TYPES),
        at in hanging and board.piece_type_at(at) != chess.KING,
        board.is_attacked_by(chess.BLACK, at),
        board.is_attacked_by(chess.WHITE, at),
        board.is_attacked_by(chess.WHITE, king),
        flights(board, chess.WHITE),
        flights(board, chess.BLACK),
        reach(board, chess.WHITE),
        reach(board, chess.BLACK),
        sum(board.is_attacked_by(chess.WHITE, square) for square in zone),
        not (board.is_attacked_by(chess.WHITE, king) or flights(board, chess.BLACK) or reach(board, chess.BLACK)),
    ]


def mirrored(move: chess.Move) -> chess.Move:
    return chess.Move(move.from_square ^ 56, move.to_square ^ 56, move.promotion)


def flights(board: chess.Board, color: chess.Color) -> int:
    """The squares to which a king can go."""
    king = board.king(color)
    assert king is not None
    free = board.attacks(king) & ~board.occupied_co[color]
    return sum(not board.is_attacked_by(not color, square) for square in free)


def reach(board: chess.Board, color: chess.Color) -> int:
    """The squares to which the other pieces of a side can go, by python-chess's pseudo-legal moves.

    A capture en passant and the double step of a pawn are left out.
    """
    board = board.copy(stack=False)
    board.turn, board.ep_square, board.castling_rights = color, None, 0
    king = board.king(color)
    return len(
        {
            move.to_square
            for move in board.pseudo_legal_moves
            if move.from_square != king
            and (board.piece_type_at(move.from_square) != chess.PAWN or abs(move.to_square - move.from_square) != 16)
        }
    )


def expected(games: list[str], rules: Chess = CHESS) -> list[list[list[int]]]:
    """[N][M][31] the features of the legal moves."""
    found = []
    for text, legal in zip(games, listed(games, rules), strict=True):
        board = rules.to_board(text)
        found.append([features(board, action_to_move(action, board)) for action in legal])
    return found


def listed(games: list[str], rules: Chess = CHESS) -> list[list[int]]:
    legal = rules.start(games).observe().legal
    return [part.tolist() for part in np.split(legal.actions, legal.offsets[1:-1])]


def by_words(games: list[str], rules: Chess = CHESS) -> list[list[list[int]]]:
    """The same by torch, from words."""
    planes, _, legal = to_tensors(rules.start(games).observe())
    return cut(AFTERSTATES.counts(planes, legal), legal)


def by_squares(games: list[str], rules: Chess = CHESS) -> list[list[list[int]]]:
    """The same by torch, square by square, as in an exported network."""
    seen = rules.start(games).observe()
    legal = to_tensors(seen)[2]
    return cut(AFTERSTATES.counts(torch.from_numpy(inputs_of(rules, seen)["planes"]), legal), legal)


def cut(counts: Tensor, legal: Tensor) -> list[list[list[int]]]:
    return [rows[: int(count)].tolist() for rows, count in zip(counts, (legal >= 0).sum(dim=1), strict=True)]


@pytest.mark.parametrize("by", [by_words, by_squares])
@pytest.mark.parametrize("position", POSITIONS)
def test_moves_lead_to_what_python_chess_says(position: str, by: By) -> None:
    text = POSITIONS[position]
    names = [action_to_move(action, CHESS.to_board(text)).uci() for action in listed([text])[0]]
    assert dict(zip(names, by([text])[0], strict=True)) == dict(zip(names, expected([text])[0], strict=True))


@pytest.mark.parametrize("by", [by_words, by_squares])
@pytest.mark.parametrize("position", CHESS960)
def test_castling_in_chess960(position: str, by: By) -> None:
    """There a king castles by taking its rook, and may stand anywhere between its rooks."""
    rules = Chess("chess960")
    wanted = expected([position], rules)
    board = rules.to_board(position)
    assert any(board.is_castling(move) for move in board.legal_moves)
    assert by([position], rules) == wanted


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_moves_of_random_games_lead_to_what_python_chess_says(seed: int) -> None:
    rng, board, texts = np.random.default_rng(seed), chess.Board(), []
    while not board.is_game_over():
        if board.ply() % 4 == 0:
            texts.append(board.fen())
        moves = list(board.legal_moves)
        board.push(moves[rng.integers(len(moves))])
    wanted = expected(texts)
    assert by_words(texts) == wanted
    assert by_squares(texts) == wanted


def test_by_hand() -> None:
    """White's queen takes a pawn that a pawn defends. She hangs there, and that pawn and the rook hang, too."""
    board = chess.Board("6k1/8/4p3/3p4/8/1Q6/3r4/6K1 w - - 0 1")
    text, move = board.fen(), chess.Move.from_uci("b3d5")
    legal = listed([text])[0]
    place = [action_to_move(action, board) for action in legal].index(move)
    found = dict(zip(FEATURES, by_words([text])[0][place], strict=True))
    assert {name: number for name, number in found.items() if number and not name.startswith("squares ")} == {
        "own queens that hang": 1,
        "opponent's pawns that hang": 1,
        "opponent's rooks that hang": 1,
        "captures a pawn": 1,
        "moves a queen": 1,
        "the piece that moved hangs": 1,
        "the opponent attacks its square": 1,
    }


def test_features_that_count_squares_are_scaled() -> None:
    planes, _, legal = to_tensors(CHESS.start(["startpos"]).observe())
    counts = AFTERSTATES.counts(planes, legal)
    found = AFTERSTATES(planes, legal, torch.float32)
    squares = [number for number, name in enumerate(FEATURES) if name.startswith("squares ")]
    others = [number for number in range(len(FEATURES)) if number not in squares]
    assert torch.equal(found[..., others], counts[..., others].float())
    assert torch.equal(found[..., squares], counts[..., squares] / 8)
    exact = AFTERSTATES(planes, legal, torch.bfloat16)
    assert exact.dtype == torch.bfloat16
    assert torch.equal(exact.float(), found)


@pytest.mark.parametrize("by", [by_words, by_squares])
@pytest.mark.parametrize("piece", [chess.QUEEN, chess.ROOK, None])
def test_stalemates_are_seen(piece: chess.PieceType | None, by: By) -> None:
    starts = positions(piece, 400, 1) if piece else [*POSITIONS.values()]
    found = [[bool(counts[-1]) for counts in rows] for rows in by(starts)]
    wanted = [
        [stalemates(CHESS.to_board(text), action) for action in actions]
        for text, actions in zip(starts, listed(starts), strict=True)
    ]
    assert found == wanted
    assert any(any(moves) for moves in wanted)


@pytest.mark.parametrize(
    ("position", "name", "seen", "stalemate"),
    [
        ("kb6/8/1K6/8/8/8/8/7R w - - 0 1", "h1h8", False, True),  # only a pinned bishop could go somewhere
        ("7k/5K2/6P1/8/3p4/3N4/4P3/8 w - - 0 1", "e2e4", True, False),  # a capture en passant is left
    ],
)
def test_stalemates_that_are_not_what_they_seem(position: str, name: str, seen: bool, stalemate: bool) -> None:
    board = chess.Board(position)
    place = [action_to_move(action, board).uci() for action in listed([position])[0]].index(name)
    assert by_words([position])[0][place][-1] == seen
    board.push_uci(name)
    assert board.is_stalemate() == stalemate


def stalemates(board: chess.Board, action: int) -> bool:
    board.push(action_to_move(action, board))
    return board.is_stalemate()


def test_features_change_the_logit_of_their_move_alone() -> None:
    """Against the formula, with a list of another length in the same batch; underpromotions have features too."""
    torch.manual_seed(0)
    texts = [POSITIONS["promotions"], POSITIONS["initial"]]
    plain = ResidualNet(CHESS, channels=4, blocks=1, rank=3).double()
    network = ResidualNet(CHESS, channels=4, blocks=1, rank=3, afterstates=5).double()
    network.load_state_dict(plain.state_dict(), strict=False)
    planes, scalars, legal = to_tensors(CHESS.start(texts).observe())
    mask = legal >= 0
    before = plain(planes, scalars, legal).logits
    assert torch.equal(network(planes, scalars, legal).logits[mask], before[mask])  # the weights begin at zero
    torch.nn.init.normal_(network.after_weights)
    x = AFTERSTATES(planes, legal, torch.float64)
    more = torch.relu(x @ network.after.weight.T + network.after.bias) @ network.after_weights
    torch.testing.assert_close(network(planes, scalars, legal).logits[mask], (before + more)[mask])
    assert (more[0][legal[0] >= 4096] != 0).any()


class TestCompiled:
    """The loop of numba, against torch."""

    @pytest.fixture(autouse=True)
    def numba(self) -> None:
        pytest.importorskip("numba", reason="compiled code needs numba")
        pytest.importorskip("chesspg.games.chess.kernels")  # as where numba plays the rules

    def agree(self, planes: Tensor, legal: Tensor) -> None:
        found = boards.compiled_afterstates(planes, legal, len(FEATURES))
        assert found is not None
        mask = legal >= 0
        assert torch.equal(found[mask].long(), AFTERSTATES.counts(planes, legal)[mask].long())
        assert not found[~mask].any()

    @pytest.mark.parametrize("count", [0, 1, 33])
    def test_random_games(self, count: int) -> None:
        games, rng = Chess().start(count), np.random.default_rng(0)
        for _ in range(60):
            seen = games.observe()
            planes, _, legal = to_tensors(seen)
            self.agree(planes, legal)
            going = np.flatnonzero(seen.legal.counts)
            games, seen = games[going], seen[going]
            games.play(seen.legal.take((rng.random(len(going)) * seen.legal.counts).astype(np.int64)))

    def test_positions(self) -> None:
        planes, _, legal = to_tensors(Chess("chess960").start(CHESS960).observe())
        self.agree(planes, legal)
        planes, _, legal = to_tensors(CHESS.start(list(POSITIONS.values())).observe())
        self.agree(planes, legal)
        self.agree(planes[::2], legal[::2].int())
        planes, _, legal = to_tensors(CHESS.start(positions(chess.QUEEN, 100, 1)).observe())
        self.agree(planes, legal)

    @given(
        squares=st.permutations(range(64)),
        pieces=st.lists(st.sampled_from("PNBRQpnbrq"), max_size=40),
        turn=st.booleans(),
    )
    def test_any_pieces_anywhere(self, squares: list[int], pieces: list[str], turn: bool) -> None:
        board = chess.Board(None)
        for square, piece in zip(squares, ["K", "k", *pieces], strict=False):
            if piece not in "Pp" or 8 <= square < 56:
                board.set_piece_at(square, chess.Piece.from_symbol(piece))
        board.turn = turn
        if board.is_valid() and not board.is_game_over():
            planes, _, legal = to_tensors(CHESS.start([board.fen()]).observe())
            self.agree(planes, legal)

    def test_torch_computes_what_compiled_code_cannot(self, monkeypatch: pytest.MonkeyPatch) -> None:
        planes, _, legal = to_tensors(CHESS.start(["startpos"]).observe())
        expected = AFTERSTATES(planes, legal, torch.float32)
        traced = torch.compile(lambda: AFTERSTATES(planes, legal, torch.float32), backend="eager", fullgraph=True)
        assert torch.equal(traced(), expected)
        monkeypatch.setitem(sys.modules, "chesspg.games.chess.kernels", None)
        assert boards.compiled_afterstates(planes, legal, len(FEATURES)) is None
        assert torch.equal(AFTERSTATES(planes, legal, torch.float32), expected)
