"""What the studies of chess policies share: the policies as players, and the options of a command."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from chesspg.games.chess import Chess
from chesspg.players import roster
from chesspg.players.policy_player import PolicyPlayer
from chesspg.terminal import numbers
from chesspg.terminal.command import Parser, fail, one_line_errors


@contextmanager
def policies(texts: Sequence[str]) -> Iterator[list[tuple[str, PolicyPlayer]]]:
    """Give each policy with the text that names it.

    Every error ends the command with one line. That a player is not a policy is such an error.
    """
    with one_line_errors(), roster.players(texts, Chess()) as players:
        named = []
        for text, player in zip(texts, players, strict=True):
            if not isinstance(player, PolicyPlayer):
                fail(f"{text} has no probabilities; expected a policy file, a run folder or a policy that ships")
            named.append((text, player))
        yield named


def parser(command: str, description: str | None, games: Callable[[str], int], default: int) -> Parser:
    """The parser of a study that plays games with each policy.

    Args:
        command: How the study is called.
        description: What it does.
        games: Reads the number of games.
        default: The number of games if none is given.
    """
    made = Parser(command, description=description)
    made.add_argument("players", metavar="POLICY", nargs="+", help="a policy file, a run folder or a shipped policy")
    made.add_argument("--games", type=games, default=default, help=f"of each policy ({default})")
    made.add_argument("--seed", type=numbers.seed, default=1, help="seed of the games (default: 1)")
    return made
