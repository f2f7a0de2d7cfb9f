"""What is said to a UCI engine and read from it, through chess.engine."""

from __future__ import annotations

import dataclasses
import logging
import math
import re

import chess.engine

MOST = 30_000  # centipawns; anything more is the same
chess.engine.LOGGER.addHandler(logging.NullHandler())  # else what an engine babbles would reach the terminal


class Connection(chess.engine.UciProtocol):
    """Remembers the last line, which is often the reason."""

    last = ""

    def line_received(self, line: str) -> None:
        self.last = line

    def error_line_received(self, line: str) -> None:
        self.last = line


class Hello(chess.engine.BaseCommand[None]):
    """Says `uci` and reads what the engine declares up to `uciok`.

    In place of UciProtocol.initialize, to which one option that it can't read is the end of the engine.
    """

    def __init__(self, engine: Connection) -> None:
        super().__init__(engine)
        self.engine = engine

    def check_initialized(self) -> None:
        """It is what initializes."""

    def start(self) -> None:
        self.engine.send_line("uci")

    def line_received(self, line: str) -> None:
        match line.split():
            case ["uciok", *_] if not self.result.done():
                self.engine.initialized = True
                self.result.set_result(None)
                self.set_finished()
            case ["id", key, *value]:
                self.engine.id[key] = " ".join(value)
            case ["option", *words]:
                option = _option(" ".join(words))
                if option:
                    self.engine.options[option.name] = option
                    if option.default is not None:
                        self.engine.config[option.name] = option.default


_OPTION = re.compile(r"name (.+?) type (check|spin|combo|button|string)((?: (?:default|min|max|var)\b.*)?)")
_FIELD = re.compile(r" (default|min|max|var)\b ?((?:(?! (?:default|min|max|var)\b).)*)")


def _option(declared: str) -> chess.engine.Option | None:
    """An option from what stands after that word, with single blanks; None if it is not as UCI has it."""
    match = _OPTION.fullmatch(declared)
    if not match:
        return None
    name, kind, rest = match.groups()
    found = [("default", rest.removeprefix(" default").strip())] if kind == "string" else _FIELD.findall(rest)
    fields = dict(found)
    least, most = (int(fields[key]) if _whole(fields.get(key, "")) else None for key in ("min", "max"))
    option = chess.engine.Option(name, kind, None, least, most, [value for key, value in found if key == "var"])
    try:
        return dataclasses.replace(option, default=option.parse(fields.get("default", "")))
    except chess.engine.EngineError:  # a default that it would refuse itself
        return option


def _whole(text: str) -> bool:
    return re.fullmatch(r"[-+]?\d{1,9}", text, re.ASCII) is not None


class Ask(chess.engine.BaseCommand[tuple[str, float]]):
    """Says something to an engine and waits for lines that begin with these words, one after the other.

    The result is the last of them, and the return that the engine expected meanwhile, NaN if it said nothing of it.
    """

    def __init__(self, said: str, words: tuple[str, ...], engine: Connection) -> None:
        super().__init__(engine)
        self.said, self.words, self.engine = said, list(words), engine
        self.value, self.exact = math.nan, False  # of the last score; whether it is no mere bound

    def start(self) -> None:
        self.engine.send_line(self.said)

    def line_received(self, line: str) -> None:
        word, *rest = line.split() or [""]
        if word == "info":
            self._look(rest)
        elif self.words and word == self.words[0]:
            del self.words[0]
            if not self.words:
                if not self.result.done():
                    self.result.set_result((line, self.value))
                self.set_finished()

    def _look(self, info: list[str]) -> None:
        """Keep the score of the best line: a bound only as long as there is no score."""
        if "string" in info:
            info = info[: info.index("string")]  # followed by a text
        if "score" not in info or _after("multipv", info) not in ("", "1"):
            return
        score = info[info.index("score") + 1 :][:4]
        exact = "lowerbound" not in score and "upperbound" not in score
        value = _expected_return(score)
        if not math.isnan(value) and exact >= self.exact:
            self.value, self.exact = value, exact


def _after(word: str, words: list[str]) -> str:
    """The word after another one, empty if there is none."""
    return [*words[words.index(word) + 1 :], ""][0] if word in words else ""


def _expected_return(score: list[str]) -> float:
    """In [−1, 1], of `cp N` or `mate N`: 2s − 1, s being the score that Elo expects of N more. NaN of anything else."""
    mate, centipawns = _after("mate", score), _after("cp", score)
    if _whole(mate):
        return 1.0 if int(mate) > 0 else -1.0
    if not _whole(centipawns):
        return math.nan
    return 2 / (1 + 10 ** (-min(max(int(centipawns), -MOST), MOST) / 400)) - 1
