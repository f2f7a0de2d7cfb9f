"""Hex."""

from chesspg.games.hex.game import Hex as Hex
