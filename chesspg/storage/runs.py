"""Where run folders lie, and the names of what is in one."""

from __future__ import annotations

from pathlib import Path

RUNS = Path("checkpoints")  # under which training makes a folder a run
METRICS, CONFIG, GAMES = "metrics.csv", "config.yaml", "games"
