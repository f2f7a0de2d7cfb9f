"""Connect Four."""

from chesspg.games.connect_four.game import ConnectFour as ConnectFour
