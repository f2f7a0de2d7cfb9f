"""Writing games as PGN, the format that chess programs exchange. Other games have the same form, with their moves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import chess
import chess.engine
import chess.pgn

from chesspg.games.game import Game, join_position, split_position
from chesspg.storage.atomic import write_text

SEATS = ("First", "Second")  # the tags of players 0 and 1 in games without a notation; in chess White and Black
ROSTER = {"Event": "?", "Site": "?", "Date": "????.??.??", "Round": "?", "White": "?", "Black": "?", "Result": "*"}
RESULTS = {1: "1-0", 0: "1/2-1/2", -1: "0-1"}  # by the outcome for player 0
WIDTH = 80  # columns of a line of moves, as in the standard


def players_tags(game: Game, first: str, second: str) -> dict[str, str]:
    """The tags that name player 0 and player 1."""
    return dict(zip(("White", "Black") if game.notation else SEATS, (first, second), strict=True))


def players_of(headers: Mapping[str, str]) -> tuple[str, str]:
    """The names of player 0 and player 1 in the tags of a game; "?" for one that is not named."""
    tags = SEATS if headers.keys() & {*SEATS} else ("White", "Black")
    first, second = (headers.get(tag, "?") for tag in tags)
    return first, second


def to_pgn(
    game: Game, position: str, headers: Mapping[str, str] | None = None, centipawns: Sequence[int | None] = ()
) -> str:
    """Write a game as PGN, or a game without a notation in the same form, which docs/match.md describes.

    Args:
        game: The game that was played.
        position: The start and the moves, as returned by `Games.position`; a start other than the initial position is
            written as SetUp and FEN.
        headers: Values by tag, used in place of the Result and Termination by the rules, and of "?".
        centipawns: [plies] scores of the last plies, each from the side of its mover, None where unknown; written as
            [%eval …], in pawns and from White's side. Only for games with a notation.

    Returns:
        The game, with its headers in the order of the standard, without a newline at the end.
    """
    known = dict(headers or {})
    if not {"Result", "Termination"} <= known.keys():
        final = game.start([position]).outcomes()
        over = bool(final.over[0])
        known.setdefault("Result", RESULTS[int(final.outcome[0])] if over else ROSTER["Result"])
        known.setdefault("Termination", game.reasons[int(final.reason[0])] if over else "unterminated")
    if game.notation:
        return _by_notation(game.notation.to_board(position), known, centipawns)
    start, moves = split_position(position)
    roster = {name: value for name, value in ROSTER.items() if name not in ("White", "Black")}
    roster |= {**players_tags(game, "?", "?"), "Result": roster.pop("Result")}
    own = {"Variant": game.name}
    if start != split_position(game.start(1).position(0))[0]:
        own |= {"SetUp": "1", "FEN": start}
    everything = {**roster, **known, **own}
    lines = [f'[{name} "{escaped(value)}"]' for name, value in everything.items()]
    return "\n".join([*lines, "", *_wrapped(_numbered(game, start, moves, everything["Result"]))])


def _by_notation(board: chess.Board, headers: Mapping[str, str], centipawns: Sequence[int | None]) -> str:
    """PGN of the moves on the stack of a board."""
    tree = chess.pgn.Game.from_board(board)
    own = {name: tree.headers[name] for name in ("SetUp", "FEN", "Variant") if name in tree.headers}
    nodes = list(tree.mainline())
    for node, score in zip(nodes[len(nodes) - len(centipawns) :], centipawns, strict=True):
        if score is not None:
            node.set_eval(chess.engine.PovScore(chess.engine.Cp(score), not node.turn()))
    tree.headers = chess.pgn.Headers({**ROSTER, **headers, **own})
    return tree.accept(chess.pgn.StringExporter(columns=WIDTH)).rstrip()


def save_pgn(path: str | Path, games: Iterable[str], *, replace: bool = True) -> None:
    """Write games to one file in one step.

    Args:
        path: The file.
        games: Games as returned by `to_pgn`.
        replace: Whether an existing file is overwritten.

    Raises:
        FileExistsError: The file exists and must not be overwritten.
        OSError: The file can't be written.
    """
    path = Path(path)
    if path.exists() and not replace:
        raise FileExistsError(f"{path} exists and is not overwritten")
    text = "".join(f"{game}\n\n" for game in games)
    write_text(path, text)


def all_of_event(path: Path, event: str) -> bool:
    """Whether a file begins with a game, and the Event tag of all its games is this event."""
    tag = f'[Event "{event}"]'.encode()
    with path.open("rb") as file:
        if file.readline().rstrip() != tag:
            return False
        return all(line.rstrip() == tag for line in file if line.startswith(b"[Event "))


def _numbered(game: Game, start: str, moves: list[str], result: str) -> list[str]:
    """The names of moves with move numbers, and the result: `1.`, `b2`, `a1`, `2.`, …, `1-0`."""
    words: list[str] = []
    second = int(game.start([start]).observe().player[0])  # a start in which player 1 moves begins with `1...`
    for ply, move in enumerate(moves, second):
        position = join_position(start, moves[: ply - second])
        if ply % 2 == 0 or not words:
            words.append(f"{ply // 2 + 1}{'...' if ply % 2 else '.'}")
        words.append(game.move_name(position, game.parse_move(position, move)))
    return [*words, result]


def _wrapped(words: list[str]) -> list[str]:
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) + 1 > WIDTH:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".lstrip()
    return lines


def escaped(text: str) -> str:
    """A text as the value of a tag; python-chess writes those of chess as they are."""
    return text.replace("\\", "\\\\").replace('"', '\\"')
