"""Who is on a ladder: players by what makes two of them the same."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chesspg.players import roster
from chesspg.players.player import Player
from chesspg.policy import files

POLICY = "policy "  # how the key of a policy begins, which is known by its content


@dataclass(frozen=True)
class Entry:
    """Somebody on the ladder."""

    key: str  # what makes two players one: a policy file's content, an engine's version, and the options
    player: str  # as it was named
    facts: dict[str, Any] = field(default_factory=dict)  # of a policy's training: updates, games, plies, seconds


def entry(text: str, player: Player) -> Entry:
    """Who a player is: by its policy file's content, by its engine's own name and version, or else by its string."""
    path = policy_path(text)
    if path is not None:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        return Entry(f"{POLICY}{digest}{_options(text)}", text, files.read_header(path).facts)
    version = getattr(getattr(player, "player", player), "version", "")  # a mixture holds the engine
    return Entry(f"{text} ({version})" if version else text, text)


def policy_path(text: str) -> Path | None:
    """The policy file a player's string names, if it names one."""
    head = text.partition("?")[0]
    name, colon, target = head.partition(":")
    if name in roster.KINDS and (name == "file") == bool(colon):
        head = target if name == "file" else ""
    try:
        return files.resolve(head) if head else None
    except files.PolicyFileError:
        return None


def expand(texts: list[str], least: int = 2) -> list[str]:
    """The players named, with each folder replaced by all policy files in and below it, with the folder's options.

    What a run started from is left out. A policy that lies in a folder under several names, such as `last` and `best`,
    is taken once.

    Args:
        texts: Players and folders.
        least: How many players there must be.

    Returns:
        Players.

    Raises:
        ValueError: A folder has no policy file, a player is named twice, or there are too few players.
    """
    players: list[str] = []
    seen: dict[str, str] = {}
    for text in texts:
        folder = Path(text.partition("?")[0])
        whole = folder.is_dir() and str(folder) not in roster.KINDS
        found = sorted(path for suffix in (files.SUFFIX, files.CHECKPOINT) for path in folder.rglob(f"*{suffix}"))
        inside = [path for path in found if whole and path.name != files.INIT and files.resolve(path) == path]
        if whole and not inside:
            raise ValueError(
                f"{folder} holds no policy file; expected a player, or a folder with policy files in it or below"
            )
        for player in [f"{path}{_options(text)}" for path in inside] or [text]:
            path = policy_path(player)
            content = hashlib.sha256(path.read_bytes()).hexdigest() + _options(player) if path else player
            if content not in seen:
                players.append(player)
            elif not inside:
                first = seen[content]
                same = "is named twice" if first == player else f"is the same player as {first}"
                raise ValueError(f"{player} {same}; each player must be named once")
            seen.setdefault(content, player)
    if len(players) < least:
        raise ValueError(f"a ladder needs at least {least} players, got only {players[0]}")
    return players


def _options(text: str) -> str:
    _, mark, tail = text.partition("?")
    return mark + tail
