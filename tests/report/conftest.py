"""Runs and files of games that a report is made of."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import safetensors.torch
import torch
from preloaded import python

from chesspg.games.chess import Chess
from chesspg.pgn.writing import save_pgn, to_pgn
from chesspg.policy import files
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy

# A castle, a capture in passing, a promotion and a mate.
GAME = (
    "e2e4 d7d5 e4e5 f7f5 e5f6 g8h6 g1f3 h6f7 f1c4 f7d6 e1g1 d6c4 f6g7 c4d6 g7h8q c8h3 f3e5 b8c6 d2d3 c6b4 e5g4 d8c8 "
    "h8f6 f8h6 d1e1 b7b5 e1e7"
)


GAMES = [
    to_pgn(Chess(), f"startpos moves {GAME}", {"Event": "one", "White": "A", "Black": "B", "Date": "2024.05.??"}),
    '[Event "broken"]\n\n1. e4 e4 1-0',
    to_pgn(Chess(), "startpos moves e2e4 e7e5", {"White": "C"}),
]


HOSTILE = "</script><script>document.title='hacked'</script><img src=x onerror=\"document.title='hacked'\">"


@pytest.fixture(scope="session")
def moves() -> str:
    """The moves of the game in the run `chess` and in the file `games.pgn`."""
    return GAME


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory, recipe: str) -> Path:
    """Run folders: `small` as written by training, `chess` with everything that a page can show, and an empty `new`."""
    home = tmp_path_factory.mktemp("home")
    (home / "small.yaml").write_text(recipe)
    assert not python(home, "-m", "chesspg.train", "--config", "small.yaml", "--run", "small").returncode
    chess_run = home / "chess"
    (chess_run / "games").mkdir(parents=True)
    (chess_run / "config.yaml").write_text(f"seed: 1\nhostile: {json.dumps(HOSTILE)}\n")
    columns = ["step", "epoch", "total_plies", "total_games", "total_seconds", "rating", "rating_low", "rating_high"]
    columns += ["score/random", "score_low/random", "score_high/random", "draws", "truncated", "seat_0_wins"]
    columns += ["seat_1_wins", "ended/checkmate", "ended/stalemate", "length", "gradient_signal_to_noise", "pool/size"]
    rows = [",".join(columns)]
    for i in range(90):
        evaluation = ["300", "250", "350", "0.6", "0.5", "1.26"] if i % 30 == 0 else [""] * 6
        rows.append(
            ",".join([f"{i},{i},{1000 * i},{10 * i},{60 * i}", *evaluation, f"0.5,0.1,0.2,0.2,0.4,0.5,{i},0.3,4"])
        )
    (chess_run / "metrics.csv").write_text("\n".join(rows) + "\n")
    pgn = [to_pgn(Chess(), f"startpos moves {GAME}", {"Event": HOSTILE, "White": "policy", "Black": HOSTILE})]
    save_pgn(chess_run / "games" / "against-random-000090.pgn", pgn)
    save_pgn(chess_run / "games" / "rollout-000000.pgn", [to_pgn(Chess(), "startpos moves e2e4", {"Event": "short"})])
    torch.manual_seed(0)
    files.save(chess_run / "last.safetensors", Policy(Chess(), MLP(Chess(), hidden=(8,), value=True)))
    save_pgn(home / "games.pgn", GAMES)
    (home / "twice.pgn").write_text('[Event "a"]\n[Variant "nobody knows it"]\n\n1. b2 *\n')
    (home / "bad.pgn").write_text("1. P-K4 *\n\n" + '[Event "b"]\n\n1. e4 e4 1-0\n\n' * 6)
    (home / "empty.pgn").touch()
    (home / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    shutil.copy(chess_run / "last.safetensors", home / "ours.safetensors")
    safetensors.torch.save_file({"a": torch.zeros(1)}, home / "theirs.safetensors")
    (home / "new").mkdir()
    (home / "new" / "config.yaml").write_text("seed: 2\n")
    return home
