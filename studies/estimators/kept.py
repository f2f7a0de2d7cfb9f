"""A cache as JSON for results that take minutes, so that a command that was stopped can continue.

The cache of a library such as joblib uses code and arguments as its key, and pickles; here the settings are readable.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from chesspg.storage.atomic import write_text


def kept(path: Path, settings: Mapping[str, Any], make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The result in a file if the file has these settings, otherwise a new result, which is written there.

    Args:
        path: The file.
        settings: Everything that the result depends on, as JSON can hold it.
        make: Computes the result.
    """
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
        if whole["settings"] == settings:
            result: dict[str, Any] = whole["result"]
            return result
    except (OSError, ValueError, KeyError, TypeError):
        pass  # there is no such file, or it is damaged
    result = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"settings": settings, "result": result}, indent=1) + "\n"
    write_text(path, text)
    return result
