"""One game between a person and a player: what was played, what may be, taking back, hints. Prints nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chesspg.arena.records.pgn import RESULTS
from chesspg.games.game import Game, Games, split_position
from chesspg.players.draws import Draws
from chesspg.players.player import Player, Turn

NAMES = ("White", "Black")  # of seats 0 and 1; PGN has no others


@dataclass(frozen=True)
class Likely:
    """A move and how probable its player finds it, None if that player does not tell."""

    name: str
    probability: float | None


@dataclass
class Session:
    """A game in progress; the person sits on `seat`."""

    game: Game
    seat: int
    draws: Draws
    start: str  # the position it began from
    resigned: bool = False
    forfeit: str = ""  # why the player gave the game up, as an engine that crashed does
    _before: list[str] = field(init=False)  # the positions before each ply, the latest last
    position: str = field(init=False)

    def __post_init__(self) -> None:
        self.position = self.game.start([self.start]).position(0)
        self._before = []
        if self.result:
            raise ValueError(f"{self.start!r} is over already: {self.ending}")

    @property
    def mover(self) -> int:
        return int(self._games().observe().player[0])

    @property
    def to_move(self) -> bool:
        """Whether it is the person's turn."""
        return not self.result and self.mover == self.seat

    @property
    def result(self) -> str:
        """As in PGN; empty while the game goes on."""
        if self.resigned:
            return RESULTS[-1 if self.seat == 0 else 1]
        if self.forfeit:
            return RESULTS[1 if self.seat == 0 else -1]
        outcomes = self._games().outcomes()
        return RESULTS[int(outcomes.outcome[0])] if outcomes.over[0] else ""

    @property
    def reason(self) -> str:
        if self.resigned:
            return "resignation"
        if self.forfeit:
            return f"forfeit ({self.forfeit})"
        return self.game.reasons[int(self._games().outcomes().reason[0])]

    @property
    def ending(self) -> str:
        """Result and reason in words, such as `White wins: checkmate`."""
        who = {"1-0": f"{NAMES[0]} wins", "0-1": f"{NAMES[1]} wins", "1/2-1/2": "a draw"}[self.result]
        return f"{who}: {self.reason}"

    @property
    def verdict(self) -> str:
        """The ending with what it means for the person."""
        won = {"1-0": 0, "0-1": 1}.get(self.result)
        return self.ending if won is None else f"{self.ending} – you {'won' if won == self.seat else 'lost'}"

    @property
    def number(self) -> str:
        """The next move's number, `12.` or `12...`, counted from the start of this game."""
        plies = len(split_position(self.position)[1]) + self._first_mover()
        return f"{plies // 2 + 1}{'...' if plies % 2 else '.'}"

    def move(self, text: str) -> str:
        """Play what the person means by `text`, and name it. Raises ValueError if that is illegal or ambiguous."""
        return self._push(self.game.parse_move(self.position, text))

    def reply(self, player: Player) -> Likely | None:
        """Let the player move, and tell how probable that was; None if it gives the game up."""
        turn = self._turn()
        choice = player.choose(turn)
        if choice.forfeits:
            self.forfeit = choice.forfeits[0]
            return None
        probabilities = _probabilities(player, turn)
        if probabilities is not None:
            probability: float | None = float(probabilities[int(choice.index[0])])
        else:
            probability = None if choice.log_prob is None else float(np.exp(choice.log_prob[0]))
        return Likely(self._push(int(turn.observation.legal.actions[int(choice.index[0])])), probability)

    def hint(self, player: Player, count: int = 5) -> list[Likely]:
        """The player's likeliest moves. Raises ValueError if the player has no policy to tell."""
        turn = self._turn()
        probabilities = _probabilities(player, turn)
        if probabilities is None:
            raise ValueError("no hint: this player has no policy")
        best = np.argsort(-probabilities, kind="stable")[:count]
        names = [self.game.move_name(self.position, int(turn.observation.legal.actions[k])) for k in best]
        return [Likely(name, float(probabilities[k])) for name, k in zip(names, best, strict=True)]

    def legal_moves(self) -> list[str]:
        return [self.game.move_name(self.position, int(a)) for a in self._games().observe().legal.actions]

    def undo(self) -> None:
        """Take back a resignation, or else the person's last move and the reply. Raises ValueError if there is none."""
        if self.resigned:
            self.resigned = False
            return
        for index in reversed(range(len(self._before))):
            if int(self.game.start([self._before[index]]).observe().player[0]) == self.seat:
                self.position, self.forfeit = self._before[index], ""
                del self._before[index:]
                return
        raise ValueError("no move of yours to take back")

    def _push(self, action: int) -> str:
        name = self.game.move_name(self.position, action)
        games = self._games()
        games.play(np.array([action]))
        self._before.append(self.position)
        self.position = games.position(0)
        return name

    def _turn(self) -> Turn:
        games, row = self._games(), np.zeros(1, np.int64)
        # The ply of this game, so that the same position is answered alike however one came back to it.
        return Turn(games.observe(), self.draws.uniforms(row, len(self._before)), games, row)

    def _games(self) -> Games:
        return self.game.start([self.position])

    def _first_mover(self) -> int:
        return int(self.game.start([split_position(self.position)[0]]).observe().player[0])


def _probabilities(player: Player, turn: Turn) -> NDArray[np.float64] | None:
    """[legal actions] what a policy makes of one position; None for players that have none."""
    tell: Any = getattr(player, "distribution", None)
    return None if tell is None else tell(turn.observation).probs[0].double().cpu().numpy()
