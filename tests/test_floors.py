"""The floors of docs/architecture.md: imports run down, none in a circle, outside libraries where they belong."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "chesspg"
# A folder imports only folders with a smaller number; folders with the same number do not import each other.
FLOORS = {
    "storage": 1,
    "games": 2,
    "learning": 2,
    "policy": 3,
    "terminal": 3,
    "players": 4,
    "selfplay": 5,
    "environments": 5,
    "pgn": 6,
    "arena": 7,
    "report": 8,
    "uci": 8,
    "browser": 8,
    "training": 9,
    "runs": 10,
    "imitation": 11,
    "bench": 12,
    "commands": 13,  # files directly in chesspg/, and the __main__ of a folder
}
# Outside libraries, and the only folders that may import them.
LIGHTNING = {"training", "runs", "imitation"}
CONFINED = {
    "pytorch_lightning": LIGHTNING,
    "lightning_fabric": LIGHTNING,
    "lightning_utilities": LIGHTNING,
    "jsonargparse": {"runs", "imitation"},
    "numba": {"games"},
    "open_spiel": {"games"},
    "pyspiel": {"games"},
    "gymnasium": {"environments"},
    "pettingzoo": {"environments"},
    "onnx": {"policy"},
    "onnxruntime": {"policy"},
    "aiohttp": {"browser"},
}
TORCHLESS = {"games", "storage"}
APART = ("arena", "learning")  # playing needs no mathematics of learning
ALONE = {"learning": {"torch"}}  # what a folder may import beside itself and the standard library


def place_of(module: str) -> str:
    """`chesspg.games.chess` is in games; `chesspg`, `chesspg.train` and `chesspg.report.__main__` are commands."""
    folder = module.split(".")[1] if "." in module else ""
    return folder if folder in FLOORS and "__main__" not in module.split(".") else "commands"


def on_device(module: str) -> bool:
    """Whether a module is for games on a device, which are torch's tensors."""
    return module.rsplit(".", 1)[-1].rsplit("_", 1)[-1] == "device"


def imports(source: str, module: str) -> Iterator[str]:
    """The absolute names of all that a module's source imports, anywhere in it: modules, or things in modules."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join([*module.split(".")[: -node.level], *([base] if base else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def violations(source: str, module: str) -> list[str]:
    """Imports of a module of chesspg that its floor may not have."""
    here = place_of(module)
    found = []
    for name in imports(source, module):
        library = name.split(".")[0]
        if library == "chesspg":
            there = place_of(name)
            if here != there and (FLOORS[there] >= FLOORS[here] or here in ALONE or (here, there) == APART):
                found.append(f"{module} imports {name}: {there} is not below {here}")
            elif there == "commands" and name != "chesspg.__version__":
                found.append(f"{module} imports {name}: a command is run, not imported")
        elif here in ALONE and library not in ALONE[here] | sys.stdlib_module_names:
            found.append(f"{module} imports {name}: only {', '.join(sorted(ALONE[here]))} in {here}")
        elif library == "torch" and here in TORCHLESS and not on_device(module):
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


def circle(sources: Mapping[str, str]) -> list[str]:
    """Modules that import each other in a circle, the first one also last; none if there is no circle."""
    names = {name.removesuffix(".__init__"): name for name in sources}
    graph = {}
    for name, source in sources.items():
        used = {one if one in names else one.rpartition(".")[0] for one in imports(source, name)}
        graph[name.removesuffix(".__init__")] = {one for one in used if one in names} - {name}
    graph.pop("chesspg", None)  # which names everything and imports it when it is asked for
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [str(name) for name in error.args[1]]
    return []


@pytest.mark.parametrize("module", [name for name in modules() if name != "chesspg.__init__"])
def test_imports_run_down(module: str) -> None:
    assert violations(modules()[module].read_text(), module) == []


def test_no_files_import_each_other_in_a_circle() -> None:
    assert circle({name: path.read_text() for name, path in modules().items()}) == []


def test_a_planted_circle_is_found() -> None:
    sources = {
        "chesspg.a.__init__": "from chesspg.b import f",
        "chesspg.b": "def f():\n    from chesspg.c import g",
        "chesspg.c": "import chesspg.a",
    }
    assert set(circle(sources)) == {"chesspg.a", "chesspg.b", "chesspg.c"}
    assert circle({**sources, "chesspg.c": "import numpy"}) == []


def test_every_folder_has_its_floor() -> None:
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert folders | {"commands"} == set(FLOORS)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("chesspg.games.game", "import torch"),
        ("chesspg.games.chess.python_chess", "from torch import Tensor"),
        ("chesspg.games.game", "from chesspg.policy.files import load"),
        ("chesspg.policy.policy", "def f():\n    from chesspg.players.player import Player"),
        ("chesspg.selfplay.loop", "from chesspg.arena import matches"),
        ("chesspg.learning.losses", "import chesspg.arena.elo"),
        ("chesspg.learning.losses", "import numpy"),
        ("chesspg.learning.losses", "from chesspg.storage import atomic"),
        ("chesspg.arena.matches", "from chesspg.learning import losses"),
        ("chesspg.arena.matches", "from pytorch_lightning import Trainer"),
        ("chesspg.players.player", "from chesspg import training"),
        ("chesspg.players.player", "from ..training import module"),
        ("chesspg.report.page", "from chesspg.uci import protocol"),
        ("chesspg.report.page", "from chesspg.report.__main__ import main"),
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
        ("chesspg.games.tic_tac_toe_device", "import torch"),
        ("chesspg.learning.losses", "import math, torch\nfrom chesspg.learning.advantages import returns"),
        ("chesspg.training.module", "import torch, pytorch_lightning\nfrom chesspg.learning import losses"),
        ("chesspg.train", "import torch\nfrom chesspg.training.module import PolicyGradient"),
        ("chesspg.report.__main__", "from chesspg.report.page import page"),
        ("chesspg.play", "from chesspg.arena.session import Session"),
    ],
)
def test_what_runs_down_is_allowed(module: str, source: str) -> None:
    assert violations(source, module) == []
