"""One game between a person and a player: what was played, what may be, taking back, hints. Prints nothing."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chesspg.games.game import Game, Games, split_position
from chesspg.games.randomness import Randomness
from chesspg.pgn.writing import RESULTS, to_pgn
from chesspg.players.player import Mixture, Player, Turn

NAMES = ("White", "Black")  # of seats 0 and 1; PGN has no others


@dataclass(frozen=True)
class Likely:
    """A move and how probable its player finds it, None if that player does not say."""

    name: str
    probability: float | None


class Ply(NamedTuple):
    """A move that was made."""

    before: str  # the position
    seat: int
    by_person: bool


@dataclass
class Session:
    """A game in progress; the person sits on `seat`."""

    game: Game
    seat: int
    rng: Randomness
    start: str  # the position it began from
    number_of_game: int = 0  # of a series with one seed, so that the player's moves differ from game to game
    resigned: bool = False
    forfeit: str = ""  # why the player gave the game up, as an engine that crashed does
    plies: list[Ply] = field(init=False, default_factory=list)
    position: str = field(init=False)

    def __post_init__(self) -> None:
        self.position = self.game.start([self.start]).position(0)
        if self.result:
            raise ValueError(
                f"{self.start!r} is a position in which the game is over ({self.ending}); "
                "expected one with a legal move"
            )

    def new(self, start: str = "") -> Session:
        """The next game, with the same seats, from the same start or another. Raises ValueError if that is none."""
        return Session(self.game, self.seat, self.rng, start or self.start, self.number_of_game + 1)

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

    @property
    def fen(self) -> str:
        """The position in one line, without what went before. Raises ValueError if the game has no such form."""
        if self.game.notation is None:
            raise ValueError(f"{self.game.name} has no FEN; as text, the position is {self.position}")
        return self.game.notation.to_board(self.position).fen()

    def authors(self, person: str, player: str) -> dict[str, str]:
        """Who had which side, in the order in which they came to it, as in `you and random` after a change of sides."""
        authors = {}
        for seat, side in enumerate(NAMES):
            had = [ply.by_person for ply in self.plies if ply.seat == seat]
            authors[side] = " and ".join(dict.fromkeys(person if by else player for by in [*had, seat == self.seat]))
        return authors

    def pgn(self, event: str, person: str, player: str) -> str:
        """The game as PGN, under the names of the person and the player."""
        date = datetime.date.today().strftime("%Y.%m.%d")  # a PGN's date is local
        headers = {"Event": event, "Date": date, **self.authors(person, player)}
        if self.result:
            headers |= {"Result": self.result, "Termination": self.reason}
        return to_pgn(self.game, self.position, headers)

    def switch(self) -> None:
        """Have the person and the player change sides."""
        self.seat = 1 - self.seat

    def move(self, text: str) -> str:
        """Play what the person means by `text`, and name it. Raises ValueError if that is illegal or ambiguous."""
        return self._push(self.game.parse_move(self.position, text), by_person=True)

    def reply(self, player: Player) -> Likely | None:
        """Let the player move, whoever's turn it is, and say how probable that was; None if it gives the game up."""
        turn = self._turn()
        choice = player.choose(turn)
        if choice.forfeits:
            self.forfeit = choice.forfeits[0]
            return None
        opinion = _opinion(player, turn)
        if opinion is not None:
            probability: float | None = float(opinion.probabilities[int(choice.index[0])])
        else:
            probability = None if choice.log_prob is None else float(np.exp(choice.log_prob[0]))
        action = int(turn.observation.legal.actions[int(choice.index[0])])
        return Likely(self._push(action, by_person=False), probability)

    def hint(self, player: Player, count: int = 5) -> list[Likely]:
        """The player's likeliest moves. Raises ValueError if the player has no policy."""
        turn = self._turn()
        opinion = _opinion(player, turn)
        if opinion is None:
            raise ValueError("no hint: this player has no policy")
        best = np.argsort(-opinion.probabilities, kind="stable")[:count]
        names = [self.game.move_name(self.position, int(turn.observation.legal.actions[k])) for k in best]
        return [Likely(name, float(opinion.probabilities[k])) for name, k in zip(names, best, strict=True)]

    def value(self, player: Player) -> float:
        """What the player expects for White (seat 0), from −1 to 1. Raises ValueError if it has no value head."""
        turn = self._turn()
        opinion = _opinion(player, turn)
        if opinion is None:
            raise ValueError("no evaluation: this player has no policy")
        if opinion.value is None:
            raise ValueError("no evaluation: this policy's network has no value head")
        return opinion.value * (1 - 2 * int(turn.observation.player[0]))

    def legal_moves(self) -> list[str]:
        return [self.game.move_name(self.position, int(a)) for a in self._games().observe().legal.actions]

    def undo(self) -> None:
        """Take back a resignation, or else the person's last move and the reply. Raises ValueError if there is none."""
        if self.resigned:
            self.resigned = False
            return
        for index in reversed(range(len(self.plies))):
            if self.plies[index].seat == self.seat:
                self.position, self.forfeit = self.plies[index].before, ""
                del self.plies[index:]
                return
        raise ValueError("no move of yours to take back")

    def _push(self, action: int, *, by_person: bool) -> str:
        name = self.game.move_name(self.position, action)
        games = self._games()
        seat = int(games.observe().player[0])
        games.play(np.array([action]))
        self.plies.append(Ply(self.position, seat, by_person))
        self.position = games.position(0)
        return name

    def _turn(self) -> Turn:
        games, row = self._games(), np.zeros(1, np.int64)
        # The ply of this game, so that the same position is answered alike however one came back to it.
        uniforms = self.rng.uniforms(row + self.number_of_game, len(self.plies))
        return Turn(games.observe(), uniforms, games, row)

    def _games(self) -> Games:
        return self.game.start([self.position])

    def _first_mover(self) -> int:
        return int(self.game.start([split_position(self.position)[0]]).observe().player[0])


class _Opinion(NamedTuple):
    """What a policy makes of one position."""

    probabilities: NDArray[np.float64]  # [legal actions]
    value: float | None  # the return that the mover expects; None without a value head


def _opinion(player: Player, turn: Turn) -> _Opinion | None:
    """None for players that have no policy."""
    if isinstance(player, Mixture):
        own = _opinion(player.player, turn)
        if own is None:
            return None
        at_random = player.random / len(own.probabilities)
        return _Opinion(at_random + (1 - player.random) * own.probabilities, own.value)
    distribution_of: Any = getattr(player, "distribution", None)
    if distribution_of is None:
        return None
    distribution = distribution_of(turn.observation)
    value = None if distribution.value is None else float(distribution.value[0])
    return _Opinion(distribution.probs[0].double().cpu().numpy(), value)
