"""The model card of an exported policy, in the format of the Hugging Face hub: a YAML header, then Markdown.

The header follows https://huggingface.co/docs/hub/model-cards; `model-index` has the rating, if it is known.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from chesspg.storage.parsing import one_line

LONGEST = 500  # characters of a value in a line or in a cell of a table
# The last line of a card, with the checksum of everything above it. Only a card that nobody has edited is replaced.
_MARK = "<!-- Written by chesspg export; sha256 of the lines above: {} -->\n"


def card(
    name: str,
    about: Mapping[str, Any],
    *,
    parameters: int,
    value: bool,
    rating: Mapping[str, Any] | None,
    notes: str,
    configuration: str,
) -> str:
    """The text of a card.

    Args:
        name: The name of the ONNX file, without its folder.
        about: The metadata of the file, see `chesspg.policy.onnx.metadata`.
        parameters: The number of weights.
        value: Whether the file has a value.
        rating: Its row on a ladder with `scale` and `anchor` of that ladder, or None.
        notes: What somebody wrote about the policy, as Markdown; may be empty.
        configuration: The YAML of the run that trained it; may be empty.

    Returns:
        The card. Texts from the policy file appear in it as code, never as markup.
    """
    title = name.removesuffix(".onnx")
    game = about["game"]
    header: dict[str, Any] = {
        "license": _license(notes),
        "library_name": "onnx",
        "pipeline_tag": "reinforcement-learning",
        "tags": ["chesspg", "reinforcement-learning", "policy-gradient", game],
    }
    if rating:
        header["model-index"] = [{"name": title, "results": [_result(game, rating)]}]
    parts = [
        f"---\n{yaml.safe_dump(header, sort_keys=False, allow_unicode=True)}---",
        f"# {_plain(title)}",
        f"A policy for the game {_code(game)}, trained by policy gradients with chesspg and exported to ONNX by its "
        f"version {about['chesspg']}. It chooses a move by one evaluation of its network, without search.",
        *_rating(rating),
        "## Training",
        _training(about["policy"], parameters),
        *([_below(notes)] if notes else []),
        *([f"The configuration of the run:\n\n{_block(configuration, 'yaml')}"] if configuration else []),
        "## Use",
        _use(name, about, value),
    ]
    text = "\n\n".join(parts) + "\n\n"
    return text + _MARK.format(_digest(text))


def is_card(path: Path) -> bool:
    """Whether a file is a card that was written by `card` and not edited since."""
    try:
        text = path.read_text(encoding="utf-8")
    except ValueError:
        return False
    above, last = text[: text.rfind("<!-- ")], text[text.rfind("<!-- ") :]
    return last == _MARK.format(_digest(above))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _result(game: str, rating: Mapping[str, Any]) -> dict[str, Any]:
    """The rating as a result of `model-index`."""
    scale = _scale(rating)
    interval = f"{rating['low']:.0f} to {rating['high']:.0f}"
    return {
        "task": {"type": "reinforcement-learning", "name": game},
        "dataset": {"type": "games", "name": f"games against the players of a ladder, {scale}"},
        "metrics": [
            {"type": "elo", "name": f"Elo (95% interval {interval})", "value": round(rating["rating"])},
        ],
    }


def _scale(rating: Mapping[str, Any]) -> str:
    anchor = "random moves have" if rating["anchor"] == "random" else f"{_code(rating['anchor'])} has"
    return f"on which {anchor} 0 Elo"


def _rating(rating: Mapping[str, Any] | None) -> list[str]:
    if rating is None:
        return []
    against = rating["against"]
    opponents = ", ".join(f"{_code(player)} ({games:,})" for player, games in against.items())
    return [
        "## Rating",
        f"{rating['rating']:.0f} Elo, with a 95% interval of {rating['low']:.0f} to {rating['high']:.0f}, on a scale "
        f"{_scale(rating)}. It follows from {rating['games']:,} games{f' against {opponents}' if against else ''}. The "
        "interval is the sampling error of these games; against other opponents the rating may differ by more.",
    ]


def _training(policy: Mapping[str, Any], parameters: int) -> str:
    rows = [  # pairs, because a game, a network and the facts may use the same names
        ("game", policy["game"]["class_path"]),
        *policy["game"]["init_args"].items(),
        ("network", policy["network"]["class_path"]),
        *policy["network"]["init_args"].items(),
        ("parameters", parameters),
        ("temperature", policy["temperature"]),
        *policy["facts"].items(),
    ]
    return "\n".join(["| | |", "|---|---|", *(f"| {_plain(key)} | {_code(value)} |" for key, value in rows)])


def _use(name: str, about: Mapping[str, Any], value: bool) -> str:
    rows, columns = about["board"]
    planes, scalars = about["planes"], about["scalars"]
    counters = f'scalars = np.zeros((1, {len(scalars)}), np.float32)  # one number for each of about["scalars"]\n'
    results = "logits, value" if value else "[logits]"
    inputs = ", ".join(f'"{part}": {part}' for part in ("planes", *(["scalars"] if scalars else []), "legal"))
    code = f"""\
import json
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession({json.dumps(name)})
about = json.loads(session.get_modelmeta().custom_metadata_map["chesspg"])
planes = np.zeros((1, {len(planes)}, {rows}, {columns}), np.float32)  # about["planes"] has their names
{counters if scalars else ""}\
legal = np.array([[...]], np.int32)  # the numbers of the legal moves; about["actions"] has the name of each number
{results} = session.run(None, {{{inputs}}})
odds = np.exp(logits[0] - logits[0].max())
probabilities = odds / odds.sum()"""
    lines = [
        "The file needs neither chesspg nor torch, only a runtime for ONNX, such as `pip install onnxruntime`:",
        _block(code, "python"),
        f"* `planes`, float32 [N, {len(planes)}, {rows}, {columns}]: 1 where a plane has the square and 0 elsewhere, "
        f"row 1 first. The planes are {', '.join(map(_code, planes))}.",
    ]
    if scalars:
        counted = ", ".join(f"{_code(one)} (at most {most})" for one, most in scalars.items())
        lines.append(f"* `scalars`, float32 [N, {len(scalars)}]: {counted}.")
    lines += [
        "* `legal`, int32 [N, M]: the numbers of the legal moves, −1 after the last one of a position.",
        "* `logits`, float32 [N, M]: one for each legal move, in the order of `legal`; no meaning where it has −1.",
        *(["* `value`, float32 [N]: the result that the mover can expect, from −1 to 1."] if value else []),
        f"* {_plain(about['view'])}",
    ]
    return "\n".join([lines[0], "", lines[1], "", *lines[2:]])


def _license(notes: str) -> str:
    """The license that the notes name in a table, as the hub writes it."""
    found = re.search(r"^\| license \| ([\w.-]+) *\|", notes, re.MULTILINE)
    return found[1].lower().removesuffix("-or-later").removesuffix("-only") if found else "unknown"


def _below(notes: str) -> str:
    """The notes without their title."""
    return re.sub(r"\A# .*\n+", "", notes.strip())


def _block(text: str, language: str) -> str:
    """A block of code, with a fence that the text does not have."""
    fence = "`" * max(3, *(1 + len(run) for run in re.findall("`+", text)), 0)
    return f"{fence}{language}\n{text.strip()}\n{fence}"


def _code(value: Any) -> str:
    """A value as code in a line or in a cell of a table, which nothing in it can end."""
    text = one_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    short = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    return f"`{short.replace('`', chr(39)).replace('|', '¦')}`"


def _plain(text: str) -> str:
    """A text without characters that Markdown or HTML would interpret."""
    return re.sub(r"([\\`*_{}\[\]<>#|])", r"\\\1", one_line(text))
