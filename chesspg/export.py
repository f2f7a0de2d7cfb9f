"""`python -m chesspg.export POLICY --onnx FILE`: write a policy for programs that have neither chesspg nor torch."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chesspg import __version__
from chesspg.arena.ladder.entries import policy_key
from chesspg.arena.ladder.newcomers import is_player_row
from chesspg.arena.ladder.shipped import shipped_table
from chesspg.arena.ladder.standings import is_ladder
from chesspg.policy import files
from chesspg.policy.card import card, is_card
from chesspg.storage.atomic import write_together
from chesspg.storage.outputs import Output, check_outputs
from chesspg.storage.parsing import BYTES, parse_json
from chesspg.storage.run_folder import CONFIG, check_no_link
from chesspg.terminal.command import Parser, one_line_errors, polite_interrupt, run, waiting

POSITIONS = 1000
DESCRIPTION = f"""\
Write a policy as an ONNX file, which programs without chesspg and without torch can use, and a model card beside it in
the format of the Hugging Face hub. Nothing is uploaded. docs/export.md describes the inputs, the outputs and the list
of moves, which are also in the metadata of the file.

Before anything is written, the file is compared with torch on {POSITIONS:,} positions of random games.

Files that this command wrote are replaced; a card that was edited, or any other file, is not.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the ONNX file and its card; returns the exit code."""
    given = _parser().parse_args(arguments)
    with polite_interrupt("interrupted: nothing written"), one_line_errors():
        path, card_path = _check(given)
        rating = rating_of(path, given.ratings)
        notes, configuration = _beside(path, f"{path.stem}.md"), _beside(path, CONFIG)
        with waiting("exporting …"):
            from chesspg.policy.onnx import metadata, to_onnx  # imports torch; the mistakes above come first

            policy, facts = files.load(path), files.read_header(path).facts
            about = metadata(policy, facts, __version__)
            whole, difference = to_onnx(policy, about, POSITIONS)
            parameters = sum(weight.numel() for weight in policy.network.parameters())
        text = card(
            given.onnx.name,
            about,
            parameters=parameters,
            value=policy.network.value,
            rating=rating,
            notes=notes,
            configuration=configuration,
        )
        write_together(
            {
                given.onnx: lambda temporary: temporary.write_bytes(whole),
                card_path: lambda temporary: temporary.write_text(text, encoding="utf-8"),
            }
        )
    print(f"wrote {given.onnx}, {len(whole):,} bytes: {policy.game.name}, {parameters:,} parameters")
    print(f"largest difference from torch on {POSITIONS:,} positions: {difference:.1g}")
    print(f"wrote {card_path}, its model card{'' if rating else ', without a rating: chesspg ladder measures one'}")
    if "\nlicense: unknown\n" in text:
        print("the card has the license `unknown`; replace it with yours before you publish it")
    return 0


def _check(given: argparse.Namespace) -> tuple[Path, Path]:
    """The policy file and the path of the card. Raises OSError or ValueError for anything that can't be done."""
    if given.onnx.suffix != ".onnx" or not given.onnx.name.isprintable():  # the card has the name
        raise ValueError(f"--onnx must be a file name of printable characters that ends with .onnx, got {given.onnx}")
    path = files.resolve(given.policy)
    files.read_header(path)
    if given.ratings and not (given.ratings.is_file() and is_ladder(given.ratings)):
        raise ValueError(f"--ratings {given.ratings} is not a file that chesspg ladder wrote with --json")
    from chesspg.policy.onnx import check_onnx, is_exported

    check_onnx()
    card_path = given.onnx.with_suffix(".md")
    outputs = [Output("--onnx", given.onnx, is_exported), Output("--onnx", card_path, is_card)]
    check_outputs(outputs, {"the policy": path, "--ratings": given.ratings})
    return path, card_path


def rating_of(path: Path, ladder: Path | None) -> dict[str, Any] | None:
    """The row of a policy file on a ladder, or on the ladder that ships; None if it is not rated there.

    Raises:
        ValueError: The policy is not on the ladder that was given, or that is damaged.
    """
    table = parse_json(ladder.read_text(encoding="utf-8")) if ladder else shipped_table()
    key = policy_key(path)
    try:
        rows = [row for row in table.get("players", []) if row["key"] == key and row["rating"] is not None]
        sound = all(map(is_player_row, rows)) and isinstance(table.get("anchor", ""), str)
    except (LookupError, TypeError):
        sound = False
    if not sound:
        raise ValueError(f"--ratings {ladder} is damaged; chesspg ladder writes such a file with --json")
    if rows:
        return {"anchor": table["anchor"], **rows[0]}
    if ladder:
        raise ValueError(
            f"--ratings {ladder} has no rating of {path}; chesspg ladder {path} random --json FILE measures one"
        )
    return None


def _beside(path: Path, name: str) -> str:
    """The text of a file in the folder of a policy file; empty if there is none, or if it is an exported card.

    Raises:
        OSError: It can't be read.
        ValueError: It is a symbolic link or is not a text for a card.
    """
    beside = path.with_name(name)
    check_no_link(beside)
    if not beside.is_file():
        return ""
    with beside.open("rb") as file:
        content = file.read(BYTES + 1)
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\0"
    if re.search(r"[\0-\x08\x0b-\x1f\x7f]", text.replace("\r\n", "\n")) or len(content) > BYTES:
        raise ValueError(f"{beside}, which the card would have, must be a text in UTF-8 of at most {BYTES:,} bytes")
    return "" if is_card(beside) else text


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python -m chesspg.export", description=DESCRIPTION)
    parser.add_argument(
        "policy", metavar="POLICY",
        help="a policy file, .ckpt, run folder or the bare name of a policy that ships",
    )  # fmt: skip
    parser.add_argument(
        "--onnx", metavar="FILE", type=Path, required=True,
        help="the file to write, which ends with .onnx; the card is beside it and ends with .md",
    )  # fmt: skip
    parser.add_argument(
        "--ratings", metavar="LADDER", type=Path,
        help="a file that `ladder --json` wrote, from which the card takes the rating (default: the ladder that ships)",
    )  # fmt: skip
    return parser


if __name__ == "__main__":
    run(main)
