"""Write the shipped policies of chess and the ONNX runtime as scripts of the learning page: `python web/policies.py`.

The page loads these scripts when a reader asks for them, from disk too, where a page can fetch no file. They are not
committed. A script that is newer than what it is made of is left as it is.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from chesspg import __version__
from chesspg.arena.ladder.shipped import shipped_ratings
from chesspg.games.chess import Chess
from chesspg.policy import files
from chesspg.policy.onnx import check_onnx, metadata, to_onnx
from chesspg.storage.atomic import write_text
from chesspg.storage.shipped import shipped_files
from chesspg.terminal.command import Parser, one_line_errors, run

WEB = Path(__file__).parent
RUNTIME = WEB / "node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm"
FOLDER = WEB.parent / "docs/learn/policies"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the scripts; returns the exit code."""
    parser = Parser("python web/policies.py", description=__doc__)
    parser.add_argument(
        "folder", metavar="FOLDER", type=Path, nargs="?", default=FOLDER,
        help="where to write them (default: docs/learn/policies)",
    )  # fmt: skip
    given = parser.parse_args(arguments)
    with one_line_errors():
        for path in write_scripts(given.folder, list(shipped_files("checkpoints", files.SUFFIX))):
            print(f"{path}  {path.stat().st_size:,} bytes")
    return 0


def write_scripts(folder: Path, names: Sequence[str], runtime: Path = RUNTIME) -> list[Path]:
    """Write index.js, runtime.js and one script for each policy of chess.

    Args:
        folder: Where to write them; it is created.
        names: The policies, by the names that they ship under. Those of other games are left out.
        runtime: The ONNX runtime as WebAssembly.

    Returns:
        The scripts.

    Raises:
        OSError: A file can't be read or written.
        ValueError: The runtime or a package of the extra `onnx` is missing, or a policy can't be exported.
    """
    check_onnx()
    if not runtime.is_file():
        raise ValueError(f"{runtime} is missing; `npm ci` in {WEB} installs it")
    folder.mkdir(parents=True, exist_ok=True)
    code = [Path(__file__), *Path(files.__file__).parent.rglob("*.py")]
    scripts = [_script(folder / "runtime.js", [runtime, Path(__file__)], runtime.read_bytes)]
    rows = []
    for name in names:
        path = files.resolve(name)
        policy, facts = files.load(path), files.read_header(path).facts
        if not isinstance(policy.game, Chess):
            continue
        about = metadata(policy, facts, __version__)
        scripts.append(_script(folder / f"{name}.js", [path, *code], lambda p=policy, a=about: to_onnx(p, a)[0]))
        row = {"rating": round(shipped_ratings()[name].rating), "temperature": policy.temperature}
        rows.append({"name": name, **row, "bytes": scripts[-1].stat().st_size})
    rows.sort(key=lambda row: row["rating"])
    index = folder / "index.js"
    write_text(index, f"globalThis.chesspgPolicies = {json.dumps(rows)};\n")
    return [*scripts, index]


def _script(path: Path, sources: Sequence[Path], content: Callable[[], bytes]) -> Path:
    """Write a script that holds a file, unless it is newer than all its sources."""
    if not path.exists() or path.stat().st_mtime < max(source.stat().st_mtime for source in sources):
        text = base64.b64encode(gzip.compress(content(), mtime=0)).decode()
        write_text(path, f'(globalThis.chesspgFiles ??= {{}})[{json.dumps(path.stem)}] = "{text}";\n')
    return path


if __name__ == "__main__":
    run(main)
