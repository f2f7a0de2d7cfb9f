"""Othello."""

from chesspg.games.othello.game import Othello as Othello
