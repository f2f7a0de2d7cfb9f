"""The players of a ladder, each with a key that two strings share if they mean the same player."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chesspg.players import roster
from chesspg.players.player import Player
from chesspg.policy import files

POLICY = "policy "  # beginning of the key of a policy, which is identified by its content


@dataclass(frozen=True)
class Entry:
    """A player of a ladder."""

    key: str  # identifies the player: a policy file's content or an engine's version, with the options
    player: str  # the player's string, as it was given
    facts: dict[str, Any] = field(default_factory=dict)  # about a policy's training: updates, games, plies, seconds


def entry(text: str, player: Player) -> Entry:
    """Identify a player by the content of its policy file, by the name and version of its engine, or by its string.

    Args:
        text: The player's string.
        player: The player.

    Returns:
        The entry.
    """
    path = policy_path(text)
    if path is not None:
        return Entry(f"{policy_key(path)}{_options(text)}", text, files.read_header(path).facts)
    version = getattr(getattr(player, "player", player), "version", "")  # a mixture contains the engine
    return Entry(f"{text} ({version})" if version else text, text)


def policy_key(path: Path) -> str:
    """The key of a policy file that plays without options."""
    return f"{POLICY}{hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"


def policy_path(text: str) -> Path | None:
    """The policy file that a player's string names; None if it names none."""
    head = text.partition("?")[0]
    name, colon, target = head.partition(":")
    if name in roster.KINDS and (name == "file") == bool(colon):
        head = target if name == "file" else ""
    try:
        return files.resolve(head) if head else None
    except files.PolicyFileError:
        return None


def expand(texts: list[str], least: int = 2) -> list[str]:
    """Replace each folder by all policy files in it and below it, with the options of the folder.

    The policy that a run started from is left out. A policy that a folder has under several names, such as `last` and
    `best`, is taken once.

    Args:
        texts: Strings of players and folders.
        least: Smallest number of players.

    Returns:
        Strings of players.

    Raises:
        ValueError: A folder has no policy file, a player is given twice, or there are too few players.
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
                f"{folder} has no policy file; expected a player, or a folder with policy files in it or below it"
            )
        for player in [f"{path}{_options(text)}" for path in inside] or [text]:
            path = policy_path(player)
            content = hashlib.sha256(path.read_bytes()).hexdigest() + _options(player) if path else player
            if content not in seen:
                players.append(player)
            elif not inside:
                first = seen[content]
                same = "is given twice" if first == player else f"is the same player as {first}"
                raise ValueError(f"{player} {same}; each player must be given once")
            seen.setdefault(content, player)
    if len(players) < least:
        raise ValueError(f"a ladder needs at least {least} players, got {len(players)}: {', '.join(players)}")
    return players


def _options(text: str) -> str:
    _, mark, tail = text.partition("?")
    return mark + tail
