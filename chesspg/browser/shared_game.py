"""The game that all tabs show: what a person may do, and the state that is sent to them."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from chesspg.arena.session import Likely, Session
from chesspg.arena.table import EVENT, PERSON
from chesspg.browser.loading import read
from chesspg.browser.view import LIKELY, Json, first_move, line_of, view_of
from chesspg.games.game import split_position
from chesspg.players import roster
from chesspg.players.player import Mixture, Player
from chesspg.terminal import numbers

SAMPLED = 2  # stream of the random numbers for sides


class Refused(ValueError):
    """A request was not carried out because the game was another one than its sender saw."""


class SharedGame:
    """A person and a player at one game, which any number of tabs show.

    Everything that takes time is done by one worker thread: the rules, the player and its network. `state` is replaced
    as a whole, so that other threads may read it at any time.

    Args:
        session: The first game.
        player: The player, once it is loaded.
        name: The player's string.
        rebuild: Builds the player again from another string; None if the player has no temperature.
        on_change: Called in the worker thread whenever there is a new state.
    """

    def __init__(
        self,
        session: Session,
        player: Future[Player],
        name: str,
        rebuild: Callable[[str], Player] | None = None,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.session, self.player, self.name, self.rebuild, self.on_change = session, player, name, rebuild, on_change
        self.view = view_of(session.game)
        self.shape = self.view.shape()
        self.initial = session.start
        self.update = self.revision = 0  # the number of the state; the number of the position and of who may move
        self.message = ""  # why the player fails
        self.paused = False  # whether the player waits because a game was loaded
        self.busy = False  # whether a request is carried out, or the player is about to move
        self._seen: dict[str, Json] = {}  # the board of each position, and the move that led to it
        self._opinions: dict[str, Json] = {}  # what the policy says of each position
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="game")
        start, moves = split_position(session.start)
        if moves:
            self.session = session.new(start)
            self.session.load(moves)
        self.state: Json = self._described()

    def start(self) -> None:
        """Begin to play: the player moves if it has the first move."""
        if self._waits():
            self.busy = True
            self._worker.submit(self._advance)
        self.player.add_done_callback(lambda _: self._submit(self._publish))

    def stop(self) -> None:
        """End the game. A player that is thinking is not waited for."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    def ask(self, request: Json) -> Future[None]:
        """Carry out what a person asked for. To be called by one thread.

        Args:
            request: `action`, the name of a method of this class that begins with `do_`; `revision`, that of the state
                in which the person decided; and the arguments of the action.

        Returns:
            It is done when the action has been carried out and the state is new; the player's reply comes later. It
            has a ValueError if the action is not possible.

        Raises:
            Refused: The revision is an older one, or the player is about to move.
            ValueError: The action is unknown.
        """
        action = request.get("action")
        do = getattr(self, f"do_{action}", None) if isinstance(action, str) else None
        if do is None:
            raise ValueError(f"unknown action {str(action)[:40]!r}")
        if request.get("revision") != self.revision:
            raise Refused("The game has changed in the meantime. This is the newest position.")
        if self.busy:
            raise Refused(f"wait for the move of {self.name}, or for what another tab asked for")
        self.busy = True
        try:
            return self._worker.submit(self._carry_out, do, request)
        except RuntimeError:
            raise Refused("the server ends; nothing was changed") from None

    def opinion(self, ply: int) -> Future[Json]:
        """What the policy says of the position after this many plies: `likely` and `value`."""
        return self._worker.submit(lambda: self._opinion(self.session.at(ply)))

    # Actions; each takes the request, and raises ValueError if it is not possible.

    def do_move(self, request: Json) -> None:
        """Play a move of the person."""
        if self.session.result:
            raise ValueError("the game is over")
        if not self.session.to_move:
            raise ValueError(f"it is the turn of {self.name}")
        move = _text(request, "move")
        if not move.strip():
            raise ValueError(f"no move was given; expected one such as {self.session.legal_moves()[0]}")
        self.session.move(move)
        self.paused = False

    def do_undo(self, request: Json) -> None:
        """Take back the person's last move and what followed."""
        self.session.undo()
        self.paused = False

    def do_back(self, request: Json) -> None:
        """Go back to an earlier position and play on from there."""
        ply = request.get("ply")
        if not isinstance(ply, int) or isinstance(ply, bool):
            raise ValueError(f"ply must be a whole number, got {str(ply)[:40]!r}")
        self.session.back(ply)
        self.paused = False

    def do_new(self, request: Json) -> None:
        """Start another game, from the initial position or from what the person pasted."""
        text, session = _text(request, "text"), self.session
        loaded = read(text, session.game) if text.strip() else None
        new = session.new(loaded.start if loaded else self.initial)
        new.seat = self._seat(_text(request, "side"), new.number_of_game)
        if loaded:
            new.load(loaded.moves, loaded.players)
        self.session, self.paused = new, bool(loaded and loaded.moves)
        self._seen.clear()  # of a long game it takes megabytes
        self._opinions.clear()

    def do_continue(self, request: Json) -> None:
        """Play on from the end of a game that was loaded."""
        self._require_unfinished()
        self.paused = False

    def do_switch(self, request: Json) -> None:
        """Let the person and the player change sides."""
        self._require_unfinished()
        self.session.switch()
        self.paused = False

    def do_go(self, request: Json) -> None:
        """Let the player make a move for the person."""
        self._require_unfinished()
        self.session.reply(self.player.result())
        self.paused = False

    def do_resign(self, request: Json) -> None:
        """Give up."""
        self._require_unfinished()
        self.session.resigned = True

    def do_temperature(self, request: Json) -> None:
        """Let the policy play at another temperature from now on."""
        if self.rebuild is None:
            raise ValueError(f"{self.name} has no temperature")
        try:
            temperature = numbers.temperature(_text(request, "temperature"))
        except ValueError as error:
            raise ValueError(f"the temperature {error}") from None
        name = roster.with_temperature(self.name, temperature)
        player: Future[Player] = Future()
        player.set_result(self.rebuild(name))
        self.player, self.name, self.message = player, name, ""
        self._opinions.clear()

    # The rest runs in the worker thread.

    def _submit(self, work: Callable[..., None], *arguments: Any) -> None:
        try:
            self._worker.submit(work, *arguments)
        except RuntimeError:  # the server ends
            self.busy = False

    def _carry_out(self, do: Callable[[Json], None], request: Json) -> None:
        try:
            do(request)
            self.message = ""
            waits = self._show_change()
        except Exception as error:
            self.busy = False
            if not isinstance(error, (ValueError, OSError)):
                traceback.print_exc()
            raise ValueError(line_of(error)) from None
        if waits:
            self._submit(self._advance)

    def _waits(self) -> bool:
        """Whether the game waits for the player."""
        return not (self.session.result or self.session.to_move or self.paused)

    def _advance(self) -> None:
        """Let the player move while it is its turn."""
        try:
            self.session.reply(self.player.result())
            waits = self._show_change()
        except Exception as error:
            self._fail(error)
            waits = self.busy = False
            self._publish()
        if waits:
            self._submit(self._advance)

    def _show_change(self) -> bool:
        """Publish a new position. Returns whether the game waits for the player."""
        self.revision += 1
        waits = self.busy = self._waits()  # before the state is published, as whoever sees it may act on it at once
        self._publish()
        return waits

    def _publish(self) -> None:
        self.update += 1
        self.state = self._described()
        self.on_change()

    def _described(self) -> Json:
        """The state, as docs/architecture.md describes it."""
        session, game = self.session, self.session.game
        path = [*(ply.before for ply in session.plies), session.position]
        number, first = first_move(session)
        legal = [] if session.result else self.view.legal(session.position)
        policy = self._policy()
        opinion = self._own_opinion() if policy and session.to_move else None  # before the status, as it may fail
        status = self._status()  # before the message, which it may set
        return {
            "update": self.update, "revision": self.revision,
            "game": game.name, "shape": self.shape, "seats": game.seats, "seat": session.seat,
            "player": self.name, "message": self.message, "status": status, "paused": self.paused,
            "policy": self.rebuild is not None, "temperature": self._temperature() if self.rebuild and policy else None,
            "mover": None if session.result else session.mover, "result": session.result,
            "verdict": f"{session.verdict}." if session.result else "",
            "number": number, "first": first,
            "positions": [self._position(before, after) for before, after in zip(["", *path], path, strict=False)],
            "movers": [ply.seat for ply in session.plies],
            "legal": legal,
            "opinion": opinion,
            "position": session.shown, "pgn": session.record(EVENT, PERSON, self.name) + "\n",
            "sgf": self._sgf(),
        }  # fmt: skip

    def _position(self, before: str, after: str) -> Json:
        key = f"{before}\n{after}"
        if key not in self._seen:
            move = self.view.played(before, after) if before else None  # first, as a board is read on from the last one
            self._seen[key] = {**self.view.board(after), "move": move}
        return self._seen[key]

    def _own_opinion(self) -> Json | None:
        """What the policy says of the position of the game; None if it fails, which must not end the game."""
        try:
            return self._opinion(self.session)
        except Exception as error:
            self._fail(error)
            return None

    def _fail(self, error: Exception) -> None:
        """Show that the player fails."""
        if not isinstance(error, (ValueError, OSError)):
            traceback.print_exc()
        self.message = f"{self.name} fails: {line_of(error)}"

    def _opinion(self, session: Session) -> Json:
        player = self.player.result()
        if session.result or self._policy() is None:
            return {"likely": [], "value": None}
        if session.position not in self._opinions:
            likely: list[Likely] = session.hint(player, LIKELY)
            try:
                value = session.value(player)
            except ValueError:  # the network has no value head
                value = None
            self._opinions[session.position] = {
                "likely": self.view.likely(likely, self.view.legal(session.position)),
                "value": value,
            }
        return self._opinions[session.position]

    def _status(self) -> str:
        if not self.player.done():
            return "loading"
        if self.message or self.player.exception():
            self.message = self.message or f"{self.name} fails: {line_of(self.player.exception() or ValueError())}"
            return "failed"
        return "thinking" if self._waits() else "ready"

    def _policy(self) -> Any:
        """The player that has a policy; None if there is none, or it is still loading."""
        if not self.player.done() or self.player.exception():
            return None
        player = self.player.result()
        while isinstance(player, Mixture):
            player = player.player
        return player if hasattr(player, "distribution") else None

    def _temperature(self) -> float:
        player = self._policy()
        return 0.0 if player.greedy else float(player.policy.temperature)

    def _seat(self, side: str, number: int) -> int:
        if side == "random":
            rng = self.session.rng
            return int(rng.generators(SAMPLED, np.array([number]))[0].integers(2))
        if side not in ("0", "1", ""):
            raise ValueError(f"side must be 0, 1 or random, got {side[:40]!r}")
        return int(side) if side else self.session.seat

    def _sgf(self) -> str | None:
        if self.session.game.sgf is None:
            return None
        try:
            return self.session.record(EVENT, PERSON, self.name, sgf=True) + "\n"
        except ValueError:  # a game from another start, which SGF can't describe here
            return None

    def _require_unfinished(self) -> None:
        if self.session.result:
            raise ValueError("the game is over")


def _text(request: Json, name: str) -> str:
    value = request.get(name, "")
    if not isinstance(value, str):
        raise ValueError(f"{name} must be text, got {str(value)[:40]!r}")
    return value
