"""The UCI dialogue with an engine, as commands for chess.engine."""

from __future__ import annotations

import dataclasses
import logging
import math
import re

import chess.engine

LONGEST_LINE = 1 << 20  # most bytes of a line that are kept until it ends
MOST = 30_000  # centipawns; larger scores count as this
chess.engine.LOGGER.addHandler(logging.NullHandler())  # otherwise unexpected output of an engine reaches the terminal


class Connection(chess.engine.UciProtocol):
    """A connection that remembers the last line of the engine, which often explains why it failed."""

    last = ""

    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        """Read output. Of a line longer than LONGEST_LINE, the middle is dropped."""
        super().pipe_data_received(fd, data)
        del self.buffer[fd][LONGEST_LINE:]

    def line_received(self, line: str) -> None:
        """Remember a line of standard output."""
        self.last = line

    def error_line_received(self, line: str) -> None:
        """Remember a line of standard error."""
        self.last = line


class Hello(chess.engine.BaseCommand[None]):
    """Sends `uci` and reads what the engine declares up to `uciok`.

    It replaces UciProtocol.initialize, which gives up on an engine if it can't parse one of its options.
    """

    def __init__(self, engine: Connection) -> None:
        super().__init__(engine)
        self.engine = engine

    def check_initialized(self) -> None:
        """Override the check of the base class, because this command does the initialization."""

    def start(self) -> None:
        """Send `uci`."""
        self.engine.send_line("uci")

    def line_received(self, line: str) -> None:
        """Read a line of the declaration."""
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
    """Parse the text after the word `option`, with single blanks; None if it does not follow UCI."""
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
    except chess.engine.EngineError:  # its default does not satisfy its own limits
        return option


def _whole(text: str) -> bool:
    return re.fullmatch(r"[-+]?\d{1,9}", text, re.ASCII) is not None


class Ask(chess.engine.BaseCommand[tuple[str, float]]):
    """Sends lines to an engine and waits for its answers.

    The result is the last answer, and the return that the engine expects by its last score, NaN if it sent none.

    Args:
        question: The lines to send.
        words: The first words of the answers, in their order.
        engine: The connection.
    """

    def __init__(self, question: str, words: tuple[str, ...], engine: Connection) -> None:
        super().__init__(engine)
        self.question, self.words, self.engine = question, list(words), engine
        self.value, self.exact = math.nan, False  # the last score, and whether it is exact and not a bound

    def start(self) -> None:
        """Send the lines."""
        self.engine.send_line(self.question)

    def line_received(self, line: str) -> None:
        """Read a line: a score, or an answer."""
        word, *rest = line.split() or [""]
        if word == "info":
            self._read_score(rest)
        elif self.words and word == self.words[0]:
            del self.words[0]
            if not self.words:
                if not self.result.done():
                    self.result.set_result((line, self.value))
                self.set_finished()

    def _read_score(self, info: list[str]) -> None:
        """Keep the score of the best line; a bound only until there is an exact score."""
        if "string" in info:
            info = info[: info.index("string")]  # the rest is free text
        if "score" not in info or _after("multipv", info) not in ("", "1"):
            return
        score = info[info.index("score") + 1 :][:4]
        exact = "lowerbound" not in score and "upperbound" not in score
        value = _expected_return(score)
        if not math.isnan(value) and exact >= self.exact:
            self.value, self.exact = value, exact


def _after(word: str, words: list[str]) -> str:
    """The word after another word, empty if there is none."""
    return [*words[words.index(word) + 1 :], ""][0] if word in words else ""


def _expected_return(score: list[str]) -> float:
    """The return in [−1, 1] for `cp N` or `mate N`: 2s − 1, with s the score expected from N Elo more; else NaN."""
    mate, centipawns = _after("mate", score), _after("cp", score)
    if _whole(mate):
        return 1.0 if int(mate) > 0 else -1.0
    if not _whole(centipawns):
        return math.nan
    return 2 / (1 + 10 ** (-min(max(int(centipawns), -MOST), MOST) / 400)) - 1
