"""A checkpoint read as data: the policy comes back whatever objects lie beside it, and no code runs."""

from __future__ import annotations

import builtins
import functools
import io
import os
import pickle
import pickletools
import random
import zipfile
from collections import OrderedDict
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from chesspg.games.chess import Chess
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.policy import files
from chesspg.policy.files import PolicyFileError
from chesspg.policy.networks import MLP, ResidualNet
from chesspg.policy.policy import Policy


@pytest.fixture
def policy() -> Policy:
    torch.manual_seed(0)
    return Policy(TicTacToe(), MLP(TicTacToe(), hidden=(5, 4), value=True), temperature=1.5)


def content(policy: Policy, **more: Any) -> dict[str, Any]:
    """The content of a checkpoint of a module with this policy."""
    state = OrderedDict((f"{files.NETWORK}{name}", tensor) for name, tensor in policy.network.state_dict().items())
    return {"epoch": 3, "state_dict": state, files.HEADER: asdict(files.header_of(policy, {"games": 7})), **more}


def same(path: Path, policy: Policy) -> None:
    loaded = files.load(path)
    assert files.header_of(loaded) == files.header_of(policy)
    theirs, ours = loaded.network.state_dict(), policy.network.state_dict()
    assert theirs.keys() == ours.keys()
    assert all(torch.equal(theirs[name], tensor) for name, tensor in ours.items())
    assert files.read_header(path).facts == {"games": 7}


class Thing:
    """An object like those that users keep among their hyperparameters."""

    def __init__(self, *numbers: int) -> None:
        self.numbers = numbers


class Slots:
    __slots__ = ("number",)

    def __init__(self) -> None:
        self.number = 3


THINGS: list[Any] = [
    Chess(), Thing, Thing(1, 2), Slots(), functools.partial(MLP, hidden=[3]), len, Path("x"), {1, 2}, frozenset({"a"}),
    1 + 2j, range(3), OrderedDict(a=Thing()), [Thing(), {"a": (Thing(), b"bytes", 10**30)}], {("a", 1): Thing()},
    torch.nn.Linear(2, 2), torch.nn.Parameter(torch.ones(2)), torch.Size((1, 2)), torch.float16, torch.device("cpu"),
    torch.eye(2).to_sparse(), slice(1, 2), bytearray(b"x"), random.Random(0),
]  # fmt: skip


@pytest.mark.parametrize("thing", THINGS, ids=lambda thing: type(thing).__name__)
def test_objects_beside_the_policy_do_no_harm(thing: Any, policy: Policy, tmp_path: Path) -> None:
    """`save_hyperparameters()` in a user's module writes such objects."""
    torch.save(content(policy, hyper_parameters={"thing": thing, "lr": 0.1}, more=[thing]), tmp_path / "a.ckpt")
    same(tmp_path / "a.ckpt", policy)


def test_layouts_and_dtypes(tmp_path: Path) -> None:
    chess = Policy(Chess(), ResidualNet(Chess(), channels=4, blocks=1))  # channels last
    torch.save(content(chess), tmp_path / "a.ckpt")
    same(tmp_path / "a.ckpt", chess)
    both = torch.arange(40.0)  # two tensors of one storage
    policy = Policy(TicTacToe(), MLP(TicTacToe(), hidden=(2,)))
    with torch.no_grad():
        policy.network.get_parameter("body.0.weight").set_(both[:36].view(18, 2).T)  # type: ignore[no-untyped-call]
        policy.network.get_parameter("body.0.bias").set_(both[38:])  # type: ignore[no-untyped-call]
    torch.save(content(policy), tmp_path / "a.ckpt")
    same(tmp_path / "a.ckpt", policy)


class Call:
    """An object whose unpickling calls a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


PAYLOADS = {
    "os.mkdir": lambda proof: Call(os.mkdir, proof),
    "os.system": lambda proof: Call(os.system, f"mkdir {proof}"),
    "eval": lambda proof: Call(builtins.eval, f"__import__('os').mkdir({proof!r})"),
    "exec": lambda proof: Call(builtins.exec, f"import os; os.mkdir({proof!r})"),
}


def packed(pickled: bytes, policy: Policy) -> bytes:
    """A checkpoint of the policy with another pickle in it."""
    whole, made = io.BytesIO(), io.BytesIO()
    torch.save(content(policy), whole)
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(made, "w") as new:
        for record in old.infolist():
            new.writestr(record, pickled if record.filename.endswith("/data.pkl") else old.read(record))
    return made.getvalue()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("place", ["hyper_parameters", "state_dict", files.HEADER, "weight", "all"])
def test_code_never_runs(
    place: str, payload: str, protocol: int, policy: Policy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    proof = str(tmp_path / "proof")
    thing = PAYLOADS[payload](proof)
    saved: Any = {files.HEADER: asdict(files.header_of(policy)), "state_dict": {}}
    if place == "weight":
        saved["state_dict"][f"{files.NETWORK}policy_head.bias"] = thing
    else:
        saved = thing if place == "all" else saved | {place: thing}
    pickled = pickle.dumps(saved, protocol)
    (tmp_path / "a.ckpt").write_bytes(packed(pickled, policy))
    with pytest.raises(PolicyFileError, match=r"a\.ckpt"):
        files.load(tmp_path / "a.ckpt")  # its weights are missing in any case
    with pytest.raises(PolicyFileError, match=r"a\.ckpt is damaged or not a checkpoint"):
        files.read_checkpoint(tmp_path / "a.ckpt")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ckpt"]
    pickle.loads(pickled)  # proof that the payload works
    assert Path(proof).is_dir()


@pytest.mark.parametrize("payload", PAYLOADS)
def test_code_beside_a_policy_leaves_it_alone(payload: str, policy: Policy, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    torch.save(content(policy, hyper_parameters={"game": PAYLOADS[payload](str(proof))}), tmp_path / "a.ckpt")
    same(tmp_path / "a.ckpt", policy)
    assert not proof.exists()
    torch.load(tmp_path / "a.ckpt", weights_only=False)
    assert proof.is_dir()


def header_of_lists(depth: int) -> bytes:
    """Each list holds the one before it twice: this is short to write, and a walk through it never ends."""
    lists = b"".join(
        b"]" + b"q" + bytes([k]) + b"(h" + bytes([k - 1]) + b"h" + bytes([k - 1]) + b"e" for k in range(1, depth)
    )
    name = files.HEADER.encode()
    facts = b"]q\x00" + lists
    return b"\x80\x02}(X" + len(name).to_bytes(4, "little") + name + facts + b"X\x0a\x00\x00\x00state_dict}u."


@pytest.mark.parametrize(
    "pickled",
    [
        b"",
        b".",
        b"\x80\x02.",
        b"\x80\x02]r\xff\xff\xff\x7f.",  # an index of the memo for which a table needs gigabytes
        b"\x80\x02" + b"(" * 10_000 + b".",
        b"\x80\x02" + b"]" * 10_000 + b".",
        b"\x80\x02}(" + b")" + b"q\x00h\x00\x86" * 60 + b"Nu.",  # a key whose hash takes 2^60 steps
        b"I" + b"1" * 10_000 + b"\n.",
        b"\x80\x02\x8b\xff\xff\xff\x7f.",
        b"\x80\x04\x96" + b"\xff" * 8 + b".",
        b"\x80\x02\x82\x01.",
        b"Pid\n.",
        header_of_lists(100),
        bytes(range(256)),
    ],
)
def test_pickles_that_nobody_writes_end_at_once(pickled: bytes, policy: Policy, tmp_path: Path) -> None:
    (tmp_path / "a.ckpt").write_bytes(packed(pickled, policy))
    with pytest.raises(PolicyFileError, match=r"a\.ckpt is not a checkpoint"):
        files.load(tmp_path / "a.ckpt")


@pytest.mark.slow
def test_every_flipped_bit_is_found_or_harmless(policy: Policy, tmp_path: Path) -> None:
    whole = io.BytesIO()
    torch.save(content(policy, optimizer_states=[{"m": torch.ones(30)}]), whole)
    path, good = tmp_path / "a.ckpt", whole.getvalue()
    with zipfile.ZipFile(whole) as archive:
        data = [(good.index(some), len(some)) for some in map(archive.read, archive.infolist()) if len(some) > 30]
    inside = {at for start, length in data for at in range(start, start + length)}
    found = 0
    for at in random.Random(3).sample(range(len(good)), 250):
        damaged = bytearray(good)
        damaged[at] ^= 1 << at % 8
        path.write_bytes(damaged)
        for read in (files.load, files.read_checkpoint):
            try:
                read(path)
            except PolicyFileError:
                found += 1
            else:
                assert at not in inside
                if read is files.load:
                    same(path, policy)
    assert found > 150


@pytest.mark.parametrize("content", [b"", b"hello\n", b"\0" * 5000, b"PK\x03\x04", pickle.dumps({"a": 1})])
def test_what_is_no_archive(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.ckpt").write_bytes(content)
    for read in (files.load, files.read_header, files.read_checkpoint):
        with pytest.raises(PolicyFileError, match=r"a\.ckpt is damaged or not a checkpoint"):
            read(tmp_path / "a.ckpt")


def test_archives_that_grow_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.ckpt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", b"\0" * (1 << 24))
    for read in (files.load, files.read_checkpoint):
        with pytest.raises(PolicyFileError, match=r"a\.ckpt is damaged .* larger than the file"):
            read(tmp_path / "a.ckpt")


@pytest.mark.parametrize("facts", [{"x": "\ud800"}, {"\ud800": 1}, {"x": [float("nan"), {"y": "\udfff"}]}])
def test_text_that_no_file_can_hold_is_refused(facts: dict[str, Any], policy: Policy, tmp_path: Path) -> None:
    changed = content(policy)
    changed[files.HEADER]["facts"] = facts
    torch.save(changed, tmp_path / "a.ckpt")
    with pytest.raises(PolicyFileError, match=r"a\.ckpt is not a checkpoint of a policy"):
        files.read_header(tmp_path / "a.ckpt")


def test_a_text_that_stands_in_many_places_is_refused(policy: Policy, tmp_path: Path) -> None:
    """The file holds it once, but the header as JSON would have 100 MB."""
    changed = content(policy)
    changed[files.HEADER]["facts"] = {"x": ["a" * 200_000] * 500}
    torch.save(changed, tmp_path / "a.ckpt")
    assert (tmp_path / "a.ckpt").stat().st_size < 1_000_000
    with pytest.raises(PolicyFileError, match=r"a\.ckpt is not a checkpoint of a policy"):
        files.read_header(tmp_path / "a.ckpt")


def test_a_shape_of_many_dimensions_is_no_tensor(policy: Policy, tmp_path: Path) -> None:
    """A file could name one long shape thousands of times, and each tensor would have a copy of it."""
    changed = content(policy)
    changed["state_dict"][f"{files.NETWORK}body.0.weight"] = torch.ones((1,) * 17)
    torch.save(changed, tmp_path / "a.ckpt")
    with pytest.raises(PolicyFileError):
        files.load(tmp_path / "a.ckpt")


def test_sizes_beyond_what_is_stored(policy: Policy, tmp_path: Path) -> None:
    """Large views of one number, and storages whose size is given as larger than their record."""
    large = content(policy)
    large["state_dict"][f"{files.NETWORK}body.0.weight"] = torch.ones(1).expand(10**6, 10**6)
    torch.save(large, tmp_path / "a.ckpt")
    with pytest.raises(PolicyFileError, match="larger than the file"):
        files.load(tmp_path / "a.ckpt")
    whole = io.BytesIO()
    torch.save(content(policy), whole)
    with zipfile.ZipFile(whole) as archive:
        pickled = archive.read(next(name for name in archive.namelist() if name.endswith("/data.pkl")))
    shapes = [at for op, value, at in pickletools.genops(pickled) if op.name == "BININT1" and value == 18]
    assert shapes
    for at in shapes:  # the number of inputs of the first layer, in its shape and in the size of its storage
        assert at is not None
        larger = pickled[:at] + b"J\xff\xff\xff\x7f" + pickled[at + 2 :]
        (tmp_path / "a.ckpt").write_bytes(packed(larger, policy))
        with pytest.raises(PolicyFileError, match=r"a\.ckpt"):
            files.load(tmp_path / "a.ckpt")
