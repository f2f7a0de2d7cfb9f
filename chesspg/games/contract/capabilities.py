"""Rules about capabilities, see `chesspg.games.capabilities`: each must agree with the rules of the game."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from chesspg.games.arrays import Observation
from chesspg.games.capabilities import Captures, EngineProtocol, Heuristic, Notation, PartialPlay
from chesspg.games.contract.sample import (
    Sample,
    arrays_of,
    each_legal,
    random_actions,
    refuses,
    require,
    require_same,
    state_of,
)
from chesspg.games.contract.text import NONSENSE
from chesspg.games.game import Games, IllegalAction
from chesspg.games.randomness import Randomness

STARTS = 20  # number of positions sampled from the starts of a game


def notation(sample: Sample) -> None:
    """A notation gives the board of every position, and its moves are the legal actions."""
    given = sample.game.notation
    if given is None:
        return
    for games in sample.batches():
        seen, over = games.observe(), games.outcomes().over
        for i, legal in _few(seen):
            _require_board(sample, given, games, i, legal, over=bool(over[i]))
    message = refuses(ValueError, f"notation.to_board({NONSENSE!r})", given.to_board, NONSENSE)
    require(NONSENSE in message, f"notation.to_board must name the position {NONSENSE!r} that it can't read", message)


def _require_board(sample: Sample, given: Notation, games: Games, i: int, legal: list[int], *, over: bool) -> None:
    """Require that the board of game i agrees with the game."""
    position, player = games.position(i), int(games.observe().player[i])
    where = f"notation.to_board({position!r})"
    board = given.to_board(position)
    require(board.turn == (player == 0), f"{where} must have player {player} to move", board.fen())
    moves = [move.uci() for move in board.move_stack]
    require(moves == games.moves(i), f"{where} must have the moves {games.moves(i)[-5:]} on its stack", moves[-5:])
    for action in legal:
        move = given.to_move(action, board)
        require(board.is_legal(move), f"{where}: action {action} must be a legal move of the board", move.uci())
        back = given.to_action(move, board.turn)
        require(back == action, f"{where}: to_action({move.uci()}) must be the action {action} again", back)
    if not over:
        actions = sorted(given.to_action(move, board.turn) for move in board.legal_moves)
        require(actions == legal, f"{where}: the legal moves of the board must be the legal actions {legal}", actions)
        again = sample.game.start([board.fen()]).observe().legal.actions.tolist()
        require(again == legal, f"start([{board.fen()!r}]) must have the legal actions {legal}", again)


def partial_play(sample: Sample) -> None:
    """A ply in some games is the same as in a batch of only these games, and leaves the others as they are."""
    rng = np.random.default_rng(7)
    for games in sample.running[:: max(1, len(sample.running) // 8)]:
        batch = games[np.arange(len(games))]
        if not isinstance(batch, PartialPlay):
            return
        rows = rng.permutation(len(batch))[: (len(batch) + 1) // 2]
        others = np.setdiff1d(np.arange(len(batch)), rows)
        some = games[rows]
        actions, seen = random_actions(some, rng), batch.observe()
        before = {name: array.copy() for name, array in arrays_of(seen).items()}
        for illegal in (-1, sample.game.num_actions, -(2**40)):
            wrong = np.append(actions[:-1], illegal)
            refuses(IllegalAction, f"play_some with action {illegal}", partial(batch.play_some, rows), wrong)
            require_same(state_of(games), state_of(batch), f"play_some with action {illegal} must change no game")
        batch.play_some(rows, actions)
        some.play(actions)
        where = f"play_some in games {rows.tolist()} of {len(batch)}"
        require_same(state_of(some), state_of(batch[rows]), f"{where} must play as play does")
        require_same(state_of(games[others]), state_of(batch[others]), f"{where} must leave the others as they are")
        require_same(before, arrays_of(seen), f"{where} must not change what observe() returned")


def exchanges(sample: Sample) -> None:
    """Exchanges give captures that are legal, and recaptures on their squares."""
    given = sample.game.exchanges
    if given is None:
        return
    require(
        isinstance(sample.game.start(0), Heuristic),
        "a game with exchanges must have a heuristic, which captures increase: a method heuristic() of its games",
    )
    for games in sample.running[:: max(1, len(sample.running) // 8)]:
        seen = games.observe()
        found = given.captures(seen, None)
        _require_captures(found, seen)
        children = games[found.node]
        children.play(found.action)
        answers = children.observe()
        some, everything = given.captures(answers, found.square), given.captures(answers, None)
        _require_captures(some, answers)
        pairs = set(zip(everything.node.tolist(), everything.action.tolist(), strict=True))
        for pair in zip(some.node.tolist(), some.action.tolist(), strict=True):
            require(pair in pairs, "captures on one square must be among all captures, (node, action)", pair)


def _require_captures(found: Captures, seen: Observation) -> None:
    lists = dict(each_legal(seen))
    require((np.diff(found.node) >= 0).all(), "the node of captures must ascend", found.node)
    for node, action in zip(found.node.tolist(), found.action.tolist(), strict=True):
        require(action in lists[node], f"captures must be legal: those of position {node} are {lists[node]}", action)
    require((found.gain > 0).all(), "the gain of a capture must be above 0", found.gain)


def engine_protocol(sample: Sample) -> None:
    """An engine protocol finds each legal action by the move that moves() writes, and refuses other moves."""
    given = sample.game.engine_protocol
    if given is None:
        return
    pair = given.option
    require(
        pair is None or (isinstance(pair, tuple) and list(map(type, pair)) == [str, str]),
        "engine_protocol.option must be None, or name and value of a UCI option",
        pair,
    )
    for games in sample.running[:: max(1, len(sample.running) // 6)]:
        for i, legal in _few(games.observe()):
            _require_found(given, games, i, legal)


def _require_found(given: EngineProtocol, games: Games, i: int, legal: list[int]) -> None:
    position, seen = games.position(i), games[[i]].observe()
    index = partial(
        given.index, position=position, planes=seen.planes[0], player=int(seen.player[0]), legal=seen.legal.actions
    )
    children = games[np.full(len(legal), i)]
    children.play(np.array(legal))
    for k in range(len(legal)):
        move = children.moves(k)[-1]
        at = index(move)
        require(at == k, f"{position!r}: engine_protocol.index({move!r}) must be {k}", at)
    refuses(ValueError, f"{position!r}: engine_protocol.index('0000')", index, "0000")
    refuses(ValueError, f"{position!r}: engine_protocol.index({NONSENSE!r})", index, NONSENSE)


def starts(sample: Sample) -> None:
    """The starts of a game can be played, and depend on nothing but game, index and random numbers."""
    game = sample.game
    if game.starts is None:
        return
    index, rng = np.arange(STARTS), Randomness(5, 1)
    texts = game.starts().positions(game, index, rng)
    require(len(texts) == STARTS, f"starts of {STARTS} games must be {STARTS} positions", len(texts))
    over = game.start([text or sample.initial for text in texts]).outcomes().over
    require(not over.any(), "starts must not be over", [text for text, ended in zip(texts, over, strict=True) if ended])
    for k in (0, STARTS - 1):
        [alone] = game.starts().positions(game, index[[k]], rng)
        require(alone == texts[k], f"the start of game {k} must be the same whatever other games start", alone)


def openings(sample: Sample) -> None:
    """The file of openings of a game exists, and the game has a notation, which is needed to read it."""
    path = sample.game.openings
    if path is not None:
        require(isinstance(path, Path) and path.is_file(), "openings must be the path of a file", path)
        require(sample.game.notation, "a game with openings must have a notation, which is needed to read the file")


def for_few_games(sample: Sample) -> None:
    """for_few_games() gives the same game."""
    game, twin = sample.game, sample.game.for_few_games()
    for name in ("name", "encoding_version", "num_actions", "reasons", "init_args"):
        ours, theirs = getattr(game, name), getattr(twin, name)
        require(ours == theirs, f"for_few_games() must give the same game: {name} must be {ours!r}", theirs)
    require_same(state_of(game.start(1)), state_of(twin.start(1)), "for_few_games() must give the same game")


def _few(seen: Observation) -> Iterator[tuple[int, list[int]]]:
    """The first and the last game of a batch, and their legal actions."""
    yield from ((i, legal) for i, legal in each_legal(seen) if i in (0, len(seen) - 1))
