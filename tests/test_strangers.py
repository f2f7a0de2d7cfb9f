"""Files of unknown origin, given to the commands: none of their code runs, and a bad file is a one-line error."""

from __future__ import annotations

import io
import json
import random
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from chesspg import ladder, match, play, train
from chesspg.arena import default_player
from chesspg.games.chess import Chess
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.policy import files
from chesspg.policy.networks import MLP, ResidualNet
from chesspg.policy.policy import Policy
from chesspg.report import __main__ as report
from chesspg.uci.protocol import Engine

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"),
]

Refused = Callable[..., None]
Main = Callable[[list[str]], int]

# The commands that take a policy, and what stands behind its name.
COMMANDS: dict[str, tuple[Main, list[str], list[str]]] = {
    "match": (match.main, [], ["random", "--games", "2", "--max-plies", "12"]),
    "ladder": (ladder.main, [], ["random", "--games", "2", "--max-plies", "12"]),
    "train": (train.main, ["--config", "small.yaml", "--run", "out", "--init"], []),
}
SMALL = """
model: {network: {class_path: chesspg.policy.networks.ResidualNet, init_args: {channels: 2, blocks: 1}}}
data: {game: {class_path: chesspg.games.chess.Chess}, games: 2}
trainer: {max_epochs: 1, accelerator: cpu}
"""


@pytest.fixture
def policy() -> Policy:
    torch.manual_seed(0)
    return Policy(Chess(), ResidualNet(Chess(), channels=2, blocks=1))


@pytest.fixture
def theirs(tmp_path: Path, policy: Policy, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run folder from somebody else, with a module in it, below the working directory."""
    folder = tmp_path / "checkpoints" / "theirs"
    folder.mkdir(parents=True)
    files.save(folder / "last.safetensors", policy)
    (folder / "config.yaml").write_text(SMALL)
    (folder / "metrics.csv").write_text("step,loss\n0,1.5\n1,1.0\n")
    (folder / "evil.py").write_text("open('proof', 'w')\nfrom chesspg.games.chess import Chess as X\n")
    (tmp_path / "small.yaml").write_text(SMALL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)  # as `python -m` has it
    return Path("checkpoints/theirs")


def naming(folder: Path, policy: Policy, kind: str, part: str, path: str) -> Path:
    """The folder with this class path in its policy file, or in a checkpoint without a policy file."""
    header = files.header_of(policy)
    header = replace(header, **{part: {"class_path": path, "init_args": getattr(header, part)["init_args"]}})
    files.write(folder / "last.safetensors", header, policy.network.state_dict())
    if kind == "folder":
        return folder
    weights = {f"{files.NETWORK}{name}": tensor for name, tensor in policy.network.state_dict().items()}
    torch.save({files.HEADER: asdict(header), "state_dict": weights}, "lone.ckpt")
    return Path("lone.ckpt")


EVIL = ["checkpoints.theirs.evil.X", "antigravity.x", "unittest.__main__.x", "idlelib.idle.x"]


@pytest.mark.parametrize("path", EVIL)
@pytest.mark.parametrize("part", ["game", "network"])
@pytest.mark.parametrize("kind", ["folder", "checkpoint"])
def test_no_command_imports_what_a_file_names(
    kind: str, part: str, path: str, theirs: Path, policy: Policy, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = str(naming(theirs, policy, kind, part, path))
    for main, before, after in COMMANDS.values():
        refused(main, [*before, named, *after], [path, named])
    said = io.StringIO()
    Engine(said, named).run(io.StringIO("uci\nisready\nquit\n"))
    assert any(path in line and "error" in line for line in said.getvalue().splitlines())
    refused(play.main, [named], [path])
    if part == "game":
        assert default_player.newest_run(wanted=lambda game: isinstance(game, Chess)) is None
    assert report.main([]) == 0  # says so on the page
    assert path in Path(theirs, "report.html").read_text()
    assert not Path("proof").exists()
    assert not {name for name in sys.modules if name.startswith(("checkpoints", "antigravity", "idlelib.idle"))}


BAD_WEIGHTS: dict[str, Callable[[Path, Policy], object]] = {
    "not finite": lambda path, policy: files.write(
        path, files.header_of(policy), {k: t / 0 for k, t in policy.network.state_dict().items()}
    ),
    "torch.float64": lambda path, policy: files.write(
        path, files.header_of(policy), {k: t.double() for k, t in policy.network.state_dict().items()}
    ),
    "channels": lambda path, policy: files.write(
        path,
        replace(files.header_of(policy), network={**files.describe(policy.network), "init_args": {"channels": "x"}}),
        policy.network.state_dict(),
    ),
    "does not fit its network: it lacks": lambda path, policy: files.write(
        path,
        replace(
            files.header_of(policy), network={**files.describe(policy.network), "init_args": {"channels": 10**7}}
        ),
        policy.network.state_dict(),
    ),
    "does not match its checksum": lambda path, policy: path.write_bytes(
        path.read_bytes()[:-3] + bytes([path.read_bytes()[-3] ^ 4]) + path.read_bytes()[-2:]
    ),
    "is truncated": lambda path, policy: path.write_bytes(path.read_bytes()[:-1]),
    "is not a policy file": lambda path, policy: path.write_bytes(b"hello\n"),
}  # fmt: skip


@pytest.mark.parametrize("words", BAD_WEIGHTS)
def test_every_command_refuses_weights_it_cannot_play(
    words: str, theirs: Path, policy: Policy, refused: Refused, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    path = theirs / "last.safetensors"
    BAD_WEIGHTS[words](path, policy)
    for main, before, after in COMMANDS.values():
        refused(main, [*before, str(theirs), *after], [words, str(path)])
    said = io.StringIO()
    Engine(said, str(theirs)).run(io.StringIO("uci\nisready\nquit\n"))
    assert any(words in line and "error" in line for line in said.getvalue().splitlines())
    monkeypatch.setattr("sys.stdin", io.StringIO("e4\ne5\n"))
    with pytest.raises(SystemExit) as caught:
        play.main([str(theirs)])
    assert caught.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert words in line
    assert report.main([]) == 0
    assert words in Path(theirs, "report.html").read_text()


ODD: list[Any] = [None, True, -1, 0.5, 1e308, float("nan"), float("inf"), 10**400, "x", "", [], {}, [[]], {"a": 1}]


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values in a JSON tree."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [path] * bool(path) + [one for key, value in items for one in places(value, (*path, key))]


def damaged(text: str, seed: int) -> list[str]:
    """Damaged versions of a JSON file: cut, with flipped bits, nested, emptied, and with values of other types."""
    rng = random.Random(seed)
    whole = text.encode()
    made = ["", "hello", "\0" * 100, "[" * 100_000, '{"a":' * 100_000, text * 2]
    made += [text[: rng.randrange(len(text))] for _ in range(5)]
    for at in rng.sample(range(len(whole)), 15):
        flipped = bytearray(whole)
        flipped[at] ^= 1 << at % 8
        made.append(flipped.decode("latin-1"))
    for path in rng.choices(places(json.loads(text)), k=30):
        tree = at = json.loads(text)
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = rng.choice(ODD)
        made.append(json.dumps(tree))
    return made


def test_damaged_json_is_read_or_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The 56 damages of each file are the same each time."""
    monkeypatch.chdir(tmp_path)
    short = ["--openings", "random:4", "--max-plies", "30"]
    assert match.main(["greedy", "random", "--games", "2", *short, "--json", "match.json"]) == 0
    assert ladder.main(["greedy", "random", "--games", "20", *short, "--results", "ladder.json"]) == 0
    commands: list[tuple[str, Main, list[str]]] = [
        ("match.json", match.main, ["greedy", "random", "--games", "2", *short, "--resume", "match.json"]),
        ("ladder.json", ladder.main, ["greedy", "random", "--games", "0", *short, "--results", "ladder.json",
                                      "--json", "table.json", "--picture", "table.svg"]),
    ]  # fmt: skip
    codes = []
    for name, main, arguments in commands:
        good = Path(name).read_text()
        for text in damaged(good, seed=5):
            Path(name).write_text(text, encoding="utf-8")
            capsys.readouterr()
            try:
                codes.append(main(arguments))
            except SystemExit as error:
                codes.append(int(error.code or 0))
            if codes[-1]:
                [line] = capsys.readouterr().err.splitlines()
                assert line.startswith("error: ")
                assert name in line
                assert Path(name).read_text(encoding="utf-8") == text
            Path(name).write_text(good)
    assert len(codes) == 112
    assert set(codes) == {0, 2}


def test_a_users_game_is_known_to_a_users_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Toe(TicTacToe):
        """A class that can be named because this module is imported."""

    torch.manual_seed(0)
    path = tmp_path / "last.safetensors"
    files.save(path, Policy(Toe(), MLP(Toe(), hidden=(3,))))
    assert match.main([str(path), "random", "--games", "2"]) == 0
    assert "won, drawn, lost" in capsys.readouterr().out
