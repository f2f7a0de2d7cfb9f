"""`python -m chesspg.report`: what it refuses, and its page in a browser, on a phone and on a desk."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import browser
import chess
import pytest
import safetensors.torch
import torch

from chesspg.games.chess import Chess
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.pgn.writing import save_pgn, to_pgn
from chesspg.policy import files
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy
from chesspg.report import __main__ as report
from chesspg.report import page

PHONE, DESK = 360, 1200  # CSS pixels
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


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, recipe: str) -> Path:
    """Run folders: `small` as training writes it, `chess` with all that a page can show, `new` with nothing yet."""
    home = tmp_path_factory.mktemp("home")
    (home / "small.yaml").write_text(recipe)
    command = [sys.executable, "-m", "chesspg.train", "--config", "small.yaml", "--run", "small"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run(command, cwd=home, env=environment, check=True, capture_output=True)
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


@pytest.fixture(scope="module")
def pages(folders: Path) -> Path:
    """A folder of pages, by what is on them."""
    named = {"both": ["chess", "small"], "small": ["small"], "chess": ["chess"], "new": ["new"], "games": ["games.pgn"]}
    for name, paths in {**named, "mixed": ["games.pgn", "chess"]}.items():
        policy = ["--policy", str(folders / "chess")] if "games.pgn" in paths else []
        out = ["--out", str(folders / f"{name}.html")]
        assert report.main([*(str(folders / path) for path in paths), *policy, *out]) == 0
    return folders


@pytest.fixture(scope="module")
def tab() -> Iterator[browser.Browser]:
    if browser.PATH is None:
        pytest.skip("needs a browser: apt-get install chromium")
    tab = browser.Browser()
    yield tab
    tab.close()


@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("name", ["both", "small", "new", "games", "mixed"])
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
    assert charts == 0 if name in ("new", "games") else charts > (5 if name == "mixed" else 10)
    drawn = "[...document.querySelectorAll('figure svg')].every((svg) => svg.querySelector('polyline, polygon'))"
    assert tab.evaluate(drawn)
    assert not re.search(r"NaN|undefined|Infinity", tab.evaluate("document.querySelector('main').innerHTML"))
    unnamed = "(e) => !e.closest('[hidden], label') && !e.ariaLabel && !e.textContent"
    controls = "[...document.querySelectorAll('svg[role=img], button, input, select')]"
    assert tab.evaluate(f"{controls}.filter({unnamed}).length") == 0


def test_everything_begins_at_the_same_margin(pages: Path, tab: browser.Browser) -> None:
    tab.open(pages / "chess.html", DESK + 80)
    left = "(e) => e.getBoundingClientRect().left + parseFloat(getComputedStyle(e).paddingLeft)"
    places = "['#title', '#made', 'main', '#bar'].map((name) => document.querySelector(name))"
    assert tab.evaluate(f"{places}.map({left})") == [48] * 4


def test_how_games_end_fills_the_width(pages: Path, tab: browser.Browser) -> None:
    tab.open(pages / "chess.html", DESK + 80)
    box = "(e) => { const { left, right, top } = e.getBoundingClientRect(); return [left, right, top] }"
    first, second = tab.evaluate(f"[...document.querySelectorAll('#ends figure')].map({box})")
    assert first[0] == 48
    assert second[1] == DESK + 80 - 48
    assert first[2] == second[2]
    assert second[0] - first[1] < 20


def test_a_game_at_the_ply_cap_is_called_so(pages: Path, tab: browser.Browser) -> None:
    tab.open(pages / "chess.html", DESK)
    titles = tab.evaluate("[...document.querySelectorAll('#game option')].map((option) => option.textContent)")
    assert "short, stopped at the ply cap, 1 ply" in titles
    assert not any("*" in title or "unterminated" in title for title in titles)


def test_bounds_of_scores_stay_within_0_and_1(pages: Path, tab: browser.Browser) -> None:
    tab.open(pages / "chess.html", DESK)
    assert "0.60 (0.50–1.00)" in tab.evaluate("document.querySelector('#runs').textContent")
    assert "0.60 (0.50–1.00)" in tab.evaluate("document.querySelectorAll('#strength figure')[1].textContent")
    band = "document.querySelectorAll('#strength figure svg')[1].querySelector('.area').getBBox()"
    low, high = tab.evaluate(f"(({{y, height}}) => [y, y + height])({band})")
    assert low >= 0
    assert high <= 190


def test_what_a_negative_signal_to_noise_means_is_said(pages: Path, tab: browser.Browser) -> None:
    tab.open(pages / "chess.html", DESK)
    figures = tab.evaluate(
        "[...document.querySelectorAll('#learning > .grid figure')].map((figure) => figure.textContent)"
    )
    (text,) = (figure for figure in figures if "signal to noise" in figure)
    assert text == figures[-1]  # not the first thing one sees
    assert "Below 0, the updates of the rollout point against each other" in text
    assert "does not mean that nothing is learned" in text


def test_the_numbers_of_curves_are_those_of_the_strong_lines(pages: Path, tab: browser.Browser) -> None:
    """The length is 0, 1, …, 89, the average of the last rollouts that of 87, 88 and 89."""
    tab.open(pages / "chess.html", DESK)
    assert "the numbers called mean" in tab.evaluate("document.querySelector('#learning > p').textContent")
    length = "document.querySelector('#learning figure')"
    assert tab.evaluate(f"{length}.querySelector('.readout').textContent").strip() == "mean 88"
    tab.evaluate(f"{length}.querySelector('svg').focus()")
    tab.evaluate(f"{length}.querySelector('svg').dispatchEvent(new KeyboardEvent('keydown', {{ key: 'ArrowRight' }}))")
    assert "mean 88, this rollout 89" in tab.evaluate(f"{length}.querySelector('.readout').textContent")
    y = f"+{length}.querySelector('.dot').getAttribute('cy')"
    line = f"{length}.querySelector('.curve:not(.raw)').getAttribute('points').split(/[ ,]/).map(Number).at(-1)"
    assert tab.evaluate(y) == pytest.approx(tab.evaluate(line), abs=0.1)
    tab.open(pages / "small.html", DESK)  # a few rollouts, of which there is no average
    assert "mean" not in tab.evaluate(f"{length}.querySelector('.readout').textContent")


def test_how_games_end_does_not_speak_of_self_play(pages: Path, tab: browser.Browser) -> None:
    """A learner may have met others only."""
    tab.open(pages / "chess.html", DESK)
    assert tab.evaluate("document.querySelector('#ends h2').textContent") == "How the games of training end"
    assert "self-play" not in tab.evaluate("document.querySelector('main').innerText")


def test_a_picked_game_is_stepped_through_with_the_arrow_keys(pages: Path, tab: browser.Browser) -> None:
    """The keys would else go to the list, where they choose the next game."""
    for name, focus in (("games", "board"), ("small", "text")):
        tab.open(pages / f"{name}.html", DESK, fragment="#game=0&ply=0")
        tab.evaluate("$('game').focus()")
        tab.press("ArrowDown")  # picks the next in the list
        assert tab.evaluate("state.game") == 1
        assert tab.evaluate("document.activeElement.id") == focus
        before = tab.evaluate("state.ply")
        tab.press("ArrowLeft" if before else "ArrowRight")
        assert tab.evaluate("[state.game, state.ply]") == [1, before - 1 if before else 1]
        tab.evaluate("$('game').focus(); go({ ply: 0 })")  # as where the same game was picked again
        tab.press("ArrowRight")
        assert tab.evaluate("[state.game, state.ply, $('game').selectedIndex]") == [1, 1, 1]


def test_arrow_keys_step_without_any_focus_while_the_board_is_seen(pages: Path, tab: browser.Browser) -> None:
    tab.open(pages / "games.html", DESK, fragment="#game=0&ply=3")
    assert tab.evaluate("document.activeElement === document.body")
    for key, ply in (("ArrowRight", 4), ("ArrowLeft", 3), ("ArrowDown", 3)):
        tab.press(key)
        assert tab.evaluate("state.ply") == ply


def test_games_of_a_file(pages: Path, tab: browser.Browser) -> None:
    tab.open(pages / "games.html", DESK, fragment="#game=0&ply=0")
    assert tab.evaluate("document.title") == "games.pgn – chesspg report"
    card = tab.evaluate("document.querySelector('#runs').textContent")
    assert re.search(r"policy/\S+/chessnetworkMLP of .* parametersshown2 of 3 games \(1 can't be shown\)", card)
    assert "games.pgn, line 14 is left out: ply 2: e4 is illegal here" in card
    assert tab.evaluate("$('games').querySelector('h2').textContent") == "Games"
    assert tab.evaluate("$('who').textContent") == "one: A – B · 2024.05 · 1-0 (checkmate)"
    assert tab.evaluate(
        "[...document.querySelectorAll('.bar, #strength, #ends, #learning, #speed, #settings')].every((e) => e.hidden)"
    )
    assert tab.evaluate("document.querySelectorAll('#board .arrow').length") == 3
    assert tab.evaluate("document.querySelectorAll('#value polyline').length") == 1
    tab.press("End")
    tab.evaluate("go({ game: 1, ply: 2 })")
    assert tab.evaluate("$('who').textContent") == "C – ? · no result"
    assert "the end: no result." in tab.evaluate("$('where').textContent")
    tab.open(pages / "mixed.html", DESK)
    assert tab.evaluate("$('runs').children.length") == 2
    assert tab.evaluate("$('games').querySelector('h2').textContent") == "Sample games"
    assert tab.problems == []


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
    assert tab.evaluate(f"{rating}.textContent").startswith(
        "Rating by the evaluation matches, random moves = 0chess 300 (250–350)"
    )
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
    assert report.main([]) == 0
    assert report.main([]) == 0  # the page of before is replaced
    line = "wrote checkpoints/one/report.html (from checkpoints/one); open it in a browser\n"
    assert capsys.readouterr().out == 2 * line
    assert (tmp_path / "checkpoints" / "one" / "report.html").read_text().startswith("<!doctype html>")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoints"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ("no run under ./checkpoints", "chesspg.train")),
        (["nowhere"], ("there is no nowhere; expected a run folder or a PGN file",)),
        (["/dev/null"], ("/dev/null is neither a folder nor a file; expected",)),
        (["."], ("is not a run folder", "metrics.csv", "config.yaml")),
        (["HOME/small.yaml"], ("small.yaml has no games in it; report takes a run folder or a PGN file",)),
        (
            ["HOME/small/last.ckpt"],
            ("last.ckpt is a zip archive; report takes a run folder, here HOME/small, or a PGN",),
        ),
        (["HOME/small/last.safetensors"], ("is a policy file; report takes a run folder, here HOME/small, or a PGN",)),
        (["HOME/small/metrics.csv"], ("metrics.csv has no games in it; report takes a run folder, here HOME/small,",)),
        (["HOME/ours.safetensors"], ("ours.safetensors is a policy file; report takes a run folder or a PGN file",)),
        (["HOME/theirs.safetensors"], ("is a safetensors file; report takes a run folder or a PGN file",)),
        (["HOME/picture.png"], ("picture.png is an image; report takes a run folder or a PGN file",)),
        (
            ["HOME/games.pgn", "HOME/empty.pgn"],
            ("empty.pgn has no games in it; report takes a run folder or a PGN file",),
        ),
        (
            ["HOME/bad.pgn", "--policy", "HOME/chess", "--out", "page.html"],
            (
                "none of the 7 games in HOME/bad.pgn can be shown as a game of chess: "
                "line 1: ply 1: unknown move 'P-K4'; moves are written as in Nf3 or g1f3; line 3: ply 2: e4 is illegal",
                "; and 2 more",
            ),
        ),
        (["HOME/games.pgn", "--policy", "greedy"], ("'greedy' is a player without a policy",)),
        (["HOME/games.pgn", "--policy", "nobody"], ("unknown policy 'nobody'",)),
        (["HOME/games.pgn", "--policy", "HOME/chess?random=0.1"], ("must be a policy without random moves",)),
        (
            ["HOME/games.pgn", "--policy", "HOME/small", "--out", "page.html"],
            ("none of the 3 games in", "tic-tac-toe: line 1: chess instead"),
        ),
        (
            ["HOME/twice.pgn", "--out", "page.html"],
            (
                "no policy that plays nobody knows it, ",
                "name one with --policy, and with --import the module that defines the game",
            ),
        ),
        (["HOME/small", "--policy", "HOME/chess"], ("--policy", "no PGN file")),
        (["HOME/small", "--out", "HOME/games.pgn"], ("games.pgn exists and is not a page of chesspg", "--out")),
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
    home = str(folders)
    refused(
        report.main,
        [argument.replace("HOME", home) for argument in arguments],
        tuple(word.replace("HOME", home) for word in words),
    )
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
    assert report.main([str(folders / "new"), "--out", str(out)]) == 0
    old = out.read_text()
    monkeypatch.setattr(page.Path, "write_text", fail)
    with pytest.raises(SystemExit) as caught:
        report.main([str(folders / "new"), "--out", str(out)])
    assert caught.value.code == code
    assert out.read_text() == old
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize(
    ("named", "page"),
    [
        (["small"], "small/report.html"),
        (["games.pgn"], "games.html"),
        (["zipped.pgn.gz"], "zipped.html"),
        (["small", "games.pgn"], "report.html"),
        (["small", "new"], "report.html"),
    ],
)
def test_where_the_page_goes(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    named: list[str], page: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    for name in ("small", "new", "chess"):
        shutil.copytree(folders / name, tmp_path / name)
    shutil.copy(folders / "games.pgn", tmp_path)
    (tmp_path / "zipped.pgn.gz").write_bytes(gzip.compress((folders / "games.pgn").read_bytes()))
    policy = ["--policy", "chess"] if any("pgn" in name for name in named) else []
    assert report.main([*named, *policy]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"wrote {page} (from {', '.join(named)}); open it in a browser"
    (tmp_path / page).write_text("my notes")
    with pytest.raises(SystemExit) as caught:
        report.main([*named, *policy])
    assert caught.value.code == 2
    assert (tmp_path / page).read_text() == "my notes"


def test_games_that_are_left_out_are_named_and_counted(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(folders / "chess", tmp_path / "checkpoints" / "chess")
    shutil.copytree(folders / "small", tmp_path / "checkpoints" / "newer")
    os.utime(tmp_path / "checkpoints" / "chess" / "last.safetensors", (1000, 1000))
    shutil.copy(folders / "games.pgn", tmp_path)
    assert report.main(["games.pgn"]) == 0
    told = capsys.readouterr()
    assert told.err == "games.pgn, line 14 is left out: ply 2: e4 is illegal here\n"
    first, _ = told.out.splitlines()
    assert first.endswith("2 of 3 games (1 can't be shown), with the moves and values of checkpoints/chess "
                          "(the newest run of chess under ./checkpoints)")  # fmt: skip


def test_help_names_everything(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        report.main(["--help"])
    assert caught.value.code == 0
    told = capsys.readouterr().out
    for word in (
        "RUN",
        "GAMES.pgn",
        "--policy",
        "--out",
        "RUN/report.html",
        "GAMES.html",
        "./report.html",
        "replaced",
        "newest",
    ):
        assert word in told
