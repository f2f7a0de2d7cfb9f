"""Write the shipped policies of chess and the ONNX runtime as scripts of the learning page: `python web/policies.py`.

The page loads these scripts when a reader asks for them, from disk too, where a page can fetch no file. They are not
committed. A script that is newer than what it is made of is left as it is.
"""

from __future__ import annotations

import base64
import gzip
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

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
        write_scripts(given.folder)
    return 0


def write_scripts(folder: Path) -> None:
    """Write index.js, runtime.js and one script for each policy.

    Raises:
        OSError: A file can't be read or written.
        ValueError: The runtime or a package of the extra `onnx` is missing, or a policy can't be exported.
    """
    check_onnx()
    if not RUNTIME.is_file():
        raise ValueError(f"{RUNTIME} is missing; `npm ci` in {WEB} installs it")
    folder.mkdir(parents=True, exist_ok=True)
    sources = [Path(__file__), *Path(files.__file__).parent.rglob("*.py")]
    _script(folder / "runtime.js", [RUNTIME, Path(__file__)], RUNTIME.read_bytes)
    runtime = (folder / "runtime.js").stat().st_size
    rows = []
    for name, path in shipped_files("checkpoints", files.SUFFIX).items():
        if not isinstance(files.header_game(files.read_header(path), path), Chess):
            continue
        policy = files.load(path)
        about = metadata(policy, files.read_header(path).facts, __version__)
        _script(folder / f"{name}.js", [path, *sources], lambda p=policy, a=about: to_onnx(p, a)[0])  # type: ignore[misc]
        rating = shipped_ratings()[name]
        rows.append(
            {
                "name": name,
                "summary": _summary(path),
                **{field: round(number) for field, number in rating._asdict().items()},
                "parameters": sum(weight.numel() for weight in policy.network.parameters()),
                "temperature": policy.temperature,
                "bytes": (folder / f"{name}.js").stat().st_size,
                "runtime": runtime,
            }
        )
    rows.sort(key=lambda row: row["rating"])
    write_text(folder / "index.js", f"globalThis.chesspgPolicies = {json.dumps(rows, ensure_ascii=False)};\n")


def _script(path: Path, sources: Sequence[Path], content: Callable[[], bytes]) -> None:
    """Write a script that holds a file, unless it is newer than all its sources."""
    if not path.exists() or path.stat().st_mtime < max(source.stat().st_mtime for source in sources):
        text = base64.b64encode(gzip.compress(content(), mtime=0)).decode()
        write_text(path, f'(globalThis.chesspgFiles ??= {{}})[{json.dumps(path.stem)}] = "{text}";\n')
    print(f"{path}  {path.stat().st_size:,} bytes")


def _summary(path: Path) -> str:
    """The first paragraph of the card beside a policy, in one line."""
    paragraphs: list[Any] = path.with_suffix(".md").read_text(encoding="utf-8").split("\n\n")
    return " ".join(paragraphs[1].split())


if __name__ == "__main__":
    sys.path.append(str(WEB.parent))
    run(main)
