"""A match as a JSON file: its settings, its figures and every game, so that a stopped match can be continued."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import chess
import numpy as np

from chesspg.arena.match_result import FORFEITED, TRUNCATED, MatchResult
from chesspg.games.game import Game, Games, split_position
from chesspg.storage.atomic import write_text
from chesspg.storage.outputs import json_has
from chesspg.storage.parsing import parse_json


def save_match(path: str | Path, settings: Mapping[str, Any], result: MatchResult) -> None:
    """Write the settings, figures and games of a match atomically.

    Args:
        path: The file.
        settings: Players and conditions of the match, as JSON values; `sprt` holds elo0 and elo1 of a test or None.
        result: The games so far.

    Raises:
        OSError: The file can't be written.
    """
    played = []
    for number, (position, points, reason) in enumerate(
        zip(result.positions, result.results, result.reasons, strict=True)
    ):
        one: dict[str, Any] = {"game": position, "result": points, "reason": reason}
        if number in result.forfeits:
            one["forfeit"] = result.forfeits[number]
        if number in result.values:
            one["values"] = [value if value is None else round(value, 3) for value in result.values[number]]
        played.append(one)
    sprt = settings.get("sprt")
    test = {"sprt_result": result.sprt(*sprt)._asdict()} if sprt else {}
    head = json.dumps({**settings, **result.as_dict(), **test}, indent=2, ensure_ascii=False).removesuffix("\n}")
    lines = ",\n    ".join(json.dumps(one, ensure_ascii=False) for one in played)  # one game per line
    text = f'{head},\n  "played": [\n    {lines}\n  ]\n}}\n'
    write_text(path, text)


def is_match(path: Path) -> bool:
    """Return whether `save_match` wrote this file."""
    return json_has(path, {"a", "b", "game", "seed", "pentanomial", "played"})


def load_match(path: str | Path, settings: Mapping[str, Any], openings: Sequence[str], game: Game) -> MatchResult:
    """Load the games of a saved match in order to continue it.

    Every game is played again, so that a file with illegal moves or wrong results is refused.

    Args:
        path: The file.
        settings: Settings of the match to continue; those in the file must be equal.
        openings: Openings of the match to continue; the games in the file must begin with the first of them.
        game: The game that is played.

    Returns:
        The games in the file.

    Raises:
        OSError: The file can't be read.
        ValueError: The file is damaged, belongs to another match, or holds games that the rules don't allow.
    """
    path = Path(path)
    try:
        saved = parse_json(path.read_bytes())  # in any Unicode encoding that an editor may have used
        theirs = {name: saved[name] for name in settings}
        played = saved["played"]
        result = MatchResult(
            results=tuple(one["result"] for one in played),
            positions=tuple(one["game"] for one in played),
            reasons=tuple(one["reason"] for one in played),
            seconds=saved["seconds"],
            forfeits={number: one["forfeit"] for number, one in enumerate(played) if "forfeit" in one},
            values={number: tuple(one["values"]) for number, one in enumerate(played) if "values" in one},
        )
        if result.games % 2 or not result.games or result.games != saved["games"]:
            raise ValueError
        if not all(isinstance(position, str) for position in result.positions):
            raise TypeError
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ValueError(f"{path} is damaged or not a match; expected a file that `match --json` wrote") from None
    for name, ours in settings.items():
        if theirs[name] != ours:
            raise ValueError(
                f"{path} has a match with {name} {theirs[name]!r:.200}, not {ours!r}; the two must be the same"
            )
    if result.games > 2 * len(openings):
        raise ValueError(
            f"--games must be at least {result.games}, the number of games in {path}, got {2 * len(openings)}"
        )
    for number, position in enumerate(result.positions):
        opening = openings[number // 2]
        if position != opening and not position.startswith(f"{opening} "):
            raise ValueError(f"{path} has other openings: game {number + 1} does not begin with {opening!r}")
    if not _is_number(result.seconds, 0, math.inf):
        raise ValueError(
            f"{path} is damaged: seconds must be a finite number of at least 0, got {result.seconds!r:.40}"
        )
    verdicts = _verdicts(path, result.positions, openings, game)
    for number, (verdict, opening) in enumerate(zip(verdicts, (o for o in openings for _ in range(2)), strict=False)):
        problem = _impossible(result, number, verdict, len(split_position(opening)[1]), settings.get("max_plies"))
        if problem:
            raise ValueError(f"{path} is damaged: game {number + 1} {problem}")
    return result


class _Verdict(NamedTuple):
    """The state of a game after its last move, according to the rules."""

    outcome: int  # 1 player 0 won, −1 player 1 won, 0 draw or not over
    reason: str | None  # None if the game is not over
    mover: int  # the player to move, 0 or 1


def _verdicts(path: Path, positions: Sequence[str], openings: Sequence[str], game: Game) -> list[_Verdict]:
    """shape [games] play the games again, two from each opening. Raises ValueError if one of them breaks the rules."""
    starts = [openings[number // 2] for number in range(len(positions))]
    moves = [
        split_position(position)[1][len(split_position(start)[1]) :]
        for position, start in zip(positions, starts, strict=True)
    ]
    lengths = np.array([len(some) for some in moves])
    verdicts: dict[int, _Verdict] = {}
    games, live = game.start(starts), np.arange(len(positions))
    for ply in range(int(lengths.max()) + 1):
        done = lengths[live] == ply
        if done.any():
            ended, numbers = games[done], live[done].tolist()
            final, movers = ended.outcomes(), ended.observe().player.tolist()
            for row, number in enumerate(numbers):
                if ended.moves(row) != split_position(positions[number])[1]:
                    raise ValueError(
                        f"{path} is damaged: game {number + 1} has moves in another notation than {game.name}'s"
                    )
                reason = game.reasons[final.reason[row]] if final.over[row] else None
                verdicts[number] = _Verdict(int(final.outcome[row]), reason, movers[row])
            games, live = games[~done], live[~done]
        if not len(live):
            break
        seen = games.observe()
        texts = [moves[number][ply] for number in live.tolist()]
        actions = np.array([_action(game, games, row, int(seen.player[row]), text) for row, text in enumerate(texts)])
        counts = seen.legal.counts
        owner = np.repeat(np.arange(len(live)), counts)
        legal = np.bincount(owner[seen.legal.actions == np.repeat(actions, counts)], minlength=len(live)) > 0
        if not legal.all():
            row = int(np.argmin(legal))
            what = "illegal" if counts[row] else "played after the end of the game"
            raise ValueError(
                f"{path} is damaged: game {live[row] + 1} has the move {texts[row]!r:.40}, which is {what}"
            )
        games.play(actions)
    return [verdicts[number] for number in range(len(positions))]


def _action(game: Game, games: Games, row: int, player: int, text: str) -> int:
    """The action of a move in the notation of the game, or −1 if the text is not a move."""
    try:
        if game.notation:  # faster than parse_move, which sets up the position again
            return game.notation.to_action(chess.Move.from_uci(text), player == 0)
        return game.parse_move(games.position(row), text)
    except ValueError:
        return -1


def _impossible(result: MatchResult, number: int, verdict: _Verdict, opening: int, max_plies: int | None) -> str:
    """What is wrong with a game in a file; empty if nothing is. The opening has `opening` plies."""
    points, reason = result.results[number], result.reasons[number]
    outcome, plies = verdict.outcome, result.lengths[number]
    if verdict.reason is not None:
        wanted = verdict.reason
    elif number in result.forfeits:
        wanted, outcome = FORFEITED, 2 * verdict.mover - 1
    elif max_plies is not None and plies <= max_plies:
        wanted = TRUNCATED
    else:
        return "is not over"
    if reason != wanted:
        return f"has the reason {reason!r:.40}; it must be {wanted!r}"
    if number in result.forfeits and wanted != FORFEITED:
        return "has a forfeit and was played to its end"
    forfeit = result.forfeits.get(number, "")
    if not isinstance(forfeit, str):
        return "has a forfeit that is not a text"
    expected = (1 + (outcome if number % 2 == 0 else -outcome)) / 2
    if isinstance(points, bool) or points != expected:
        return f"has the result {points!r:.40}; it must be {expected:g}"
    values = result.values.get(number)
    if values is not None and len(values) != plies - opening:
        return f"has {len(values)} values for {plies - opening} plies"
    if not all(value is None or _is_number(value, -1, 1) for value in values or ()):
        return "has a value that is not a number from -1 to 1"
    return ""


def _is_number(thing: Any, low: float, high: float) -> bool:
    return type(thing) in (int, float) and low <= thing <= high and thing != math.inf
