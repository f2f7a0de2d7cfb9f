"""Generate games between any players and keep them in a PGN file that can be continued."""

from __future__ import annotations

import datetime
import os
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from itertools import islice, product
from pathlib import Path

import numpy as np

from chesspg.arena.match_result import TRUNCATED
from chesspg.arena.openings import random_openings
from chesspg.games.game import Game, split_position
from chesspg.games.randomness import Randomness
from chesspg.pgn.writing import RESULTS, escaped, players_tags, to_pgn
from chesspg.players.player import Player
from chesspg.selfplay.shares import place, play_on

EVENT = "chesspg generate"
COMPARED = 20  # games of a file that is continued whose openings are compared with those of the command
AT_ONCE, ON_A_GPU = 128, 2048  # the default number of games that are played together on the CPU, and on a GPU


def generate(
    game: Game,
    players: Sequence[tuple[str, Player]],
    openings: Sequence[str],
    *,
    first: int = 0,
    at_once: int | None = None,
    max_plies: int | None = None,
    seed: int = 0,
    on_ply: Callable[[int, int], None] | None = None,
) -> Iterator[list[str]]:
    """Play one game from each opening.

    A game depends neither on the number of games before it nor on the games played together with it. If the policies
    are on a GPU that has the game's rules, and no player needs the host, the games are played there.

    Args:
        game: The game to play.
        players: Names and players. All ordered pairs, each player with itself included, take the seats in turn, so that
            every player has each color equally often.
        openings: One per game. In a game with a notation the record begins at the position after the opening, without
            its moves, so that a network which learns from the games does not learn the opening moves.
        first: Index of the first opening to play from; those before it are skipped.
        at_once: Number of games to play together; by default AT_ONCE, or ON_A_GPU if they are played there.
        max_plies: A longer game is stopped with the result `*`; None never stops a game.
        seed: Seed of all random numbers in the games.
        on_ply: Called after each ply with the number of finished games and of plies played, both of the games that are
            played together.

    Yields:
        The PGN of each game that was played together, in order.
    """
    pairs = list(product(players, repeat=2))
    names = (TRUNCATED, *game.reasons[1:])
    date = datetime.date.today().strftime("%Y.%m.%d")  # PGN dates are in local time
    numbers = iter(range(first, len(openings)))
    device = place(game, [player for _, player in players])
    at_once = at_once or (ON_A_GPU if device else AT_ONCE)
    while chunk := list(islice(numbers, at_once)):
        seated = [pairs[number % len(pairs)] for number in chunk]
        rollout = play_on(
            device,
            game,
            game.start([_position_after(game, openings[number]) for number in chunk]),
            [(a[1], b[1]) for a, b in seated],
            Randomness(seed),
            max_plies=max_plies,
            index=np.array(chunk),
            on_ply=on_ply,
        )
        rollout.require_reasons(game)
        texts = []
        for row, (number, (first_seat, second)) in enumerate(zip(chunk, seated, strict=True)):
            headers = {"Event": EVENT, "Date": date, "Round": str(number + 1)}
            headers |= players_tags(game, first_seat[0], second[0])
            if row in rollout.forfeits:
                end = {"Result": RESULTS[int(rollout.outcome[row])], "Termination": rollout.forfeits[row]}
            else:
                end = {"Termination": names[rollout.reason[row]]}
            texts.append(to_pgn(game, rollout.position(row), headers | end))
        yield texts


def written(path: Path, names: Sequence[str], game: Game, openings: Sequence[str]) -> tuple[int, int]:
    """Count the complete games in a file that an earlier call of this command wrote.

    Args:
        path: The file, which may not exist yet.
        names: Names of the players, in the order of the command line.
        game: The game they play.
        openings: The openings of all games, one per game.

    Returns:
        The number of complete games, and the number of bytes they occupy at the start of the file.

    Raises:
        OSError: The file can't be read.
        ValueError: Another program wrote the file, or its games are of other players or of another game, or the last
            of them have other openings.
    """
    if not path.exists():
        return 0, 0
    games = at = 0
    ends = [0]  # the bytes that the complete games occupy: none of them, the first, the first two, …
    pairs = list(product(names, repeat=2))
    moves = False
    wanted = _variant(game)
    variant = ""
    with path.open("rb") as file:
        for line in file:
            if not at and line != f'[Event "{EVENT}"]\n'.encode():
                raise ValueError(f"{path} was not written by this command; expected a file that it wrote, or a new one")
            for seat, name in players_tags(game, *pairs[games % len(pairs)]).items():
                whole = line.startswith(f"[{seat} ".encode()) and line.endswith(b"\n")
                value = name if game.notation else escaped(name)
                if whole and line != f'[{seat} "{value}"]\n'.encode(errors="backslashreplace"):
                    tag = line.decode(errors="replace").strip()
                    own = " ".join(f"--player {shlex.quote(player)}" for player in _players(path, game))
                    raise ValueError(
                        f"game {games + 1} of {path} has {tag}; expected {name!r}, as on the command line; continue "
                        f"with {own}, or name another file"
                    )
            if line.startswith(b"[Variant "):
                variant = line.decode(errors="replace").strip()
            at += len(line)
            if moves and line == b"\n":
                if variant != wanted:
                    theirs = variant or "no [Variant …], which means chess"
                    raise ValueError(f"the games of {path} have {theirs}; expected games of {game.name}")
                games, variant = games + 1, ""
                ends.append(at)
            moves = not line.startswith(b"[") and line != b"\n"
    last = min(games, len(openings))
    with path.open("rb") as file:
        for number in range(max(0, last - COMPARED), last):
            file.seek(ends[number])
            pgn = file.read(ends[number + 1] - ends[number]).decode(errors="replace")
            if not _begins_with(pgn, game, openings[number]):
                raise ValueError(
                    f"game {number + 1} of {path} does not begin with the opening that this seed and these openings "
                    "give it; continue with the seed and the openings of the first command, or name another file"
                )
    return games, ends[-1]


def _begins_with(pgn: str, game: Game, opening: str) -> bool:
    """Whether a game that was generated begins with an opening."""
    start, moves = _start_and_moves(pgn)
    expected, first = _start_and_moves(to_pgn(game, _position_after(game, opening)))
    return start == expected and moves[: len(first)] == first


def _start_and_moves(pgn: str) -> tuple[str, list[str]]:
    """The FEN tag of a game, empty if there is none, and the words of its moves without the result."""
    tags, _, moves = pgn.partition("\n\n")
    start = next((line for line in tags.splitlines() if line.startswith("[FEN ")), "")
    words = moves.split()
    return start, words[:-1]


def _players(path: Path, game: Game) -> list[str]:
    """The players with whom a file of this command can be continued: all opponents of the first one on seat 0."""
    wanted = tuple(f"[{tag} " for tag in players_tags(game, "", ""))
    with path.open(encoding="utf-8", errors="replace") as file:
        tags = [line.strip() for line in file if line.startswith(wanted)]
    seats = [tag.partition('"')[2].removesuffix('"]') for tag in tags]
    if not game.notation:
        seats = [re.sub(r"\\(.)", r"\1", seat) for seat in seats]  # as before `escaped`
    met = [second for first, second in zip(seats[::2], seats[1::2], strict=False) if first == seats[0]]
    return list(dict.fromkeys(met))


def _variant(game: Game) -> str:
    """The PGN tag that names the game; empty for chess, which needs none."""
    lines = to_pgn(game, game.start(1).position(0)).splitlines()
    return next((line for line in lines if line.startswith("[Variant ")), "")


def append(path: Path, games: Sequence[str]) -> None:
    """Append games to a file: all of them or, for example if the disk is full, none.

    Args:
        path: The file, which is created if it does not exist.
        games: PGN of each game.

    Raises:
        OSError: The games can't be written; the file is as it was before.
    """
    left = "".join(f"{game}\n\n" for game in games).encode(errors="backslashreplace")
    with path.open("ab", buffering=0) as file:
        before = file.tell()
        try:
            while left:
                left = left[file.write(left) :]
            os.fsync(file.fileno())
        except BaseException as stopped:
            file.truncate(before)
            if isinstance(stopped, OSError):
                raise OSError(stopped.errno, stopped.strerror, str(path)) from None
            raise


def varied_openings(game: Game, count: int, plies: int, seed: int) -> list[str]:
    """shape [count] openings of 0 to `plies` random plies, each length about equally often.

    Args:
        game: The game to play.
        count: Number of openings.
        plies: Greatest length of an opening.
        seed: Seed of the lengths and the moves.

    Returns:
        The openings.

    Raises:
        Unplayable: Hardly any game lasts that long.
    """
    lengths = Randomness(seed).generator().integers(0, plies + 1, size=count)
    openings = [""] * count
    for length in range(plies + 1):
        slots = np.flatnonzero(lengths == length).tolist()
        for slot, opening in zip(slots, random_openings(game, len(slots), length, seed), strict=True):
            openings[slot] = opening
    return openings


def _position_after(game: Game, opening: str) -> str:
    """In a game with a notation the position after an opening, without its moves; else the opening itself."""
    if game.notation is None or not split_position(opening)[1]:
        return opening
    return game.notation.to_board(opening).fen()
