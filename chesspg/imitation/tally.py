"""Counts the games that were read: how many are used, and why the others are not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from chesspg.pgn.archive import UNFINISHED, UNWANTED, Archived, Skipped

NAMED = 10  # games that are named; the others are counted


@dataclass
class Tally:
    """The games that were read, by what was done with them."""

    used: int = 0
    plies: int = 0
    unwanted: int = 0  # left out by the filters
    unfinished: int = 0
    noted: int = 0  # used, although their result contradicts the board
    skipped: dict[str, int] = field(default_factory=dict)  # kind of damage -> games
    named: list[str] = field(default_factory=list)  # the first NAMED of those that were skipped or noted
    damage: list[str] = field(default_factory=list)  # files that end early

    def skip(self, game: Skipped) -> None:
        """Count a game that is not used; name it if it is damaged."""
        if game.why == UNWANTED:
            self.unwanted += 1
        elif game.why == UNFINISHED:
            self.unfinished += 1
        else:
            self.skipped[game.why] = self.skipped.get(game.why, 0) + 1
            self._name(f"{game.where}: {game.why}" + (f", {game.detail}" if game.detail else ""))

    def note(self, game: Archived) -> None:
        """Count a game that is used, if it has a note."""
        if game.note:
            self.noted += 1
            self._name(f"{game.where}: used, though {game.note}")

    def _name(self, line: str) -> None:
        if len(self.named) < NAMED:
            self.named.append(line)

    @property
    def lines(self) -> list[str]:
        """The counts and the named games, as lines to print."""
        broken = sum(self.skipped.values())
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in Counter(self.skipped).most_common())
        counts = [
            f"{self.used:,} {'game' if self.used == 1 else 'games'} used, {self.plies:,} plies",
            f"{self.unwanted:,} left out by the filters",
            f"{self.unfinished:,} without a result",
            f"{broken:,} skipped" + (f" ({kinds})" if broken else ""),
        ]
        if self.noted:
            counts.append(f"{self.noted:,} used with contradictory results")
        lines = ["; ".join(counts)]
        lines += [f"  {name}" for name in self.named]
        if broken + self.noted > len(self.named):
            lines.append(f"  and {broken + self.noted - len(self.named):,} more")
        return lines + [f"  {text}" for text in self.damage]
