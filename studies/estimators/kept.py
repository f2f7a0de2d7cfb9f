"""Results that take minutes, kept as JSON so that a command that was stopped goes on.

A cache of a library, such as joblib's, keys by code and arguments and pickles; here the settings are readable.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from chesspg.storage.atomic import write_text


def kept(path: Path, settings: Mapping[str, Any], make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The result in the file at `path` if it has these settings, else that of `make`, which is written there."""
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
        if whole["settings"] == settings:
            result: dict[str, Any] = whole["result"]
            return result
    except (OSError, ValueError, KeyError, TypeError):
        pass  # there is none, or none that is whole
    result = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"settings": settings, "result": result}, indent=1) + "\n"
    write_text(path, text)
    return result
