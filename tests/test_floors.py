"""The floors of docs/architecture.md: imports run down, and each outside library stays where it belongs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "chesspg"
# A folder may import from its own and from those with a smaller number; learning and arena share one and are apart.
FLOORS = {"games": 1, "policy": 2, "players": 3, "learning": 4, "arena": 4, "training": 5}
ROOF = 6  # the commands, files directly in chesspg/
# Outside libraries, and the only places that may import them.
CONFINED = {
    "pytorch_lightning": {"training"},
    "lightning_fabric": {"training"},
    "lightning_utilities": {"training"},
    "jsonargparse": {"train", "training"},
    "numba": {"games"},
}
TORCHLESS = {"games"}


def place_of(module: str) -> str:
    """`chesspg.games.chess` is in games, `chesspg.train` is train, `chesspg` itself is the roof."""
    return module.split(".")[1] if "." in module else "__init__"


def imports(source: str, module: str) -> Iterator[str]:
    """The absolute names of all modules that a module's source imports, anywhere in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join([*module.split(".")[: -node.level], *([base] if base else [])])
            # `from chesspg import games` names a module as `from chesspg.games import game` does.
            yield from (f"{base}.{alias.name}" for alias in node.names) if base == "chesspg" else (base,)


def violations(source: str, module: str) -> list[str]:
    """What a module of chesspg imports that its floor may not."""
    here = place_of(module)
    found = []
    for name in imports(source, module):
        library = name.split(".")[0]
        if library == "chesspg":
            there = place_of(name)
            if here != there and FLOORS.get(there, ROOF) >= FLOORS.get(here, ROOF):
                found.append(f"{module} imports {name}: {there} is not below {here}")
        elif library == "torch" and here in TORCHLESS:
            found.append(f"{module} imports {name}: no torch in {here}")
        elif library in CONFINED and here not in CONFINED[library]:
            found.append(f"{module} imports {name}: only {', '.join(sorted(CONFINED[library]))} may")
    return found


def modules() -> dict[str, Path]:
    names = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        # A package's __init__ keeps its last part, so that relative imports count from the right place.
        names[".".join(parts)] = path
    return names


@pytest.mark.parametrize("module", [name for name in modules() if name != "chesspg.__init__"])
def test_imports_run_down(module: str) -> None:
    assert violations(modules()[module].read_text(), module) == []


def test_every_folder_has_its_floor() -> None:
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert folders == set(FLOORS)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("chesspg.games.game", "import torch"),
        ("chesspg.games.chess.python_chess", "from torch import Tensor"),
        ("chesspg.games.game", "from chesspg.policy.files import load"),
        ("chesspg.policy.policy", "def f():\n    from chesspg.players.player import Player"),
        ("chesspg.players.lockstep", "from chesspg.arena import matches"),
        ("chesspg.learning.estimators", "import chesspg.arena.ratings"),
        ("chesspg.arena.matches", "from chesspg.learning import estimators"),
        ("chesspg.arena.matches", "from pytorch_lightning import Trainer"),
        ("chesspg.players.player", "from chesspg import training"),
        ("chesspg.players.player", "from ..training import module"),
        ("chesspg.training.module", "from chesspg.train import main"),
        ("chesspg.play", "import pytorch_lightning as pl"),
        ("chesspg.train", "from pytorch_lightning import Trainer"),
        ("chesspg.play", "from chesspg.train import main"),
        ("chesspg.policy.policy", "if TYPE_CHECKING:\n    import numba"),
    ],
)
def test_a_planted_import_is_found(module: str, source: str) -> None:
    assert len(violations(source, module)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("chesspg.games.chess.encoding", "import numpy, chess, numba\nfrom . import python_chess"),
        ("chesspg.games.chess.encoding", "from chesspg.games import game"),
        ("chesspg.training.module", "import torch, pytorch_lightning\nfrom chesspg.learning import estimators"),
        ("chesspg.train", "import torch\nfrom chesspg.training.module import PolicyGradient"),
        ("chesspg.play", "from chesspg.arena.session import Session"),
    ],
)  # fmt: skip
def test_what_runs_down_is_allowed(module: str, source: str) -> None:
    assert violations(source, module) == []
