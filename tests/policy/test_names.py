"""Games and networks by name: those of chesspg wherever they lie, those of the program, and nothing else."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import chesspg
from chesspg.games.chess import Chess
from chesspg.games.game import Game
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.policy import files, names
from chesspg.policy.files import PolicyFileError
from chesspg.policy.networks import MLP, Network, NetworkOutput
from chesspg.policy.policy import Policy


class Mine(MLP):
    """A network of this program."""


class Outer:
    class Toe(TicTacToe):
        """A game of this program, in a class."""

        def __init__(self, size: int = 3) -> None:
            self.size = size

        @property
        def init_args(self) -> dict[str, Any]:
            return {"size": self.size}


def own_classes() -> set[type]:
    """The games and networks that the package defines."""
    for module in pkgutil.walk_packages(chesspg.__path__, "chesspg."):
        if module.name.startswith(("chesspg.games.", "chesspg.policy.")):
            importlib.import_module(module.name)
    left, found = [Game, Network], set()
    while left:
        derived: list[type] = left.pop().__subclasses__()
        left += derived
        found |= {cls for cls in derived if cls.__module__.startswith("chesspg.") and not inspect.isabstract(cls)}
    return found


def test_every_game_and_network_of_the_package_has_a_name() -> None:
    assert {f"{module}.{name.rpartition('.')[2]}" for name, module in names.OWN.items()} == {
        f"{cls.__module__}.{cls.__qualname__}" for cls in own_classes()
    }


def test_the_names_in_files_stay_as_they_are() -> None:
    """Files of the first version hold these names, so they must never change."""
    assert {
        "chesspg.games.chess.Chess",
        "chesspg.games.tic_tac_toe.TicTacToe",
        "chesspg.policy.networks.MLP",
        "chesspg.policy.networks.ResidualNet",
        "chesspg.policy.networks.BoardNet",
    } <= names.OWN.keys()
    assert names.describe(Chess("atomic")) == {
        "class_path": "chesspg.games.chess.Chess",
        "init_args": {"variant": "atomic"},
    }


@pytest.mark.parametrize("path", ["chesspg.games.chess.Chess", "chesspg.games.chess.rules.Chess", "chesspg.Chess"])
def test_a_class_is_found_wherever_it_lay_when_the_file_was_written(path: str) -> None:
    assert names.describe(names.build({"class_path": path, "init_args": {"variant": "standard"}}, Game)) == (
        names.describe(Chess())
    )


def test_a_class_that_moved_keeps_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    module = type(sys)("chesspg_elsewhere")
    moved = type("Chess", (Chess,), {"__module__": module.__name__})
    module.Chess = moved  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(names.OWN, "chesspg.games.chess.Chess", module.__name__)
    assert names.describe(moved())["class_path"] == "chesspg.games.chess.Chess"
    built = names.build({"class_path": "chesspg.games.chess.Chess", "init_args": {}}, Game)
    assert type(built) is moved


def test_classes_of_the_program_come_back(tmp_path: Path) -> None:
    class Local(Mine):
        pass

    for network in (Mine, Local):
        for game in (TicTacToe(), Outer.Toe(3)):
            files.save(tmp_path / "p.safetensors", Policy(game, network(game, hidden=(3,))))
            loaded = files.load(tmp_path / "p.safetensors")
            assert type(loaded.network) is network
            assert type(loaded.game) is type(game)


def test_of_two_of_one_name_the_latest_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a notebook after a cell ran again."""

    def define() -> type[MLP]:
        class Cell(MLP):
            pass

        return Cell

    def defined(base: type[MLP], name: str = "Again") -> Any:
        cls = type(name, (base,), {"__module__": __name__, "__qualname__": name})
        monkeypatch.setattr(sys.modules[__name__], name, cls, raising=False)
        return cls

    kept = [define() for _ in range(3)]
    files.save(tmp_path / "p.safetensors", Policy(TicTacToe(), kept[0](TicTacToe(), hidden=(3,))))
    assert type(files.load(tmp_path / "p.safetensors").network) is kept[-1]
    also = [defined(Mine), defined(MLP), defined(Mine), defined(MLP)]
    files.save(tmp_path / "p.safetensors", Policy(TicTacToe(), also[0](TicTacToe(), hidden=(3,))))
    assert type(files.load(tmp_path / "p.safetensors").network) is also[-1]


@pytest.mark.parametrize(
    "path",
    [
        "left_here.Evil",
        "folder.theirs.left_here.Evil",
        "antigravity.x",
        "unittest.__main__.x",
        "idlelib.idle.x",
        "os.system",
        "builtins.eval",
        "subprocess.Popen",
        "chesspg.train.main",
        "chesspg.games.game.Game",
        "chesspg.policy.networks.Network",
        "chesspg.policy.networks.ResidualBlock",
        "chesspg.left_here.Evil",
        "Evil",
        "",
        ".",
        "..x",
    ],
)
@pytest.mark.parametrize("part", ["game", "network"])
def test_nothing_is_imported_because_a_file_says_so(
    path: str, part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "from pathlib import Path\nPath('proof').touch()\nfrom chesspg.games.chess import Chess as Evil\n"
    (tmp_path / "folder" / "theirs").mkdir(parents=True)
    for folder in (tmp_path, tmp_path / "folder" / "theirs"):
        (folder / "left_here.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    policy = Policy(TicTacToe(), MLP(TicTacToe(), hidden=(3,)))
    header = files.header_of(policy)
    header = replace(header, **{part: {"class_path": path, "init_args": getattr(header, part)["init_args"]}})
    files.write("p.safetensors", header, policy.network.state_dict())
    before = set(sys.modules)
    with pytest.raises(
        PolicyFileError, match=r"p\.safetensors needs the (game|network) .*which is not a class of chess"
    ):
        files.load("p.safetensors")
    assert {name for name in set(sys.modules) - before if not name.startswith(("chesspg", "torch"))} == set()
    assert not Path("proof").exists()


@pytest.mark.parametrize(
    ("base", "spec", "words"),
    [
        (Game, {"class_path": "chesspg.Chess", "init_args": {"variant": "losing"}}, "losing"),
        (Game, {"class_path": "chesspg.Chess", "init_args": {"threads": 10**9}}, "from a file that sets threads"),
        (Game, {"class_path": "chesspg.Chess", "init_args": {"backend": "auto"}}, "from a file that sets backend"),
        (Game, {"class_path": "chesspg.TicTacToe", "init_args": {"size": 4}}, "size"),
        (Game, {"class_path": "chesspg.Chess", "init_args": []}, "is not a class_path with init_args"),
        (Game, {"class_path": 3, "init_args": {}}, "is not a class_path with init_args"),
        (Game, {"class_path": "chesspg.Chess"}, "is not a class_path with init_args"),
        (Game, "chesspg.Chess", "is not a class_path with init_args"),
    ],
)
def test_arguments_that_a_class_does_not_take(base: type, spec: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        names.build(spec, base)


def test_a_network_that_needs_numbers_while_it_is_built(tmp_path: Path) -> None:
    """It can't be built without memory first, but it still loads and plays."""

    class Needy(Network):
        def __init__(self, game: Game, width: int = 2) -> None:
            super().__init__(game, width=width)
            self.weight = torch.nn.Parameter(torch.ones(width) * torch.ones(1).item())

        def forward(self, planes: torch.Tensor, scalars: torch.Tensor, legal: torch.Tensor) -> NetworkOutput:
            return NetworkOutput(legal * self.weight.sum(), None)

    path = tmp_path / "p.safetensors"
    policy = Policy(TicTacToe(), Needy(TicTacToe(), width=3))
    files.save(path, policy)
    assert torch.equal(files.load(path).network.state_dict()["weight"], torch.ones(3))
    files.write(path, replace(files.header_of(policy), network=names.describe(Needy(TicTacToe(), width=4))),
                policy.network.state_dict())  # fmt: skip
    with pytest.raises(PolicyFileError, match="size mismatch for weight"):
        files.load(path)
