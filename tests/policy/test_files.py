"""The policy file: a policy that is written comes back, and any other content is refused with one line."""

from __future__ import annotations

import errno
import json
import os
import pickle
import resource
import shutil
import struct
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from chesspg.games.chess import Chess
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.policy import files
from chesspg.policy.files import Header, PolicyFileError
from chesspg.policy.networks import MLP, ResidualNet
from chesspg.policy.policy import Policy
from chesspg.storage import atomic


@pytest.fixture
def policy() -> Policy:
    torch.manual_seed(0)
    return Policy(TicTacToe(), MLP(TicTacToe(), hidden=(5, 4), value=True), temperature=1.5)


@pytest.fixture
def path(tmp_path: Path, policy: Policy) -> Path:
    path = tmp_path / "run" / "last.safetensors"
    path.parent.mkdir()
    files.save(path, policy, {"updates": 7})
    return path


def refused(path: Path, *words: str, game: Any = None) -> None:
    """Loading fails with a one-line message that contains the path and these words."""
    with pytest.raises(PolicyFileError) as caught:
        files.load(path, game)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    for word in words:
        assert word in message


def rewrite(path: Path, policy: Policy, **changes: Any) -> None:
    files.write(path, replace(files.header_of(policy), **changes), policy.network.state_dict())


def test_round_trip(path: Path, policy: Policy) -> None:
    loaded = files.load(path)
    assert files.describe(loaded.game) == files.describe(policy.game)
    assert loaded.temperature == 1.5
    assert not loaded.training
    assert loaded.network.init_args == policy.network.init_args
    weights = loaded.network.state_dict()
    for name, tensor in policy.network.state_dict().items():
        assert torch.equal(weights[name], tensor)
    observation = TicTacToe().start(["3/3/3 x moves b2"]).observe()
    assert torch.equal(loaded.observe(observation).log_probs, policy.observe(observation).log_probs)
    assert files.read_header(path) == Header(
        game={"class_path": "chesspg.games.tic_tac_toe.TicTacToe", "init_args": {}},
        encoding_version=1,
        network={"class_path": "chesspg.policy.networks.MLP", "init_args": {"hidden": [5, 4], "value": True}},
        temperature=1.5,
        facts={"updates": 7},
    )


def test_channels_last_weights_and_variants_come_back(tmp_path: Path) -> None:
    policy = Policy(Chess("atomic"), ResidualNet(Chess("atomic"), channels=4, blocks=1))
    files.save(tmp_path / "p.safetensors", policy)
    loaded = files.load(tmp_path / "p.safetensors")
    assert loaded.game.name == "chess (atomic)"
    for name, tensor in policy.network.state_dict().items():
        assert torch.equal(loaded.network.state_dict()[name], tensor)


@pytest.mark.skipif(os.name != "posix", reason="file modes exist on POSIX only")
def test_who_may_read_it_is_the_umask_s_to_say(tmp_path: Path, policy: Policy) -> None:
    before = os.umask(0o027)
    try:
        files.save(tmp_path / "p.safetensors", policy)
    finally:
        os.umask(before)
    assert (tmp_path / "p.safetensors").stat().st_mode & 0o777 == 0o640


def test_the_game_given_is_the_game_used(tmp_path: Path) -> None:
    game = Chess(backend="python-chess")
    files.save(tmp_path / "p.safetensors", Policy(Chess(), MLP(Chess(), hidden=(2,))))
    assert files.load(tmp_path / "p.safetensors", game).game is game


def test_a_checkpoint_and_a_run_folder_name_the_file_beside(path: Path) -> None:
    assert files.resolve(path) == files.resolve(path.parent) == files.resolve(path.with_suffix(".ckpt")) == path


def test_a_checkpoint_without_a_file_beside_it_is_read_itself(tmp_path: Path, path: Path, policy: Policy) -> None:
    """A user's Trainer writes such a checkpoint."""
    lone = tmp_path / "lone.ckpt"
    weights = {f"{files.NETWORK}{name}": tensor for name, tensor in policy.network.state_dict().items()}
    header = files.read_header(path)
    torch.save({files.HEADER: asdict(header), "state_dict": {**weights, "other": torch.zeros(1)}}, lone)
    assert files.resolve(lone) == lone
    assert files.read_header(lone) == header
    loaded = files.load(lone)
    assert files.header_of(loaded, header.facts) == header
    for name, tensor in policy.network.state_dict().items():
        assert torch.equal(loaded.network.state_dict()[name], tensor)

    lone.write_bytes(lone.read_bytes()[:-100])
    refused(lone, "lone.ckpt is damaged or not a checkpoint")
    torch.save({"state_dict": weights}, lone)
    refused(lone, "lone.ckpt is not a checkpoint of a policy")
    torch.save([1, 2], lone)
    refused(lone, "lone.ckpt is not a checkpoint of a policy")
    torch.save({files.HEADER: asdict(header) | {"temperature": 0}, "state_dict": weights}, lone)
    refused(lone, "lone.ckpt has a temperature that must be above 0 and finite, got 0")
    torch.save({files.HEADER: {"game": {}}, "state_dict": weights}, lone)
    refused(lone, "lone.ckpt has a header this version can't read")
    refused(tmp_path / "none.ckpt", "no policy file at")


def test_the_bare_name_of_one_that_ships(
    ships: Path, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ours = Path(shutil.copy(path, ships / "checkpoints" / "ours.safetensors"))
    assert files.resolve("ours") == files.resolve(Path("ours")) == ours
    assert files.load("ours").temperature == 1.5
    refused(Path("our"), "no policy file", "policies that ship: ours")
    refused(Path("here/ours"), "no policy file")
    ours.write_bytes(ours.read_bytes()[:-1])
    with pytest.raises(PolicyFileError, match=rf"{ours} is truncated"):
        files.load("ours")
    Path("ours").mkdir()  # a path that exists goes before a policy that ships
    refused(Path("ours"), "no policy file at ours/last.safetensors")


def test_missing(tmp_path: Path) -> None:
    refused(tmp_path / "no.safetensors", "no policy file")
    with pytest.raises(PolicyFileError, match=r"no policy file at .*last\.safetensors"):
        files.load(tmp_path)


def test_empty(path: Path) -> None:
    path.write_bytes(b"")
    refused(path, "empty")


def test_truncated_anywhere(path: Path) -> None:
    whole = path.read_bytes()
    header = 8 + struct.unpack("<Q", whole[:8])[0]
    for length in (1, 7, 8, 9, header // 2, header - 1, header, header + 1, len(whole) - 1):
        path.write_bytes(whole[:length])
        refused(path, "truncated" if length >= header else "not a policy file")
    path.write_bytes(whole + b"x")
    refused(path)


@pytest.mark.parametrize(
    "header",
    [
        b"[]",
        b"{}",
        b'"text"',
        b"null",
        b'{"__metadata__": []}',
        b'{"__metadata__": {"a": 1}}',
        b'{"__metadata__": {"chesspg": "{}"}}',
        b'{"__metadata__": {"chesspg": "{"}}',
        b'{"__metadata__": {"chesspg": "{}"}, "w": 3}',
        b"\xff\xfe",
    ],
)
def test_headers_that_are_none(path: Path, header: bytes) -> None:
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    refused(path)


def test_noise(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 8)
    refused(path, "not a policy file")


def test_safetensors_of_somebody_else(path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"weight": torch.zeros(3)}, path)
    refused(path, "not a policy file")


def test_another_game(path: Path) -> None:
    refused(path, "tic-tac-toe", "chess", game=Chess())
    files.save(path, Policy(Chess("atomic"), MLP(Chess("atomic"), hidden=(2,))))
    refused(path, "chess (atomic)", game=Chess())


def test_games_of_one_name_are_distinguished() -> None:
    class Mine(TicTacToe):
        pass

    class Sized(TicTacToe):
        init_args = {"rows": 4, "columns": 5}  # noqa: RUF012

    ours = "chesspg.games.tic_tac_toe.TicTacToe"
    assert files.distinguished(TicTacToe(), Chess()) == "tic-tac-toe"
    assert files.distinguished(TicTacToe(), Mine()) == f"tic-tac-toe of {ours}"
    assert files.distinguished(Sized(), Sized()) == "tic-tac-toe with rows 4, columns 5"
    assert files.distinguished(Sized(), Mine()).endswith("Sized with rows 4, columns 5")


def test_another_encoding_version(path: Path, policy: Policy) -> None:
    rewrite(path, policy, encoding_version=2)
    refused(path, "version 2", "version 1")


def test_sizes_that_do_not_fit(path: Path, policy: Policy) -> None:
    network = files.header_of(policy).network
    rewrite(path, policy, network=network | {"init_args": {"hidden": [5, 5], "value": True}})
    refused(path, "does not fit", "size mismatch")
    rewrite(path, policy, network=network | {"init_args": {"hidden": [5, 4]}})  # there are weights of a missing head
    refused(path, "does not fit", "value_head")
    rewrite(path, policy, network=network | {"init_args": {"hidden": [5, 4], "depth": 3}})
    refused(path, "depth")
    rewrite(path, policy, network=network | {"init_args": {"hidden": [-5]}})
    refused(path, "MLP")


class Bomb:
    """An object whose unpickling writes a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.target, "boom")


def test_a_pickle_with_code_in_it_is_not_run(tmp_path: Path, path: Path) -> None:
    target = tmp_path / "proof"
    bomb = pickle.dumps(Bomb(target))
    path.write_bytes(bomb)
    refused(path, "not a policy file")
    torch.save({"state_dict": Bomb(target)}, path)
    refused(path, "not a policy file")
    lone = tmp_path / "lone.ckpt"
    lone.write_bytes(bomb)
    refused(lone, "lone.ckpt is damaged or not a checkpoint")
    torch.save({files.HEADER: {}, "state_dict": Bomb(target)}, lone)
    refused(lone, "lone.ckpt is not a checkpoint of a policy")
    assert not target.exists()
    pickle.loads(bomb)  # proof that the payload works
    assert target.exists()


@pytest.mark.parametrize("class_path", ["os.system", "subprocess.Popen", "pathlib.Path.touch", "builtins.eval"])
@pytest.mark.parametrize("part", ["game", "network"])
def test_a_header_cannot_name_what_to_call(path: Path, policy: Policy, part: str, class_path: str) -> None:
    target = path.with_name("proof")
    arguments = {"os.system": {"command": f"touch {target}"}, "subprocess.Popen": {"args": ["touch", str(target)]},
                 "pathlib.Path.touch": {"self": str(target)}, "builtins.eval": {"source": "1"}}  # fmt: skip
    rewrite(path, policy, **{part: {"class_path": class_path, "init_args": arguments[class_path]}})
    refused(path, class_path)
    assert not target.exists()


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"class_path": 3, "init_args": {}},
        [],
        None,
        {"class_path": "nowhere.Net", "init_args": {}},
        {"class_path": "chesspg.games.tic_tac_toe.TicTacToe", "init_args": {"size": 4}},
        {"class_path": "chesspg.games.game.Game", "init_args": {}},
    ],
)
def test_what_cannot_be_built_is_named(path: Path, policy: Policy, spec: Any) -> None:
    rewrite(path, policy, game=spec)
    refused(path)


@pytest.mark.parametrize("temperature", [0, -1.0, "hot", None])
def test_a_temperature_that_is_none(path: Path, policy: Policy, temperature: Any) -> None:
    rewrite(path, policy, temperature=temperature)
    refused(path, "temperature")


def test_a_failing_write_leaves_the_old_file_and_nothing_else(path: Path) -> None:
    before = path.read_bytes()

    def fail(temporary: Path) -> None:
        temporary.write_bytes(b"half")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        atomic.write_atomically(path, fail)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_files_that_belong_together_are_all_written_or_none(tmp_path: Path) -> None:
    def fail(temporary: Path) -> None:
        temporary.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    a, b = tmp_path / "a", tmp_path / "b"
    a.write_bytes(b"old")
    for first, second in ((a, b), (b, a)):
        with pytest.raises(OSError, match=f"No space left on device: '{second}'"):
            atomic.write_together({first: lambda temporary: temporary.write_bytes(b"new"), second: fail})
        assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("a", b"old")]


def test_the_header_is_read_without_torch(path: Path) -> None:
    code = f"import sys; from chesspg.policy import files; files.header_game(files.read_header({str(path)!r}), ''); "
    code += "print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


def test_the_header_is_readable_json(path: Path) -> None:
    raw = path.read_bytes()
    header = json.loads(raw[8 : 8 + struct.unpack("<Q", raw[:8])[0]])
    assert json.loads(header["__metadata__"]["chesspg"])["facts"] == {"updates": 7}


# --- Damage ----------------------------------------------------------------------------------------------------------


def test_every_flipped_bit_is_found(path: Path, policy: Policy) -> None:
    """Every flip is found or harmless: if the name `sha256` itself is damaged, the rest is undamaged."""
    good = path.read_bytes()
    end = 8 + struct.unpack("<Q", good[:8])[0]
    for at in [*range(0, end, 3), *range(end, len(good), 7)]:
        damaged = bytearray(good)
        damaged[at] ^= 1 << at % 8
        path.write_bytes(damaged)
        try:
            header = files.read_header(path)
        except PolicyFileError as error:
            message = str(error)
        else:
            message = ""
            assert at < end
            assert header == files.header_of(policy, {"updates": 7})
            for name, tensor in policy.network.state_dict().items():
                assert torch.equal(files.load(path).network.state_dict()[name], tensor)
        assert not message or (str(path) in message and "\n" not in message)


@pytest.mark.slow
def test_equal_policies_are_equal_files(tmp_path: Path, path: Path, policy: Policy) -> None:
    """A ladder recognizes a policy by the content of its file."""
    code = "import sys; from chesspg.policy import files; files.write(sys.argv[1], *files.read(sys.argv[2]))"
    for seed in "01":  # the order of a set differs between processes
        copy = tmp_path / f"{seed}.safetensors"
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", code, str(copy), str(path)], check=True, env=environment)
        assert copy.read_bytes() == path.read_bytes()


def without_checksum(path: Path, policy: Policy) -> None:
    """Write the file as the first version of chesspg did."""
    tensors = {name: tensor.contiguous() for name, tensor in policy.network.state_dict().items()}
    fields = asdict(files.header_of(policy, {"updates": 7}))
    path.write_bytes(safetensors.torch.save(tensors, {"chesspg": json.dumps(fields)}))


def test_a_file_without_a_checksum_is_read(path: Path, policy: Policy) -> None:
    header, weights = files.read(path)
    without_checksum(path, policy)
    again, same = files.read(path)
    assert again == header
    assert all(torch.equal(same[name], tensor) for name, tensor in weights.items())


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("kind", [".safetensors", ".ckpt"])
def test_weights_that_are_not_finite(kind: str, number: float, path: Path, policy: Policy) -> None:
    with torch.no_grad():
        policy.network.get_parameter("policy_head.bias")[3] = number
    path = path.with_suffix(kind)
    if kind == ".ckpt":
        path.with_suffix(".safetensors").unlink()
        weights = {f"{files.NETWORK}{name}": tensor for name, tensor in policy.network.state_dict().items()}
        torch.save({files.HEADER: asdict(files.header_of(policy)), "state_dict": weights}, path)
    else:
        files.save(path, policy)
    refused(path, "not finite", "policy_head.bias")


@pytest.mark.parametrize("kind", [".safetensors", ".ckpt"])
def test_facts_that_json_does_not_have(kind: str, tmp_path: Path, policy: Policy) -> None:
    """A file of anybody's may have them, and what is written about it, as by ladder --json, must be JSON."""
    path, facts = tmp_path / f"a{kind}", {"score": float("nan"), "deep": [{"x": -float("inf")}], "updates": 7}
    if kind == ".ckpt":
        weights = {f"{files.NETWORK}{name}": tensor for name, tensor in policy.network.state_dict().items()}
        torch.save({files.HEADER: asdict(files.header_of(policy)) | {"facts": facts}, "state_dict": weights}, path)
    else:
        rewrite(path, policy, facts=facts)
    assert files.read_header(path).facts == {"score": "NaN", "deep": [{"x": "-Infinity"}], "updates": 7}
    assert files.header_of(policy, facts).facts == files.read_header(path).facts


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16, torch.int8, torch.int64, torch.bool])
def test_weights_of_another_dtype(dtype: torch.dtype, path: Path, policy: Policy) -> None:
    files.write(path, files.header_of(policy), {k: t.to(dtype) for k, t in policy.network.state_dict().items()})
    refused(path, "does not fit its network", str(dtype), "torch.float32")


SIZES: list[tuple[str, dict[str, Any]]] = [
    ("MLP", {"hidden": [10**9]}),
    ("MLP", {"hidden": [10**5, 10**5]}),
    ("MLP", {"hidden": [10**5, 10**5, 10**30]}),
    ("MLP", {"hidden": [1] * 100_000}),
    ("MLP", {"hidden": [2**62]}),
    ("MLP", {"hidden": [10**30]}),
    ("MLP", {"hidden": 10**9}),
    ("MLP", {"hidden": ["a"]}),
    ("MLP", {"hidden": {"a": 1}}),
    ("ResidualNet", {"channels": 10**7}),
    ("ResidualNet", {"channels": 10**30}),
    ("ResidualNet", {"blocks": 10**7}),
    ("ResidualNet", {"blocks": 10**30}),
    ("ResidualNet", {"channels": 10**5, "blocks": 10**5}),
    ("ResidualNet", {"channels": "many"}),
    ("ResidualNet", {"rank": 10**9}),
    ("ResidualNet", {"rank": 2.5}),
    ("BoardNet", {"channels": 10**7}),
    ("BoardNet", {"blocks": 10**30}),
    ("BoardNet", {"channels": 10**5, "blocks": 10**5}),
]


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize(("network", "sizes"), SIZES, ids=lambda value: str(value)[:40])
def test_sizes_take_no_memory_unless_the_weights_have_them(
    network: str, sizes: dict[str, Any], old: bool, tmp_path: Path
) -> None:
    """The process may take one gigabyte more than it has."""
    path = tmp_path / "p.safetensors"
    policy = Policy(Chess(), ResidualNet(Chess(), channels=2, blocks=1))
    spec = {"class_path": f"chesspg.policy.networks.{network}", "init_args": sizes}
    rewrite(path, policy, network=spec)
    limits = resource.getrlimit(resource.RLIMIT_AS)
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + (1 << 30), limits[1]))
    try:
        refused(path)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


@pytest.mark.parametrize(
    "temperature", ["NaN", "Infinity", "-Infinity", "1e400", "true", "1" + "0" * 400, '"1"', "[1]"]
)
def test_temperatures_that_json_can_write(temperature: str, path: Path, policy: Policy) -> None:
    fields = asdict(files.header_of(policy)) | {"temperature": "@"}
    text = json.dumps(fields).replace('"@"', temperature)
    path.write_bytes(safetensors.torch.save(dict(policy.network.state_dict()), {"chesspg": text}))
    refused(path, "temperature")


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw.replace(b'"data_offsets":[0,', b'"data_offsets":[0,1e400,'),
        lambda raw: raw.replace(b'"data_offsets":[0,', b'"data_offsets":[0,-5,'),
        lambda raw: raw.replace(b'"data_offsets":[0,', b'"data_offsets":[0,1.5,'),
        lambda raw: raw.replace(b'"data_offsets":[0,', b'"data_offsets":[0,' + b"9" * 5000 + b","),
        lambda raw: raw.replace(b'"dtype":"F32"', b'"dtype":"F99"'),
        lambda raw: raw.replace(b'"dtype":"F32"', b'"dtype":32'),
        lambda raw: raw.replace(b'"shape":[', b'"shape":[1000000000000,'),
        lambda raw: b"[" * 100_000,
        lambda raw: b'{"__metadata__":' * 100_000,
        lambda raw: raw.replace(b'{\\"game\\"', b"[" * 100_000 + b'{\\"game\\"'),
        lambda raw: raw.replace(b'\\"updates\\": 7', b'\\"updates\\": ' + b"[" * 600 + b"]" * 600),
        lambda raw: raw.replace(b"updates", rb"\\ud800"),
    ],
)
def test_hostile_headers_end_in_one_line(change: Any, path: Path, policy: Policy) -> None:
    without_checksum(path, policy)
    whole = path.read_bytes()
    end = 8 + struct.unpack("<Q", whole[:8])[0]
    raw = change(whole[8:end])
    assert raw != whole[8:end]
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + whole[end:])
    refused(path)


@pytest.mark.parametrize("length", [0, 1, 2**31, 2**32, 2**40, 2**63, 2**64 - 1])
def test_lengths_of_the_header(length: int, path: Path) -> None:
    path.write_bytes(struct.pack("<Q", length) + path.read_bytes()[8:])
    refused(path, "is not a policy file")


def test_a_file_of_more_than_any_policy_has(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(1 << 40)  # a hole, which takes no space on the disk
    refused(path, "a policy file must have at most")


def test_a_run_is_played_from_its_checkpoint_where_the_policy_file_is_lost(path: Path, policy: Policy) -> None:
    weights = {f"{files.NETWORK}{name}": tensor for name, tensor in policy.network.state_dict().items()}
    checkpoint = path.with_suffix(".ckpt")
    torch.save({files.HEADER: asdict(files.header_of(policy, {"updates": 8})), "state_dict": weights}, checkpoint)
    whole = path.read_bytes()
    for damaged in (b"", whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1]), None):
        path.write_bytes(damaged) if damaged is not None else path.unlink()
        for name in (path.parent, checkpoint):
            assert files.resolve(name) == checkpoint
            assert files.load(name).temperature == policy.temperature
            assert files.read_header(name).facts == {"updates": 8}
    path.write_bytes(whole)
    assert files.resolve(path.parent) == files.resolve(checkpoint) == path
    path.write_bytes(whole[:-1])
    checkpoint.write_bytes(b"hello")
    refused(path.parent, "last.safetensors is truncated")
    checkpoint.unlink()
    refused(path.parent, "last.safetensors is truncated")


def test_a_compiled_network_is_saved_as_itself(tmp_path: Path, policy: Policy) -> None:
    plain = policy.network
    policy.network = torch.compile(plain, backend="eager")  # type: ignore[assignment]
    path = tmp_path / "p.safetensors"
    files.save(path, policy)
    header, weights = files.read(path)
    assert header.network == files.describe(plain) == files.describe(policy.network)
    assert weights.keys() == plain.state_dict().keys()
    loaded = files.load(path)
    assert type(loaded.network) is MLP
    module = torch.nn.Module()
    module.policy = policy
    state = module.state_dict()
    assert any(files.COMPILED in name for name in state)
    torch.save({files.HEADER: asdict(files.header_of(policy)), "state_dict": state}, tmp_path / "a.ckpt")
    tensors = {name: tensor.contiguous() for name, tensor in policy.network.state_dict().items()}
    text = json.dumps(asdict(files.header_of(policy)))
    (tmp_path / "old.safetensors").write_bytes(safetensors.torch.save(tensors, {"chesspg": text}))
    for name in ("a.ckpt", "old.safetensors"):
        for key, tensor in files.load(tmp_path / name).network.state_dict().items():
            assert torch.equal(tensor, plain.state_dict()[key])
