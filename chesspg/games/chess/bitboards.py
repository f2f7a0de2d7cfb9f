"""Standard chess on bitboards: thousands of games in lockstep, which are the same games as on python-chess."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Any

import chess
import numpy as np
from numpy.typing import NDArray

from chesspg.games.chess import encoding, kernels
from chesspg.games.chess.kernels import Rows
from chesspg.games.compiling import announced
from chesspg.games.game import IllegalAction, Indices, Legal, Observation, Outcomes, join_position
from chesspg.games.history import Begun, Chosen, History, Played, packed, story

GAMES_PER_THREAD = 512  # to wake two threads takes 40 µs, in which one thread plays 200 plies


class BitboardGames:
    """N games in the arrays of kernels.Rows, played on up to `threads` threads where there are enough games."""

    def __init__(self, rows: Rows, history: History[chess.Board], threads: int = 1) -> None:
        self._rows = rows
        self._history = history
        self._threads = threads

    @classmethod
    def fresh(cls, count: int, threads: int = 1) -> BitboardGames:
        """[count] games from the initial position."""
        initial = _initial()
        return cls(initial._rows, initial._history, threads)[np.zeros(count, dtype=np.int64)]

    @classmethod
    def from_boards(cls, boards: Sequence[chess.Board], threads: int = 1) -> BitboardGames:
        """Games with the start of each board, in which the moves on its stack are played.

        Args:
            boards: Boards of standard chess in legal positions.
            threads: The most threads to use.
        """
        kernels.ready()
        roots = [board.root() for board in boards]
        rows = Rows.empty(len(roots))
        # The square behind any pawn that has just moved two squares; begin() checks whether a capture there is legal.
        behind = [chess.BB_SQUARES[root.ep_square] if root.ep_square else 0 for root in roots]
        rows.planes[:] = encoding.encode_planes(roots, behind)[:, :, 0]
        rows.counters[:, kernels.CLOCK] = [root.halfmove_clock for root in roots]
        rows.counters[:, kernels.FULLMOVE] = [root.fullmove_number for root in roots]
        rows.player[:] = [0 if root.turn else 1 for root in roots]
        kernels.begin(rows, kernels.room())
        games = cls(rows, Begun(roots), threads)
        # The moves are known to be legal, and may go on after a draw by rule.
        for ply in range(max((len(board.move_stack) for board in boards), default=0)):
            actions = [
                encoding.move_to_action(board.move_stack[ply], root.turn ^ bool(ply & 1))
                if ply < len(board.move_stack)
                else -1
                for board, root in zip(boards, roots, strict=True)
            ]
            games._advance(np.array(actions, dtype=np.int64), checked=False)
        return games

    def __len__(self) -> int:
        return len(self._rows.player)

    @property
    def rows(self) -> Rows:
        """The games as arrays, which do not change when the games go on."""
        return self._rows

    def observe(self) -> Observation:
        rows = self._rows
        offsets = rows.offsets[:, kernels.LEGAL].copy()
        legal = Legal(rows.actions[: offsets[-1]].copy(), offsets)
        return Observation(rows.planes[:, :, None].copy(), rows.scalars.copy(), rows.player.copy(), legal)

    def play(self, actions: NDArray[np.integer[Any]]) -> None:
        chosen = np.asarray(actions).astype(np.int64)
        if len(chosen) != len(self):
            raise ValueError(f"play needs one action for each of {len(self)} games, got {len(chosen)} actions")
        self._play(chosen, np.flatnonzero(chosen < 0))

    def play_some(self, rows: NDArray[np.integer[Any]], actions: NDArray[np.integer[Any]]) -> None:
        """See `PartialPlay`."""
        chosen = np.full(len(self), -1, np.int64)
        chosen[rows] = actions
        self._play(chosen, rows[chosen[rows] < 0])

    def _play(self, chosen: NDArray[np.int64], refused: NDArray[np.integer[Any]]) -> None:
        """Play one ply in each game whose action in `chosen` [N] is not −1; raise IllegalAction if any is `refused`."""
        index = int(refused[0]) if len(refused) else self._advance(chosen)
        if index >= 0:
            action, board = int(chosen[index]), self._bare_board(index)
            named = encoding.action_text(action, board)
            state = "after the end of the game" if self._rows.reason[index] else "illegal"
            raise IllegalAction(f"game {index}: action {action} ({named}) is {state} in {board.fen()}")

    def outcomes(self) -> Outcomes:
        return Outcomes(self._rows.outcome.copy(), self._rows.reason.copy())

    def heuristic(self) -> NDArray[np.float32]:
        return encoding.material(self._rows.planes[:, :, None], self._rows.player)

    def __getitem__(self, indices: Indices) -> BitboardGames:
        chosen = np.arange(len(self))[indices]
        rows = Rows.empty(len(chosen))
        kernels.copy(self._rows, chosen, rows)
        return BitboardGames(rows, Chosen(self._history, chosen.astype(np.int32)), self._threads)

    def position(self, index: int) -> str:
        start, _ = self._story(index)
        return join_position(start.fen(), self.moves(index))

    def moves(self, index: int) -> list[str]:
        start, actions = self._story(index)
        return [_uci(action, start.turn ^ bool(ply & 1)) for ply, action in enumerate(actions)]

    def board(self, index: int) -> chess.Board:
        """The game as a python-chess board with its moves on the stack."""
        board = self._story(index)[0].copy()
        for move in self.moves(index):
            board.push(chess.Move.from_uci(move))
        return board

    def fen(self, index: int) -> str:
        """The current position as a FEN, without the moves that led to it."""
        return self._bare_board(index).fen()

    def _advance(self, actions: NDArray[np.int64], checked: bool = True) -> int:
        """Play one ply. Returns −1, or the first game whose action is not legal; then nothing is played."""
        count = len(actions)
        rows, record = Rows.empty(count), np.empty(count, dtype=np.int16)

        def advance(first: int, last: int) -> int:
            return int(kernels.advance(self._rows, actions, rows, record, checked, kernels.room(), first, last))

        # Only this kernel uses threads: it takes most of the time of a ply, the others do little more than copy.
        parts = min(self._threads, count // GAMES_PER_THREAD)
        edges = [count * part // parts for part in range(parts + 1)] if parts > 1 else [0, count]
        run = _pool(self._threads).map if parts > 1 else map
        illegal = [game for game in run(advance, edges, edges[1:]) if game >= 0]
        if illegal:
            return illegal[0]
        ragged = (kernels.LEGAL, rows.actions, kernels.ACTIONS), (kernels.KNOWN, rows.keys, kernels.KEYS)
        for first, last in pairwise(edges[1:]):  # close the gap before the part that each further thread wrote
            for column, array, room in ragged:
                end, start = rows.offsets[first, column], first * room
                part = array[start : rows.offsets[last, column]]
                array[end : end + len(part)] = part
                rows.offsets[first + 1 : last + 1, column] += end - start
        self._rows, self._history = rows, packed(Played(self._history, record))
        return -1

    def _story(self, index: int) -> tuple[chess.Board, list[int]]:
        """The start of a game and its recorded actions."""
        return story(self._history, range(len(self))[index])

    def _bare_board(self, index: int) -> chess.Board:
        """The position as a board without moves on its stack."""
        planes = self._rows.planes[index]
        white = bool(self._rows.player[index] == 0)
        words = [int(word) for word in (planes if white else planes.byteswap())]
        board = chess.Board(None)
        board.turn = white
        (board.pawns, board.knights, board.bishops, board.rooks, board.queens, board.kings) = (
            own | their for own, their in zip(words[:6], words[6:12], strict=True)
        )
        board.occupied_co[white], board.occupied_co[not white] = sum(words[:6]), sum(words[6:12])
        board.occupied = sum(words[:12])
        board.castling_rights = words[12]
        board.ep_square = chess.lsb(words[13]) if words[13] else None
        board.halfmove_clock = int(self._rows.counters[index, kernels.CLOCK])
        board.fullmove_number = int(self._rows.counters[index, kernels.FULLMOVE])
        return board


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """Threads shared by all games; the kernels release the interpreter's lock."""
    return ThreadPoolExecutor(threads, "chesspg-rules")


@cache
def _initial() -> BitboardGames:
    """One game in the initial position, of which fresh games are copies. It is never played."""
    return BitboardGames.from_boards([chess.Board()])


@cache
def _uci(recorded: int, white: bool) -> str:
    """The move of a recorded action (see kernels.QUEENING)."""
    action = recorded & ~kernels.QUEENING
    board = chess.Board(None)  # action_to_move looks only at the mover and the pawns
    board.turn = white
    if recorded & kernels.QUEENING:
        board.pawns = chess.BB_ALL
    return encoding.action_to_move(action, board).uci()


def perft(position: chess.Board, depth: int) -> int:
    """Count the games of `depth` plies from a position, ignoring draws by rule.

    Args:
        position: The position.
        depth: The number of plies.

    Returns:
        The number of games; 1 for a depth below 1.

    Raises:
        ValueError: The position is not legal.
    """
    if not position.is_valid():
        raise ValueError(f"{position.fen()!r} is not a legal position of chess")
    if depth < 1:
        return 1
    boards = np.zeros((depth, 14), dtype=np.uint64)
    boards[0] = BitboardGames.from_boards([position])._rows.planes[0]
    room = np.empty((depth, kernels.ACTIONS), np.int16), np.empty(depth, np.int64), np.empty(depth, np.int64)
    with announced("chess"):
        return int(kernels.leaves(boards, *room, depth, kernels.room()))
