"""Games of OpenSpiel, and what OpenSpiel is for other games: an opponent, and a second opinion on their rules."""

from __future__ import annotations

from chesspg.games.open_spiel.game import OpenSpiel as OpenSpiel
