"""One game between a person and a player: moves, legal moves, undo and hints. Prints nothing."""

from __future__ import annotations

import copy
import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chesspg.games.game import Game, Games, split_position
from chesspg.games.randomness import Randomness
from chesspg.pgn.sgf import to_sgf
from chesspg.pgn.writing import RESULTS, players_tags, to_pgn
from chesspg.players.player import Mixture, Player, Turn


@dataclass(frozen=True)
class Likely:
    """A move and its probability; the probability is None if the player has no policy."""

    name: str
    probability: float | None


class Ply(NamedTuple):
    """A move that was played."""

    before: str  # the position before it
    seat: int  # of its mover, 0 or 1
    by_person: bool | None  # whether the person chose it; None if it was loaded


@dataclass
class Session:
    """A game in progress.

    Raises:
        ValueError: The start is not a position of the game, or the game is over in it.
    """

    game: Game
    seat: int  # the person's, 0 or 1
    rng: Randomness
    start: str  # the position the game begins from
    number_of_game: int = 0  # index in a series with one seed, so that the player's moves differ from game to game
    resigned: bool = False
    forfeit: str = ""  # why the player gave up, for example because an engine crashed
    loaded_from: tuple[str, str] = ("", "")  # by seat: who played the moves that were loaded, as far as it is known
    plies: list[Ply] = field(init=False, default_factory=list)
    position: str = field(init=False)
    _kept: tuple[str, Games] | None = field(init=False, default=None, repr=False)

    def __post_init__(self) -> None:
        self.position = self.game.start([self.start]).position(0)
        if self.result:
            raise ValueError(
                f"the game is over in {self.start!r} ({self.ending}); expected a position with a legal move"
            )

    def new(self, start: str = "") -> Session:
        """The next game of the series, with the same seats.

        Args:
            start: The position to begin from; that of this game if empty.

        Returns:
            The game.

        Raises:
            ValueError: The start is not a position of the game, or the game is over in it.
        """
        return Session(self.game, self.seat, self.rng, start or self.start, self.number_of_game + 1)

    @property
    def mover(self) -> int:
        """The seat to move, 0 or 1."""
        return int(self._games().observe().player[0])

    @property
    def to_move(self) -> bool:
        """Whether it is the person's turn."""
        return not self.result and self.mover == self.seat

    @property
    def result(self) -> str:
        """The result as in PGN; empty while the game is not over."""
        if self.resigned:
            return RESULTS[-1 if self.seat == 0 else 1]
        if self.forfeit:
            return RESULTS[1 if self.seat == 0 else -1]
        outcomes = self._games().outcomes()
        return RESULTS[int(outcomes.outcome[0])] if outcomes.over[0] else ""

    @property
    def reason(self) -> str:
        """How the game ended, or that it is ongoing."""
        if self.resigned:
            return "resignation"
        if self.forfeit:
            return f"forfeit ({self.forfeit})"
        return self.game.reasons[int(self._games().outcomes().reason[0])]

    @property
    def ending(self) -> str:
        """Result and reason in words, such as `White wins: checkmate`; for a game that is over."""
        first, second = self.game.seats
        who = {"1-0": f"{first} wins", "0-1": f"{second} wins", "1/2-1/2": "a draw"}[self.result]
        return who if self.reason in who else f"{who}: {self.reason}"  # OpenSpiel's games end by a win or a draw

    @property
    def verdict(self) -> str:
        """The ending, and whether the person won or lost."""
        won = {"1-0": 0, "0-1": 1}.get(self.result)
        return self.ending if won is None else f"{self.ending} – you {'won' if won == self.seat else 'lost'}"

    @property
    def number(self) -> str:
        """Number of the next move, `12.` or `12...`, counted from the start of this game."""
        plies = len(split_position(self.position)[1]) + self._first_mover()
        return f"{plies // 2 + 1}{'...' if plies % 2 else '.'}"

    @property
    def shown(self) -> str:
        """The position as text from which a new game can begin: as a FEN if the game has FENs."""
        return self.game.notation.to_board(self.position).fen() if self.game.notation else self.position

    def authors(self, person: str, player: str) -> dict[str, str]:
        """Name who played each side, such as `you and random` after a change of sides.

        Args:
            person: Name of the person.
            player: Name of the player.

        Returns:
            The names by side, in the order in which they took it.
        """
        authors = {}
        for seat, side in enumerate(self.game.seats):
            names = {True: person, False: player, None: self.loaded_from[seat]}
            had = [names[ply.by_person] for ply in self.plies if ply.seat == seat]
            authors[side] = " and ".join(name for name in dict.fromkeys([*had, names[seat == self.seat]]) if name)
        return authors

    def record(self, event: str, person: str, player: str, *, sgf: bool = False) -> str:
        """The game as PGN, or in the form like it of games without a notation.

        Args:
            event: The Event tag.
            person: Name of the person.
            player: Name of the player.
            sgf: Whether to write it as SGF instead.

        Returns:
            The text.

        Raises:
            ValueError: The game can't be written as SGF.
        """
        date = datetime.date.today().strftime("%Y.%m.%d")  # PGN dates are in local time
        headers = {"Event": event, "Date": date, **players_tags(self.game, *self.authors(person, player).values())}
        if self.result:
            headers |= {"Result": self.result, "Termination": self.reason}
        return (to_sgf if sgf else to_pgn)(self.game, self.position, headers)

    def switch(self) -> None:
        """Let the person and the player change sides."""
        self.seat = 1 - self.seat

    def move(self, text: str) -> str:
        """Play a move of the person.

        Args:
            text: The move, in any notation that the game reads.

        Returns:
            The name of the move.

        Raises:
            ValueError: The move is illegal or ambiguous.
        """
        return self._push(self.game.parse_move(self.position, text), by_person=True)

    def reply(self, player: Player) -> Likely | None:
        """Let the player make the next move, whosever turn it is.

        Args:
            player: The player.

        Returns:
            The move with its probability; None if the player gave up.
        """
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
        """The most likely moves of a player in this position.

        Args:
            player: The player.
            count: Greatest number of moves.

        Returns:
            The moves, the most likely first.

        Raises:
            ValueError: The player has no policy.
        """
        turn = self._turn()
        opinion = _opinion(player, turn)
        if opinion is None:
            raise ValueError("no hint: this player has no policy")
        best = np.argsort(-opinion.probabilities, kind="stable")[:count]
        names = [self.game.move_name(self.position, int(turn.observation.legal.actions[k])) for k in best]
        return [Likely(name, float(opinion.probabilities[k])) for name, k in zip(names, best, strict=True)]

    def value(self, player: Player) -> float:
        """The return that a player expects for the player on seat 0 (White in chess) in this position.

        Args:
            player: The player.

        Returns:
            The return, from −1 to 1.

        Raises:
            ValueError: The player has no policy, or its network has no value head.
        """
        turn = self._turn()
        opinion = _opinion(player, turn)
        if opinion is None:
            raise ValueError("no evaluation: this player has no policy")
        if opinion.value is None:
            raise ValueError("no evaluation: this policy's network has no value head")
        return opinion.value * (1 - 2 * int(turn.observation.player[0]))

    def is_move(self, text: str) -> bool:
        """Whether a text is the name of a legal move, letter by letter."""
        if self.result:
            return False
        try:
            return self.game.move_name(self.position, self.game.parse_move(self.position, text)) == text
        except ValueError:
            return False

    def legal_moves(self) -> list[str]:
        """The names of all legal moves."""
        return [self.game.move_name(self.position, int(a)) for a in self._games().observe().legal.actions]

    def undo(self) -> None:
        """Take back a resignation, or else the person's last move with everything after it.

        Raises:
            ValueError: The person has not moved.
        """
        if self.resigned:
            self.resigned = False
            return
        for index in reversed(range(len(self.plies))):
            if self.plies[index].seat == self.seat:
                self.back(index)
                return
        raise ValueError("there is no move of yours to take back")

    def back(self, ply: int) -> None:
        """Go back to an earlier position. The moves after it are lost, and so is a resignation.

        Args:
            ply: The number of plies after which the position stood.

        Raises:
            ValueError: The game does not have that many plies.
        """
        if not 0 <= ply <= len(self.plies):
            raise ValueError(f"the game has {len(self.plies)} plies, got {ply}")
        self.resigned, self.forfeit = False, ""
        if ply < len(self.plies):
            self.position = self.plies[ply].before
            del self.plies[ply:]

    def at(self, ply: int) -> Session:
        """A copy of the game as it was after this many plies; see `back`."""
        earlier = copy.copy(self)
        earlier.plies = list(self.plies)
        earlier.back(ply)
        return earlier

    def load(self, moves: Sequence[str], players: tuple[str, str] = ("", "")) -> None:
        """Play the moves of another game.

        Args:
            moves: The moves, in any notation that the game reads.
            players: By seat, who played them; empty if it is not known.

        Raises:
            ValueError: A move is illegal; the message has its number. The moves before it have been played.
        """
        self.loaded_from = players
        for number, text in enumerate(moves, 1):
            if self.result:
                raise ValueError(f"the game is over after {number - 1} plies ({self.reason}), but more moves follow")
            try:
                self._play(self.game.parse_move(self.position, text), by_person=None)
            except ValueError as error:
                raise ValueError(f"ply {number}: {error}") from None

    def _push(self, action: int, *, by_person: bool) -> str:
        name = self.game.move_name(self.position, action)
        self._play(action, by_person=by_person)
        return name

    def _play(self, action: int, *, by_person: bool | None) -> None:
        games = self._games()
        seat = int(games.observe().player[0])
        games.play(np.array([action]))
        self.plies.append(Ply(self.position, seat, by_person))
        self.position = games.position(0)
        self._kept = (self.position, games)

    def _turn(self) -> Turn:
        games, row = self._games(), np.zeros(1, np.int64)
        # They depend on game and ply alone, so that a position which undo comes back to gets the same reply again.
        uniforms = self.rng.uniforms(row + self.number_of_game, len(self.plies))
        return Turn(games.observe(), uniforms, games, row)

    def _games(self) -> Games:
        """The game in its position, as a copy that may be changed. Replaying a long game takes time, so it is kept."""
        if self._kept is None or self._kept[0] != self.position:
            self._kept = (self.position, self.game.start([self.position]))
        return self._kept[1][[0]]

    def _first_mover(self) -> int:
        return int(self.game.start([split_position(self.position)[0]]).observe().player[0])


class _Opinion(NamedTuple):
    """The output of a policy for one position."""

    probabilities: NDArray[np.float64]  # [legal actions]
    value: float | None  # expected return of the mover; None without a value head


def _opinion(player: Player, turn: Turn) -> _Opinion | None:
    """The output of a player's policy for the position of a turn; None if the player has no policy."""
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
