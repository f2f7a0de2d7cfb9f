"""OpenSpiel: its games as games here, its states for its search as an opponent, and a comparison of rules with it."""

from __future__ import annotations

from chesspg.games.open_spiel.game import OpenSpiel as OpenSpiel
