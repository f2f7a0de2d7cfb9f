"""The Universal Chess Interface (Huber and Meyer-Kahlen, 2000): a policy as a chess engine.

There are two threads. One reads, so that `stop`, `quit` and `isready` are obeyed at once; the other does everything
else in the order of the commands. A policy looks at most one ply ahead, so it answers every `go` at once and ignores
the clock.

The modules that a policy needs take seconds to import, which is too long for the first answer to a GUI. So they are
imported where a policy is loaded, and this module imports little.
"""

from __future__ import annotations

import contextlib
import os
import queue
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, TextIO

from chesspg.uci.options import IDLE, OPTIONS
from chesspg.uci.policies import check_chess, default_policy, variant_of
from chesspg.uci.search import Search

if TYPE_CHECKING:
    import chess

    from chesspg.games.chess import Chess
    from chesspg.policy.policy import Policy

NO_MOVE = "0000"  # the null move of UCI: there is no legal move, or no policy
LONGEST = 300  # most characters of an error message, which may quote a line of megabytes
MARK = "\ufeff"  # the byte order mark, which some shells write before the first line of a pipe
COMMAND = re.compile(
    rf"(?<![^\s{MARK}])(uci|debug|isready|setoption|register|ucinewgame|position|go|stop|ponderhit|quit)(?!\S)"
)


class Engine:
    """A UCI engine that plays by a policy, chess or a variant of it.

    Args:
        out: Where to write.
        weights: The policy that plays unless WeightsFile is set, as a player string (see roster.py). If empty, the
            newest run under ./checkpoints plays, or else the strongest policy that ships.
    """

    def __init__(self, out: TextIO, weights: str = "") -> None:
        self.out, self.weights = out, weights
        self.options = {name: option.value for name, option in OPTIONS.items()}
        self.seed = _any_seed()
        self.loaded = ""  # the player string of the policy
        self.policy: Policy | None = None
        self.own: Mapping[str, float] = {}  # temperature and random moves, from the options of the player string
        self.game: Chess | None = None
        self.position = "startpos"  # the text after the last `position`
        self.board: chess.Board | None = None  # None until that text is read, and if it can't be
        self.complaint = ""  # the last error about a policy that can't be loaded
        self.searches: list[Search] = []  # those not yet answered, and some that are; used by the reading thread only
        self.checks: list[threading.Event] = []  # the same for `isready`; each is set when it is answered
        self.jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self.speaking = threading.Lock()
        self.commands = {"ucinewgame": self._ucinewgame, "setoption": self._setoption, "position": self._position}

    def run(self, lines: Iterable[str]) -> None:
        """Obey commands until `quit` or the end of the input.

        After `quit`, every earlier `go` and `isready` is still answered, at once unless a policy is being loaded. At
        the end of the input, all other commands are finished too.

        Args:
            lines: The lines of the input.
        """
        thinking = threading.Thread(target=self._work, daemon=True)
        thinking.start()
        quits = False
        for line in lines:
            found = COMMAND.search(line)
            unknown = line[: found.start() if found else None].replace(MARK, " ").split()
            if unknown:  # as UCI demands, ignore unknown words and read on
                self._say(f"info string unknown command {unknown[0][:40]!r}")
            if quits := bool(found and found[1] == "quit"):
                break
            if found:
                self._hear(found[1], line[found.end() :])
        self._release(self.searches)
        self.jobs.put(None)
        if quits:
            for answered in [*self.checks, *(search.answered for search in self.searches)]:
                answered.wait()
        else:
            thinking.join()

    def _hear(self, word: str, rest: str) -> None:
        """In the reading thread: handle a command that can't wait, pass on any other."""
        self.searches = [search for search in self.searches if not search.answered.is_set()]
        self.checks = [check for check in self.checks if not check.is_set()]
        if word == "stop":
            self._release(self.searches)
        elif word == "ponderhit":
            self._release([search for search in self.searches if not search.infinite])
        elif word == "uci":
            self._uci()
        elif word == "isready" and self.searches:
            self._say("readyok")
        elif word == "isready":
            self.checks.append(threading.Event())
            self.jobs.put(partial(self._isready, self.checks[-1]))
        elif word == "go":
            self.searches.append(Search(rest.split()))
            for problem in self.searches[-1].refused:
                self._complain(problem, "; it is ignored")
            self.jobs.put(partial(self._go, self.searches[-1]))
        elif word in self.commands:
            self.jobs.put(partial(self.commands[word], rest))

    def _release(self, searches: Iterable[Search]) -> None:
        for search in searches:
            search.may_answer.set()

    def _say(self, line: str) -> None:
        with self.speaking:
            try:
                self.out.write(line + "\n")
                self.out.flush()
            except OSError:  # the GUI has closed the output, and will close the input too
                pass

    def _complain(self, error: Exception | str, kept: str = "") -> None:
        text = " ".join(str(error).split())
        self._say(f"info string error: {text if len(text) <= LONGEST else text[:LONGEST] + '...'}{kept}")

    def _work(self) -> None:
        """The thinking thread."""
        while (job := self.jobs.get()) is not None:
            try:
                job()
            except Exception as error:  # a bug must not end the engine, because a game may be going on
                self._complain(f"{type(error).__name__}: {error}")

    def _uci(self) -> None:
        variant = variant_of(self.options["WeightsFile"] or self.weights)
        self._say("id name chesspg")
        self._say("id author the authors of chesspg")
        for name, option in OPTIONS.items():
            form = option.form
            if name == "UCI_Chess960" and variant != "chess960":
                continue
            if name == "UCI_Variant":
                if variant in ("standard", "chess960"):
                    continue
                form = f"combo default {variant} var {variant}"
            self._say(f"option name {name} type {form}")
        self._say("uciok")

    def _isready(self, answered: threading.Event) -> None:
        self.complaint = ""  # report again what is wrong
        try:
            self._ready()
        finally:
            self._say("readyok")
            answered.set()

    def _ucinewgame(self, _: str) -> None:
        self.seed = _any_seed()

    def _setoption(self, rest: str) -> None:
        before, *after = re.split(r"\svalue(?:\s|$)", rest.strip(), maxsplit=1, flags=re.IGNORECASE)
        text = "".join(after).strip()  # blanks inside a value, such as a path, are kept
        named = " ".join(re.split(r"(?<!\S)name(?!\S)", before, maxsplit=1, flags=re.IGNORECASE)[-1].split())
        name = next((name for name in OPTIONS if name.lower() == named.lower()), "")
        if not name:
            return self._complain(f"unknown option {named[:40]!r}; expected one of {', '.join(OPTIONS)}")
        try:
            value = OPTIONS[name].read(text)
            if name == "WeightsFile":
                check_chess(value)
            self.options[name] = value
        except ValueError as error:
            return self._complain(f"{name} {error}")
        if name == "WeightsFile":
            self.complaint = ""
        if name in IDLE:
            self._say(f"info string {name} has no effect: a policy does not search")
        return None

    def _position(self, rest: str) -> None:
        self.position, self.board = rest, None
        self._ready()
        self._set_up()

    def _set_up(self) -> None:
        """Read the last `position` by the rules of the policy. If it can't be read, report why; `go` plays no move."""
        assert self.game
        rest = " ".join(self.position.split())
        start, _, moves = f"{rest} ".partition(" moves ")
        kind, fen = (*start.split(maxsplit=1), "", "")[:2]
        try:
            if kind not in ("startpos", "fen") or (kind == "fen") != bool(fen):
                raise ValueError(
                    f"position must be followed by startpos or fen FEN, then moves if there are any, got {rest[:40]!r}"
                )
            start, moves = fen.strip() or "startpos", moves.lower().strip()  # some programs write e7e8Q
            self.board = self.game.to_board(f"{start} moves {moves}" if moves else start)
        except ValueError as error:
            self._complain(error, "; no move is played until another position is sent")

    def _ready(self) -> Chess:
        """Load the policy if it is not the loaded one. If that fails, report why and keep the one before."""
        wanted = self.options["WeightsFile"] or self.weights
        if self.policy is None or (wanted and wanted != self.loaded):
            try:
                self._load(wanted)
            except (ValueError, OSError) as error:
                kept = f"; still playing {self.loaded}" if self.policy else ""
                if self.complaint != str(error):
                    self.complaint = str(error)
                    self._complain(error, kept)
                if self.policy:
                    self.options["WeightsFile"] = self.loaded
        if self.game is None:
            from chesspg.games.chess import Chess

            self.game = Chess().for_few_games()
        return self.game

    def _load(self, wanted: str) -> None:
        from chesspg.games.chess import Chess
        from chesspg.players import roster
        from chesspg.policy import files

        text, why = (os.path.expanduser(wanted), "") if wanted else default_policy()
        path, own = roster.policy_of(text)
        theirs = files.header_game(files.read_header(path), path)
        if not isinstance(theirs, Chess):
            raise ValueError(f"{path} plays {theirs.name}; expected a policy for chess")
        game = theirs.for_few_games()
        policy = files.load(path, game)

        import torch  # takes seconds, so only once the file is known to be good

        from chesspg.uci.analysis import analyze

        if self.game and self.game.variant != game.variant:
            self.board = None
        self.policy, self.own, self.game, self.loaded = policy, own, game, wanted or text
        without = "" if policy.network.value else ", which has no value head: scores are of material"
        self._say(f"info string playing {text}{why}{without}")
        board = game.to_board("startpos")
        torch.set_num_threads(self.options["Threads"])
        analyze(policy, board, list(board.legal_moves))  # the first call is slow, so make it before a clock runs

    def _go(self, search: Search) -> None:
        answer = NO_MOVE
        try:
            self._ready()
            if not self.board:  # the policy was loaded after `position`, or the error is to be reported again
                self._set_up()
            if self.policy and self.board:
                answer = self._best(search, self.board)
        except Exception as error:  # after a bug too, the GUI waits for an answer
            self._complain(f"{type(error).__name__}: {error}")
        search.may_answer.wait()
        self._say(f"bestmove {answer}")
        search.answered.set()

    def _best(self, search: Search, board: chess.Board) -> str:
        """The move for `bestmove`, and `ponder` with the reply. Writes the info lines."""
        import numpy as np
        import torch

        from chesspg.games.randomness import Randomness
        from chesspg.uci.analysis import analyze, win_draw_loss

        began = time.perf_counter()
        assert self.policy
        legal = [] if board.is_variant_end() else list(board.legal_moves)
        if not legal:
            lost = board.is_checkmate() or board.is_variant_loss()
            self._say(f"info depth 0 score {'mate' if lost else 'cp'} 0")
            return NO_MOVE
        named = set(_moves(search.moves, board))
        wanted = [move for move in legal if move in named] or legal
        if search.moves and wanted is legal:
            self._complain("none of the searchmoves is legal; all moves are considered")

        options = self.options
        torch.set_num_threads(options["Threads"])
        count = min(options["MultiPV"], len(wanted))
        look_ahead = search.depth > 1 and search.nodes > count
        rng = Randomness(self.seed if options["Seed"] < 0 else options["Seed"])
        temperature = options["Temperature"]
        if temperature == OPTIONS["Temperature"].value:  # not set by the user, although GUIs may send the default
            temperature = self.own.get("temperature", temperature)
        lines, nodes = analyze(
            self.policy, board, wanted, lines=count, look_ahead=look_ahead,
            temperature=temperature, top_p=options["TopP"], random=self.own.get("random", 0.0),
            uniform=float(rng.uniforms(np.zeros(1, np.int64), board.ply())[0]),
        )  # fmt: skip
        spent = round(1000 * (time.perf_counter() - began))
        names = [self._names(line.moves, board) for line in lines]
        shares = (f"{moves[0]} {line.probability:.1%}" for line, moves in zip(lines, names, strict=True))
        self._say(f"info string policy {' '.join(shares)}")
        for number, (line, moves) in enumerate(zip(lines, names, strict=True), 1):
            score = "mate 1" if line.wins else f"cp {line.centipawns}"
            if options["UCI_ShowWDL"]:
                expected = (1000, 0, 0) if line.wins else win_draw_loss(line.centipawns)
                score += " wdl {} {} {}".format(*expected)
            self._say(
                f"info depth {1 + look_ahead} multipv {number} score {score} nodes {nodes} time {spent} "
                f"pv {' '.join(moves)}"
            )
        return " ponder ".join(names[0])

    def _name(self, move: chess.Move, board: chess.Board) -> str:
        return board.uci(move, chess960=board.chess960 and self.options["UCI_Chess960"])

    def _names(self, moves: Iterable[chess.Move], board: chess.Board) -> list[str]:
        """The moves as UCI, with castling as the GUI expects it: e1g1, or with UCI_Chess960 the king to its rook."""
        board, names = board.copy(stack=False), []
        for move in moves:
            names.append(self._name(move, board))
            board.push(move)
        return names


def _moves(texts: Iterable[str], board: chess.Board) -> Iterator[chess.Move]:
    """The moves that are legal; castling may be written either way."""
    for text in texts:
        with contextlib.suppress(ValueError):
            yield board.parse_uci(text)


def _any_seed() -> int:
    return int.from_bytes(os.urandom(4), "little")
