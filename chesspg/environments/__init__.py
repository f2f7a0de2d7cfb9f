"""Every game as an environment of PettingZoo and of Gymnasium. Both packages are optional: the extra `environments`."""

from __future__ import annotations

from importlib.util import find_spec

for _name, _needed in {"gymnasium": "gymnasium>=1.1", "pettingzoo": "pettingzoo>=1.25"}.items():
    if find_spec(_name) is None:
        raise ModuleNotFoundError(
            f"chesspg.environments needs {_name}, which is not installed: pip install '{_needed}'", name=_name
        )
