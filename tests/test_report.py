"""`python -m chesspg.report`: what it refuses, and its page in a browser, on a phone and on a desk."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import browser
import chess
import pytest
import torch

from chesspg import report
from chesspg.arena.records.pgn import save_pgn, to_pgn
from chesspg.arena.report import page
from chesspg.games.chess import Chess
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.policy import files
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy

PHONE, DESK = 360, 1200  # CSS pixels
# A castle, a capture in passing, a promotion and a mate.
GAME = (
    "e2e4 d7d5 e4e5 f7f5 e5f6 g8h6 g1f3 h6f7 f1c4 f7d6 e1g1 d6c4 f6g7 c4d6 g7h8q c8h3 f3e5 b8c6 d2d3 c6b4 e5g4 d8c8 "
    "h8f6 f8h6 d1e1 b7b5 e1e7"
)
HOSTILE = "</script><script>document.title='hacked'</script><img src=x onerror=\"document.title='hacked'\">"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, recipe: str) -> Path:
    """Run folders: `small` as training writes it, `chess` with all that a page can show, `new` with nothing yet."""
    home = tmp_path_factory.mktemp("home")
    (home / "small.yaml").write_text(recipe)
    command = [sys.executable, "-m", "chesspg.train", "--config", "small.yaml", "--run", "small"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    subprocess.run(command, cwd=home, env=environment, check=True, capture_output=True)
    chess_run = home / "chess"
    (chess_run / "games").mkdir(parents=True)
    (chess_run / "config.yaml").write_text(f"seed: 1\nhostile: {json.dumps(HOSTILE)}\n")
    columns = ["step", "epoch", "total_plies", "total_games", "total_seconds", "rating", "rating_low", "rating_high"]
    columns += ["score/random", "score_low/random", "score_high/random", "draws", "truncated", "seat_0_wins"]
    columns += ["seat_1_wins", "ended/checkmate", "ended/stalemate", "length", "gradient_signal_to_noise", "pool/size"]
    rows = [",".join(columns)]
    for i in range(90):
        evaluation = ["300", "250", "350", "0.6", "0.5", "0.7"] if i % 30 == 0 else [""] * 6
        rows.append(
            ",".join([f"{i},{i},{1000 * i},{10 * i},{60 * i}", *evaluation, f"0.5,0.1,0.2,0.2,0.4,0.5,{i},0.3,4"])
        )
    (chess_run / "metrics.csv").write_text("\n".join(rows) + "\n")
    pgn = [to_pgn(Chess(), f"startpos moves {GAME}", {"Event": HOSTILE, "White": "policy", "Black": HOSTILE})]
    save_pgn(chess_run / "games" / "against-random-000090.pgn", pgn)
    save_pgn(chess_run / "games" / "rollout-000000.pgn", [to_pgn(Chess(), "startpos moves e2e4", {"Event": "short"})])
    torch.manual_seed(0)
    files.save(chess_run / "last.safetensors", Policy(Chess(), MLP(Chess(), hidden=(8,), value=True)))
    (home / "new").mkdir()
    (home / "new" / "config.yaml").write_text("seed: 2\n")
    return home


@pytest.fixture(scope="module")
def pages(folders: Path) -> Path:
    """A folder of pages: `both`, `small`, `new`."""
    for name, runs in (("both", ["chess", "small"]), ("small", ["small"]), ("new", ["new"])):
        out = ["--out", str(folders / f"{name}.html")]
        assert report.main([*(str(folders / run) for run in runs), *out]) == 0
    return folders


@pytest.fixture(scope="module")
def tab() -> Iterator[browser.Browser]:
    if browser.PATH is None:
        pytest.skip("needs a browser: apt-get install chromium")
    tab = browser.Browser()
    yield tab
    tab.close()


@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("name", ["both", "small", "new"])
def test_it_renders_without_errors_and_fits(pages: Path, tab: browser.Browser, name: str, width: int) -> None:
    tab.open(pages / f"{name}.html", width, dark=width == PHONE)
    assert tab.problems == []
    assert tab.evaluate("innerWidth") == width
    tab.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true })")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.evaluate("document.title").endswith(" – chesspg report")
    assert "hacked" not in tab.evaluate("document.title")
    assert tab.evaluate("document.querySelectorAll('img').length") == 0
    charts = tab.evaluate("document.querySelectorAll('figure:not([hidden]) svg').length")
    assert charts > 10 if name != "new" else charts == 0
    drawn = "[...document.querySelectorAll('figure svg')].every((svg) => svg.querySelector('polyline, polygon'))"
    assert tab.evaluate(drawn)
    assert not re.search(r"NaN|undefined|Infinity", tab.evaluate("document.querySelector('main').innerHTML"))
    unnamed = "(e) => !e.closest('[hidden], label') && !e.ariaLabel && !e.textContent"
    controls = "[...document.querySelectorAll('svg[role=img], button, input, select')]"
    assert tab.evaluate(f"{controls}.filter({unnamed}).length") == 0


def board_of(tab: browser.Browser) -> str:
    """The board as it is drawn, as the first part of a FEN."""
    pieces = tab.evaluate(
        "[...document.querySelectorAll('#board use')].map((use) => [use.getAttribute('href').at(-1), "
        "+use.getAttribute('x'), +use.getAttribute('y')])"
    )
    board = chess.Board(None)
    for letter, x, y in pieces:
        board.set_piece_at(chess.square(x, 7 - y), chess.Piece.from_symbol(letter))
    return board.board_fen()


def test_stepping_through_a_game(pages: Path, tab: browser.Browser) -> None:
    tab.open(pages / "both.html", DESK, fragment="#game=0&ply=0")
    tab.evaluate("document.getElementById('board').focus()")
    board = chess.Board()
    assert board_of(tab) == board.board_fen()
    for text in GAME.split():
        arrows = tab.evaluate("document.querySelectorAll('#board .arrow').length")
        assert arrows == min(3, board.legal_moves.count())
        tab.press("ArrowRight")
        board.push_uci(text)
        assert board_of(tab) == board.board_fen()
    assert "the end: 1-0 (checkmate)" in tab.evaluate("document.getElementById('where').textContent")
    tab.press("ArrowRight")  # there is nowhere to go
    assert board_of(tab) == board.board_fen()
    tab.press("ArrowLeft")
    board.pop()
    assert board_of(tab) == board.board_fen()
    tab.evaluate("document.querySelector('[data-go=first]').click()")
    assert board_of(tab) == chess.Board().board_fen()
    tab.evaluate("document.querySelector('[data-go=key-on]').click()")
    assert tab.evaluate("state.ply === game().keys.find((ply) => ply > 0)")
    tab.evaluate("document.querySelectorAll('#moves button')[1].click()")
    assert tab.evaluate("location.hash") == "#clock=plies&game=0&ply=2"
    assert tab.problems == []


def test_a_tap_steps_on_a_phone(pages: Path, tab: browser.Browser) -> None:
    tab.open(pages / "both.html", PHONE, fragment="#game=0&ply=3")
    tab.evaluate("document.getElementById('board').scrollIntoView({block: 'center'})")
    left, top, width = tab.evaluate("(({left, top, width}) => [left, top, width])($('board').getBoundingClientRect())")
    for share, ply in ((0.9, 4), (0.1, 3), (0.1, 2)):
        place = {"x": left + share * width, "y": top + width / 2}
        tab.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=[place])
        tab.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        assert tab.evaluate("state.ply") == ply


def test_a_link_leads_to_a_position_and_a_clock(pages: Path, tab: browser.Browser) -> None:
    tab.open(pages / "both.html", DESK, fragment="#clock=seconds&game=0&ply=5")
    board = chess.Board()
    for text in GAME.split()[:5]:
        board.push_uci(text)
    assert board_of(tab) == board.board_fen()
    assert tab.evaluate("document.querySelector('[value=seconds]').checked")
    assert "minutes" in tab.evaluate("document.querySelector('#strength figure').textContent")
    for nonsense in ("#game=99&ply=-5&clock=x", "#game=x&ply=y", "#ply=1e9", "#%"):
        tab.open(pages / "both.html", DESK, fragment=nonsense)
        assert tab.problems == []


def test_another_game_is_shown_as_text(pages: Path, tab: browser.Browser) -> None:
    tab.open(pages / "small.html", PHONE, fragment="#game=0&ply=0")
    empty = TicTacToe().start(1).position(0)
    assert tab.evaluate("$('text').textContent") == TicTacToe().render(empty)
    tab.evaluate("document.querySelector('[data-go=on]').click()")
    move = tab.evaluate("game().names[0]")
    assert tab.evaluate("$('text').textContent") == TicTacToe().render(f"{empty} moves {move}")
    assert tab.evaluate("document.querySelectorAll('#likely li').length") == 3


def test_charts_tell_values_and_runs_can_be_hidden(pages: Path, tab: browser.Browser) -> None:
    tab.open(pages / "both.html", DESK)
    rating = "document.querySelector('#strength figure')"
    assert tab.evaluate(f"{rating}.textContent").startswith("Rating on the ladder, random moves = 0chess 300 (250–350)")
    tab.evaluate(f"{rating}.querySelector('svg').focus()")
    tab.press("ArrowLeft")
    assert "at 60 k" in tab.evaluate(f"{rating}.querySelector('.readout').textContent")
    assert "at 60 k" in tab.evaluate(f"{rating}.querySelector('svg').ariaLabel")
    shown = tab.evaluate("document.querySelectorAll('#ends figure:not([hidden])').length")
    tab.evaluate("document.querySelector('#bar [type=checkbox]').click()")
    assert tab.evaluate("document.querySelectorAll('#ends figure:not([hidden])').length") == shown - 2
    assert tab.evaluate(
        "[...document.querySelectorAll('#settings th')].map((cell) => cell.textContent).includes('seed')"
    )
    assert "pool/size" in tab.evaluate("document.querySelector('#learning details').textContent")
    assert tab.problems == []


def test_the_newest_run_if_none_is_named(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "one").symlink_to(folders / "small")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "report.html").write_text("old")
    assert report.main([]) == 0
    assert capsys.readouterr().out == "report.html: checkpoints/one; open it in a browser\n"
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoints", "report.html"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ("no run under checkpoints", "chesspg.train")),
        (["nowhere"], ("nowhere is no folder",)),
        (["."], ("is no run folder", "metrics.csv", "config.yaml")),
        (["HOME/small.yaml"], ("small.yaml is no folder",)),
        (["HOME/small", "--out", "nowhere/page.html"], ("no folder nowhere",)),
        (["HOME/small", "--out", "."], ("is a folder",)),
        (["HOME/small", "--out", "/proc/page.html"], ("can't be written",)),
        (["HOME/small", "--page"], ("--page", "--help")),
    ],
)
def test_bad_input_is_one_line_and_exit_code_two(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Callable[..., None],
    arguments: list[str], words: tuple[str, ...],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    refused(report.main, [argument.replace("HOME", str(folders)) for argument in arguments], words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "code"), [(OSError(28, "No space left on device", "page"), 2), (KeyboardInterrupt(), 130)]
)
def test_what_is_there_stays_if_the_page_fails(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    def fail(path: Path, text: str, **options: str) -> None:
        with path.open("w") as file:
            file.write(text[:100])
        raise error

    out = tmp_path / "page.html"
    out.write_text("old")
    monkeypatch.setattr(page.Path, "write_text", fail)
    with pytest.raises(SystemExit) as caught:
        report.main([str(folders / "new"), "--out", str(out)])
    assert caught.value.code == code
    assert out.read_text() == "old"
    assert list(tmp_path.iterdir()) == [out]


def test_help_names_everything(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        report.main(["--help"])
    assert caught.value.code == 0
    told = capsys.readouterr().out
    for word in ("RUN", "--out", "report.html", "replaced", "newest"):
        assert word in told
