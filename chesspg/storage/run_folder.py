"""Where run folders lie, and the names of the files in one."""

from __future__ import annotations

from pathlib import Path

RUNS = Path("checkpoints")  # parent directory of all run folders
METRICS, CONFIG, GAMES = "metrics.csv", "config.yaml", "games"
