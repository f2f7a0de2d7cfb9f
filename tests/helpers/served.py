"""A game for the page of `play --browser`, by default of chess against random moves."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

from chesspg.arena.session import Session
from chesspg.browser.shared_game import SharedGame
from chesspg.games.chess import Chess
from chesspg.games.game import Game
from chesspg.games.randomness import Randomness
from chesspg.players.player import Player, Random


def loaded(player: Player) -> Future[Player]:
    """A player that has been loaded."""
    future: Future[Player] = Future()
    future.set_result(player)
    return future


def shared(
    game: Game | None = None,
    player: Player | Future[Player] | None = None,
    *,
    seat: int = 0,
    start: str = "",
    name: str = "random",
    rebuild: Callable[[str], Player] | None = None,
) -> SharedGame:
    """A game that tabs can share."""
    game = (game or Chess()).for_few_games()
    session = Session(game, seat, Randomness(1), start or game.start(1).position(0))
    future = player if isinstance(player, Future) else loaded(player or Random())
    return SharedGame(session, future, name, rebuild)
