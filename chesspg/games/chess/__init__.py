"""Chess and some of its variants: rules in two backends, encoding, notation and capabilities."""

from chesspg.games.chess.game import BACKENDS as BACKENDS
from chesspg.games.chess.game import Chess as Chess
from chesspg.games.chess.notation import VARIANTS as VARIANTS
