"""Game strings: the games that they name, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.players.game_strings import game_from_string
from chesspg.players.roster import game_of
from chesspg.policy import files
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy

SIZED = """
from chesspg.games.tic_tac_toe import TicTacToe

class Sized(TicTacToe):
    def __init__(self, size, wide=False, label=""):
        if size > 9:
            raise ValueError(f"size must be at most 9, got {size}")
        self.name, self.args = "sized", (size, wide, label)

    @property
    def init_args(self):
        return dict(zip(("size", "wide", "label"), self.args))
"""


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder has a module with a game whose options have three types."""
    (tmp_path / "game_strings_sized.py").write_text(SIZED)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize("text", ["TicTacToe", "tic-tac-toe", "tic_tac_toe", "chesspg.TicTacToe"])
def test_a_game_of_chesspg_has_a_bare_name(text: str) -> None:
    assert isinstance(game_from_string(text), TicTacToe)


def test_options_are_numbers_truth_values_and_texts() -> None:
    assert game_from_string("Chess?variant=atomic").name == "chess (atomic)"
    text = "game_strings_sized.Sized?size=6&wide=true&label=a(b=1,c=2)+d"
    assert game_from_string(text).init_args == {"size": 6, "wide": True, "label": "a(b=1,c=2)+d"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"--game: unknown game ''; expected one of Chess, .*TicTacToe, or your own such as my_module\.MyGame"),
        ("Go", "--game: unknown game 'Go'; expected one of Chess, "),
        ("nowhere.Go", r"--game nowhere\.Go: No module named 'nowhere'; expected one of Chess, "),
        ("game_strings_sized.Other", r"unknown game 'game_strings_sized\.Other'"),
        ("os.getcwd", r"unknown game 'os\.getcwd'"),
        ("chesspg.games.game.Game", r"unknown game 'chesspg\.games\.game\.Game'"),
        ("TicTacToe?size=3", r"unknown option 'size' in 'TicTacToe\?size=3'; TicTacToe has no options"),
        ("Chess?size=3", "unknown option 'size' in .*; expected one of variant, "),
        ("Chess?variant=go", "--game Chess.variant=go: "),
        ("Hex?swap=2", r"--game: swap in 'Hex\?swap=2' must be true or false"),
        ("Hex?size=large", r"--game: size in 'Hex\?size=large' must be a whole number"),
        ("Hex?size=20", r"--game Hex\?size=20: size must be between 3 and 19, got 20"),
        ("game_strings_sized.Sized", "Sized can't be built without arguments"),
        ("game_strings_sized.Sized?size=10", "size must be at most 9, got 10"),
        ("game_strings_sized.Sized?size=ten", r"Sized\(\) raised TypeError"),
    ],
)
def test_what_names_no_game_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        game_from_string(text)


def test_the_named_game_must_be_that_of_the_policies() -> None:
    paths = []
    for size in (3, 4):
        game = game_from_string(f"game_strings_sized.Sized?size={size}")
        files.save(f"{size}.safetensors", Policy(game, MLP(game, hidden=(2,))))
        paths.append(f"{size}.safetensors")
    named = "game_strings_sized.Sized?size=4"
    assert game_of(["random", paths[1]], named=named).init_args["size"] == 4
    assert game_of(["random"], named=named).init_args["size"] == 4
    with pytest.raises(ValueError, match=r"--game names tic-tac-toe and 3\.safetensors plays sized; expected the same"):
        game_of([paths[0]], named="TicTacToe")
    with pytest.raises(ValueError, match=r"--game names sized with {'size': 4.* and 3\.safetensors plays .*'size': 3"):
        game_of([paths[0]], named=named)
    with pytest.raises(ValueError, match=r"3\.safetensors plays sized with .* and 4\.safetensors plays sized with "):
        game_of(paths)
