"""Player strings, such as `random`, `checkpoints/run?temperature=0.3` or `uci:stockfish?nodes=1000`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from chesspg.games.chess import Chess
from chesspg.games.game import Game
from chesspg.players.game_strings import game_from_string, game_of_modules
from chesspg.players.mcts import MCTS
from chesspg.players.minimax import Minimax
from chesspg.players.player import Greedy, Mixture, Player, Random
from chesspg.policy import files
from chesspg.storage.shipped import shipped_names, shipped_policies
from chesspg.terminal import numbers
from chesspg.terminal.numbers import number, whole

Reader = Callable[[str], Any]  # reads the value of an option; raises ValueError with what the value must be
DAY = 86_400  # seconds; the longest time for a move of an engine


@dataclass(frozen=True)
class Kind:
    """One kind of player: how its string is written and how it is built."""

    form: str  # how the string is written, for messages
    example: str  # an example for --help, with an option if it has any
    about: str  # what it plays, in one line
    build: Callable[..., Player]  # called as (target, game, **options); the target follows `name:`
    options: Mapping[str, Reader] = field(default_factory=dict)
    game: Callable[[str], Game | None] = lambda target: None  # the only game that a target plays; None for any game
    takes_target: bool = False  # whether it is written `name:target`; the name `file` may be left out
    engine: bool = False  # whether it runs `concurrency` processes and takes `settings`, the options of the engine


def _policy(target: str, game: Game | None, temperature: float | None = None, device: str = "cpu") -> Player:
    policy = files.load(target, game)  # first, to report a bad file before torch is imported, which takes seconds
    from chesspg.players.policy_player import PolicyPlayer

    return PolicyPlayer(policy.to(device), temperature)


def _policy_game(target: str) -> Game:
    header = files.read_header(target)
    files.check_network(header, target)  # reported now, before torch is imported, which takes seconds
    return files.header_game(header, target)


def _engine(target: str, game: Game | None, **options: Any) -> Player:
    from chesspg.players.uci_engine import EnginePlayer

    return EnginePlayer(target, game or Chess(), **options)


# Every kind of player is declared here and nowhere else.
KINDS: dict[str, Kind] = {
    "random": Kind("random", "random", "any legal move", lambda target, game: Random()),
    "greedy": Kind("greedy", "greedy", "a win at once, else the best heuristic", lambda target, game: Greedy()),
    "minimax": Kind(
        "minimax?depth=N",
        "minimax?depth=2",
        "the best heuristic, 1 to 3 plies ahead",
        lambda target, game, depth=2: Minimax(game or Chess(), depth),
        {"depth": whole(1, 3)},
    ),
    "mcts": Kind(
        "mcts?simulations=N",
        "mcts?simulations=1000",
        "OpenSpiel's Monte-Carlo tree search",
        lambda target, game, simulations=1000: MCTS(game or Chess(), simulations),
        {"simulations": whole(1, 10**6)},
    ),
    "uci": Kind(
        "uci:ENGINE?nodes=N",
        "uci:stockfish?nodes=1000",
        "a UCI engine by command or path, with its options",
        _engine,
        {
            "nodes": whole(1, 10**12),
            "depth": whole(1, 1000),
            "movetime": whole(1, 1000 * DAY),
            "timeout": number(0.001, DAY),
        },
        takes_target=True,
        engine=True,
    ),
    "file": Kind(
        "a policy file, .ckpt, run folder or name of a policy that ships",
        "RUN?temperature=0.5",
        "a policy file, .ckpt, run folder or shipped policy",
        _policy,
        {"temperature": numbers.temperature},
        _policy_game,
        takes_target=True,
    ),
}
SHARED: Mapping[str, Reader] = {"random": number(0, 1)}  # options of every kind
KNOWN = ", ".join(kind.form for kind in KINDS.values())
TABLE = "\n".join(  # all kinds of player strings, for --help
    f"  {example:<25} {about}"
    for example, about in [
        *((kind.example, kind.about) for kind in KINDS.values()),
        ("…?random=0.3", "any of them, with 30% of its moves at random"),
    ]
)


def player_from_string(text: str, game: Game | None = None, *, concurrency: int = 1, device: str = "cpu") -> Player:
    """Build a player from its string: `KIND`, `KIND:TARGET` or a path, then `?option=value&option=value`.

    In names and values of options %26 stands for &, %3D for = and %25 for %.

    Args:
        text: The player string.
        game: The game to play; with None, that of the policy file, else chess.
        concurrency: The number of processes of an engine. A player with processes has close(), which ends them.
        device: Where a policy computes, as torch names it.

    Returns:
        The player.

    Raises:
        ValueError: A kind, option or value is unknown; a policy file is missing, damaged or for another game; or (as
            EngineError) an engine can't start. The message has what was given and what is accepted.
    """
    kind, target, options = _parse(text)
    share = options.pop("random", None)
    if kind.engine:
        options["concurrency"] = concurrency
    if kind is KINDS["file"]:
        options["device"] = device
    player = kind.build(target, game, **options)
    return player if share is None else Mixture(player, share)


@contextmanager
def players(
    texts: Iterable[str], game: Game | None = None, *, concurrency: int = 1, device: str = "cpu"
) -> Iterator[list[Player]]:
    """Build players as `player_from_string` does; at the end of the block, those with processes are closed."""
    with ExitStack() as stack:
        made = []
        for text in texts:
            made.append(player_from_string(text, game, concurrency=concurrency, device=device))
            if close := getattr(made[-1], "close", None):
                stack.callback(close)
        yield made


def game_of(texts: Iterable[str], imported: Sequence[str] = (), named: str | None = None) -> Game:
    """The game that all these players play: that of --game or of the policies, else of a module, else chess.

    Reads only the headers of files and does not import torch.

    Args:
        texts: The player strings.
        imported: Names of modules that the user imported. If no game is named and no player is a policy, the game is
            taken from them.
        named: The string of the game that the user named.

    Returns:
        The game.

    Raises:
        ValueError: As in `player_from_string` and `game_from_string`; or two policies, or a policy and the named game,
            differ in their games; or the game must be taken from modules that do not define exactly one.
    """
    first: tuple[str, Game] | None = ("--game", game_from_string(named)) if named is not None else None
    for text in texts:
        kind, target, _ = _parse(text)
        game = kind.game(target)
        if game is None:
            continue
        if first and files.describe(first[1]) != files.describe(game):
            one, other = _told_apart(first[1], game)
            verb = "names" if first[0] == "--game" else "plays"
            raise ValueError(f"{first[0]} {verb} {one} and {text} plays {other}; expected the same game")
        first = first or (text, game)
    return first[1] if first else game_of_modules(imported)


def _told_apart(*games: Game) -> list[str]:
    """The names of two games; if they are the same, with the arguments of the games."""
    if len({game.name for game in games}) == len(games):
        return [game.name for game in games]
    return [f"{game.name} with {files.describe(game)['init_args']}" for game in games]


def has_policy(texts: Iterable[str]) -> bool:
    """Whether one of these players is a policy. Raises ValueError, as `player_from_string`, for an unknown player."""
    return any(_parse(text)[0] is KINDS["file"] for text in texts)


def policy_of(text: str) -> tuple[str, dict[str, float]]:
    """Parse the string of a player that must be a policy. Does not import torch.

    Args:
        text: The player string.

    Returns:
        The policy file, checkpoint, run folder or name of a policy that ships, and the options.

    Raises:
        ValueError: As in `player_from_string`, or the player is not a policy.
    """
    _, target, options = _parse(text, only="file")
    return target, options


def with_temperature(text: str, temperature: float) -> str:
    """The string of a policy with this temperature in place of its own."""
    head, _, tail = text.partition("?")
    options = [option for option in tail.split("&") if option and not option.startswith("temperature=")]
    return f"{head}?{'&'.join([*options, f'temperature={temperature:.15g}'])}"


def _parse(text: str, only: str = "") -> tuple[Kind, str, dict[str, Any]]:
    """The kind, target and options of a player string. Raises ValueError if `only` names another kind of player."""
    head, _, tail = text.partition("?")
    name, colon, target = head.partition(":")
    kind = KINDS.get(name)
    if kind is None or kind.takes_target != bool(colon):
        kind, target = KINDS["file"], head
    accepted = f"expected {KINDS[only].form}" if only else f"expected one of {KNOWN}"
    if only and kind is not KINDS[only]:
        raise ValueError(f"{text!r} is a player without a policy; {accepted}; {shipped_names()}")
    if kind is KINDS["file"] and not (target and Path(target).exists()) and target not in shipped_policies():
        noun = "policy" if only else "player"
        raise ValueError(f"unknown {noun} {text!r}: there is no file {target!r}; {accepted}; {shipped_names()}")
    return kind, target, _options(text, tail, kind)


def _options(text: str, tail: str, kind: Kind) -> dict[str, Any]:
    """The options in `tail`, the part of a player string after the `?`; `settings` holds options of the engine itself.

    Raises:
        ValueError: An option is unknown or given twice, or its value is not accepted.
    """
    readers = {**kind.options, **SHARED}
    options: dict[str, Any] = {"settings": {}} if kind.engine else {}
    given = set()
    for option, value in _pairs(tail):
        if option.lower() in given:  # engines ignore letter case
            raise ValueError(f"option {option!r} is given twice in {text[:80]!r}")
        given.add(option.lower())
        if option in readers:
            try:
                options[option] = readers[option](value)
            except ValueError as error:
                raise ValueError(f"{option} in {text[:80]!r} {error}") from None
        elif option and kind.engine:
            options["settings"][option] = value or None
        else:
            raise ValueError(f"unknown option {option!r} in {text[:80]!r}; expected one of {', '.join(readers)}")
    return options


def _pairs(tail: str) -> list[tuple[str, str]]:
    """Names and values in `a=1&b=2`; a name without `=` has an empty value, and + stands for itself."""
    pairs = parse_qsl(tail.replace("+", "%2B"), keep_blank_values=True)
    parts = len(tail.split("&")) if tail else 0
    return pairs + [("", "")] * (parts - len(pairs))  # parse_qsl leaves out empty parts
