"""The policies that ship: each small, whole and able to play, each with a card that says what is true of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from chesspg.arena.matches import play_match
from chesspg.games.chess import Chess
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.players.player import Random
from chesspg.players.roster import player_from_string
from chesspg.policy import files
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy

ROOT = Path(__file__).parent.parent
LIMIT = 5_000_000  # bytes
FORMS = {"seed": r"\d+(, then \d+)*", "commit": r"`?[0-9a-f]{7,40}`?", "license": r"GPL-3\.0-or-later"}


def rows(text: str) -> dict[str, str]:
    """The table of a card, or of the form for one in checkpoints/README.md."""
    return dict(re.findall(r"^\| ([a-z ]+) \| (.*?) *\|$", text, re.MULTILINE))


FIELDS = list(rows((ROOT / "checkpoints" / "README.md").read_text()))


def complaints(folder: Path, ladder: dict[str, Any]) -> list[str]:
    """What is wrong with the policies in a folder and with their cards; ladder as in checkpoints/ratings.json."""
    found = []
    rated = {row["player"]: row for row in ladder["players"]}
    policies = {path.stem: path for path in folder.glob(f"*{files.SUFFIX}")}
    cards = {path.stem: path for path in folder.glob("*.md") if path.name != "README.md"}
    found += [f"{name} has no policy file" for name in sorted(cards.keys() - policies.keys())]
    for name, path in sorted(policies.items()):
        if path.stat().st_size >= LIMIT:
            found.append(f"{name} has {path.stat().st_size:,} bytes, not under {LIMIT:,}")
        try:
            facts = files.read_header(path).facts
            game = Chess(backend="python-chess")
            play_match(game, player_from_string(str(path), game), Random(), 2, max_plies=60)
        except ValueError as error:
            found.append(f"{name} can't play: {error}")
            continue
        row = rated.get(name)
        if row is None or row["facts"] != facts:
            found.append(f"{name} is not on the ladder of checkpoints/ratings.json, or another file of that name is")
        card = rows(cards[name].read_text()) if name in cards else {}
        found += [f"{name}'s card has no {field}" for field in FIELDS if card.get(field, "…") in ("", "…")]
        begin = {"games": f"{facts.get('games', 0):,}"}
        if row is not None:
            begin["rating"] = "{rating:.0f} ({low:.0f} to {high:.0f})".format(**row)
        for field, form in (FORMS | {field: rf"{re.escape(text)}(?!,?\d).*" for field, text in begin.items()}).items():
            if field in card and not re.fullmatch(form, card[field]):
                found.append(f"{name}'s card says {field} {card[field]}, not {begin.get(field, form)}")
    return found


def test_what_ships() -> None:
    found = complaints(ROOT / "checkpoints", json.loads((ROOT / "checkpoints" / "ratings.json").read_text()))
    assert not found, "\n".join(found)


CARD = """\
# ours

| | |
|---|---|
| command | `python -m chesspg.train` |
| seed | 1 |
| commit | `614c514` |
| hardware | two cores of an AMD EPYC |
| wall time | 10 min |
| games | 40,192 |
| rating | 812 (780 to 845) on the ladder |
| license | GPL-3.0-or-later |
"""
FACTS = {"games": 40192, "seconds": 1.5}
LADDER = {"players": [{"player": "ours", "rating": 812.2, "low": 779.9, "high": 845.0, "facts": FACTS}]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With one policy that may ship, and the card of it."""
    game = Chess(backend="python-chess")
    files.save(tmp_path / "ours.safetensors", Policy(game, MLP(game, hidden=(2,))), FACTS)
    (tmp_path / "ours.md").write_text(CARD)
    (tmp_path / "README.md").touch()
    return tmp_path


def test_one_that_may_ship(folder: Path) -> None:
    assert complaints(folder, LADDER) == []


@pytest.mark.slow
@pytest.mark.parametrize("field", FIELDS)
def test_no_field_may_lack(folder: Path, field: str) -> None:
    line = re.compile(rf"^\| {field} \|.*\n", re.MULTILINE)
    for left in ("", f"| {field} |  |\n", f"| {field} | … |\n"):
        (folder / "ours.md").write_text(line.sub(left, CARD))
        assert f"ours's card has no {field}" in complaints(folder, LADDER)


@pytest.mark.parametrize(
    ("true", "false"),
    [
        ("40,192", "40,193"),
        ("40,192", "40,1920"),
        ("780 to", "781 to"),
        ("614c514", "main"),
        ("GPL-3.0-or-later", "MIT"),
    ],
)
def test_what_a_card_says_is_true(folder: Path, true: str, false: str) -> None:
    (folder / "ours.md").write_text(CARD.replace(true, false))
    [complaint] = complaints(folder, LADDER)
    assert re.match(r"ours's card says \w+ .*, not ", complaint)


def test_a_card_and_a_policy_come_together(folder: Path) -> None:
    (folder / "ours.md").rename(folder / "theirs.md")
    assert complaints(folder, LADDER) == ["theirs has no policy file", *(f"ours's card has no {f}" for f in FIELDS)]


def test_a_retrained_policy_needs_a_rating_of_its_own(folder: Path) -> None:
    row = LADDER["players"][0] | {"facts": FACTS | {"seconds": 2.5}}
    for players in ([row], []):
        [complaint] = complaints(folder, {"players": players})
        assert "not on the ladder" in complaint


def test_files_that_may_not_ship(folder: Path) -> None:
    path = folder / "ours.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    assert "truncated" in complaints(folder, LADDER)[0]
    files.save(path, Policy(TicTacToe(), MLP(TicTacToe(), hidden=(2,))), FACTS)
    assert "plays tic-tac-toe, not chess" in complaints(folder, LADDER)[0]
    game = Chess(backend="python-chess")
    files.save(path, Policy(game, MLP(game, hidden=(300,))), FACTS)
    assert re.fullmatch(r"ours has \d,\d{3},\d{3} bytes, not under 5,000,000", complaints(folder, LADDER)[0])
