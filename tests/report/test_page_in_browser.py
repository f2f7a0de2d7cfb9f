"""The page of a report in a browser, on a phone and on a desktop."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import chess
import pytest
from others import ConnectFour, Forced, Hex

from chesspg.games.game import EMPTY, STONES, draw_board
from chesspg.pgn.writing import save_pgn, to_pgn
from chesspg.policy import files
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy
from chesspg.report import __main__ as report
from chesspg.report.collection import read_collection
from chesspg.report.page import write_page

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Request

PHONE, DESK = 360, 1200  # CSS pixels


@pytest.fixture(scope="module")
def pages(folders: Path) -> Path:
    """A folder of pages, named after their content."""
    named = {"both": ["chess", "small"], "small": ["small"], "chess": ["chess"], "new": ["new"], "games": ["games.pgn"]}
    for name, paths in {**named, "mixed": ["games.pgn", "chess"]}.items():
        policy = ["--policy", str(folders / "chess")] if "games.pgn" in paths else []
        out = ["--out", str(folders / f"{name}.html")]
        assert report.main([*(str(folders / path) for path in paths), *policy, *out]) == 0
    return folders


class Tab:
    """A tab of Chromium. `problems` collects errors, console messages and requests for anything but files."""

    def __init__(self, chromium: Browser) -> None:
        self.chromium = chromium
        self.problems: list[str] = []

    def open(self, page: Path, width: int, fragment: str = "", *, dark: bool = False) -> None:
        """Show a file on a screen of this width in CSS pixels; a narrow screen is a phone's."""
        for context in self.chromium.contexts:
            context.close()
        phone = width < 600
        context = self.chromium.new_context(
            viewport={"width": width, "height": 900},
            is_mobile=phone,
            has_touch=phone,
            color_scheme="dark" if dark else "light",
        )
        self.page = context.new_page()
        self.page.on("console", lambda message: self.problems.append(message.text))
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("request", self.note)
        self.page.goto(page.resolve().as_uri() + fragment)

    def note(self, request: Request) -> None:
        if not request.url.startswith(("file:", "about:")):
            self.problems.append(request.url)

    def evaluate(self, script: str) -> Any:
        """The value of a line of JavaScript in the page."""
        return self.page.evaluate(script)

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)


@pytest.fixture(scope="module")
def tab(chromium: Browser) -> Tab:
    return Tab(chromium)


@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("name", ["both", "small", "new", "games", "mixed"])
def test_it_renders_without_errors_and_fits(pages: Path, tab: Tab, name: str, width: int) -> None:
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


def test_everything_begins_at_the_same_margin(pages: Path, tab: Tab) -> None:
    tab.open(pages / "chess.html", DESK + 80)
    left = "(e) => e.getBoundingClientRect().left + parseFloat(getComputedStyle(e).paddingLeft)"
    places = "['#title', '#made', 'main', '#bar'].map((name) => document.querySelector(name))"
    assert tab.evaluate(f"{places}.map({left})") == [48] * 4


def test_how_games_end_fills_the_width(pages: Path, tab: Tab) -> None:
    tab.open(pages / "chess.html", DESK + 80)
    box = "(e) => { const { left, right, top } = e.getBoundingClientRect(); return [left, right, top] }"
    first, second = tab.evaluate(f"[...document.querySelectorAll('#ends figure')].map({box})")
    assert first[0] == 48
    assert second[1] == DESK + 80 - 48
    assert first[2] == second[2]
    assert second[0] - first[1] < 20


def test_a_game_at_the_ply_cap_is_called_so(pages: Path, tab: Tab) -> None:
    tab.open(pages / "chess.html", DESK)
    titles = tab.evaluate("[...document.querySelectorAll('#game option')].map((option) => option.textContent)")
    assert "short, stopped at the ply cap, 1 ply" in titles
    assert not any("*" in title or "unterminated" in title for title in titles)


def test_bounds_of_scores_stay_within_0_and_1(pages: Path, tab: Tab) -> None:
    tab.open(pages / "chess.html", DESK)
    assert "0.60 (0.50–1.00)" in tab.evaluate("document.querySelector('#runs').textContent")
    assert "0.60 (0.50–1.00)" in tab.evaluate("document.querySelectorAll('#strength figure')[1].textContent")
    band = "document.querySelectorAll('#strength figure svg')[1].querySelector('.area').getBBox()"
    low, high = tab.evaluate(f"(({{y, height}}) => [y, y + height])({band})")
    assert low >= 0
    assert high <= 190


def test_what_a_negative_signal_to_noise_means_is_said(pages: Path, tab: Tab) -> None:
    tab.open(pages / "chess.html", DESK)
    figures = tab.evaluate(
        "[...document.querySelectorAll('#learning > .grid figure')].map((figure) => figure.textContent)"
    )
    (text,) = (figure for figure in figures if "signal to noise" in figure)
    assert text == figures[-1]  # not the first figure
    assert "Below 0, the gradients of a rollout's updates point against each other" in text
    assert "does not mean that nothing is learned" in text


def test_the_numbers_of_curves_are_those_of_the_strong_lines(pages: Path, tab: Tab) -> None:
    """The length is 0, 1, …, 89; the last average is that of 87, 88 and 89."""
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
    tab.open(pages / "small.html", DESK)  # a few rollouts, too few for an average
    assert "mean" not in tab.evaluate(f"{length}.querySelector('.readout').textContent")


def test_how_games_end_does_not_speak_of_self_play(pages: Path, tab: Tab) -> None:
    """A learner may have had only other opponents."""
    tab.open(pages / "chess.html", DESK)
    assert tab.evaluate("document.querySelector('#ends h2').textContent") == "How the games of training end"
    assert "self-play" not in tab.evaluate("document.querySelector('main').innerText")


def test_a_picked_game_is_stepped_through_with_the_arrow_keys(pages: Path, tab: Tab) -> None:
    """Otherwise the keys would go to the list, where they choose the next game."""
    for name, focus in (("games", "board"), ("small", "board")):
        tab.open(pages / f"{name}.html", DESK, fragment="#game=0&ply=0")
        tab.evaluate("$('game').focus()")
        tab.press("ArrowDown")  # picks the next in the list
        assert tab.evaluate("state.game") == 1
        assert tab.evaluate("document.activeElement.id") == focus
        before = tab.evaluate("state.ply")
        tab.press("ArrowLeft" if before else "ArrowRight")
        assert tab.evaluate("[state.game, state.ply]") == [1, before - 1 if before else 1]
        tab.evaluate("$('game').focus(); go({ ply: 0 })")  # as if the same game had been chosen again
        tab.press("ArrowRight")
        assert tab.evaluate("[state.game, state.ply, $('game').selectedIndex]") == [1, 1, 1]


def test_arrow_keys_step_without_any_focus_while_the_board_is_seen(pages: Path, tab: Tab) -> None:
    tab.open(pages / "games.html", DESK, fragment="#game=0&ply=3")
    assert tab.evaluate("document.activeElement === document.body")
    for key, ply in (("ArrowRight", 4), ("ArrowLeft", 3), ("ArrowDown", 3)):
        tab.press(key)
        assert tab.evaluate("state.ply") == ply


def test_games_of_a_file(pages: Path, tab: Tab) -> None:
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


def board_of(tab: Tab) -> str:
    """The board on the page, as the first part of a FEN."""
    pieces = tab.evaluate(
        "[...document.querySelectorAll('#board use')].map((use) => [use.getAttribute('href').at(-1), "
        "+use.getAttribute('x'), +use.getAttribute('y')])"
    )
    board = chess.Board(None)
    for letter, x, y in pieces:
        board.set_piece_at(chess.square(x, 7 - y), chess.Piece.from_symbol(letter))
    return board.board_fen()


def test_stepping_through_a_game(pages: Path, tab: Tab, moves: str) -> None:
    tab.open(pages / "both.html", DESK, fragment="#game=0&ply=0")
    tab.evaluate("document.getElementById('board').focus()")
    board = chess.Board()
    assert board_of(tab) == board.board_fen()
    for text in moves.split():
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


def test_screen_readers_get_the_board(pages: Path, tab: Tab, moves: str) -> None:
    label = "document.getElementById('board').ariaLabel"
    tab.open(pages / "both.html", DESK, fragment="#game=0&ply=5")
    board = chess.Board()
    for text in moves.split()[:5]:
        board.push_uci(text)
    assert tab.evaluate(label) == f"board, after 3. exf6: {board.board_fen()}"
    tab.open(pages / "small.html", DESK, fragment="#game=0&ply=0")
    assert tab.evaluate(label) == "board, the start: empty"
    tab.evaluate("go({ ply: 1 })")
    square = tab.evaluate("game().names[0]")
    assert tab.evaluate(label) == f"board, after 1. {square}: x {square}"
    assert tab.page.get_by_role("group", name="Moves").count() == 1


def test_a_tap_steps_on_a_phone(pages: Path, tab: Tab) -> None:
    tab.open(pages / "both.html", PHONE, fragment="#game=0&ply=3")
    tab.evaluate("document.getElementById('board').scrollIntoView({block: 'center'})")
    left, top, width = tab.evaluate("(({left, top, width}) => [left, top, width])($('board').getBoundingClientRect())")
    for share, ply in ((0.9, 4), (0.1, 3), (0.1, 2)):
        tab.page.touchscreen.tap(left + share * width, top + width / 2)
        assert tab.evaluate("state.ply") == ply


def test_a_link_leads_to_a_position_and_a_clock(pages: Path, tab: Tab, moves: str) -> None:
    tab.open(pages / "both.html", DESK, fragment="#clock=seconds&game=0&ply=5")
    board = chess.Board()
    for text in moves.split()[:5]:
        board.push_uci(text)
    assert board_of(tab) == board.board_fen()
    assert tab.evaluate("document.querySelector('[value=seconds]').checked")
    assert "minutes" in tab.evaluate("document.querySelector('#strength figure').textContent")
    for nonsense in ("#game=99&ply=-5&clock=x", "#game=x&ply=y", "#ply=1e9", "#%"):
        tab.open(pages / "both.html", DESK, fragment=nonsense)
        assert tab.problems == []


def test_a_game_of_stones_is_shown_on_its_own_board(pages: Path, tab: Tab) -> None:
    tab.open(pages / "small.html", PHONE, fragment="#game=0&ply=0")
    count = "(selector) => document.querySelectorAll(`#board ${selector}`).length"
    assert tab.page.evaluate(count, ".wood") == 9
    assert tab.page.evaluate(count, ".letter, .newest") == 0
    assert tab.page.evaluate(count, ".likely") == 3
    tab.evaluate("document.querySelector('[data-go=on]').click()")
    assert tab.evaluate("document.querySelector('#board .letter').textContent") == "x"
    assert tab.page.evaluate(count, ".newest") == 1
    assert tab.evaluate("document.querySelectorAll('#likely li').length") == 3
    assert tab.problems == []


class Slanted(Hex):
    """Hex with a board of hexagons."""

    seats = ("Black", "White")

    def render(self, position: str) -> str:
        games = self.start([position])
        pieces = [EMPTY if owner < 0 else STONES[owner] for owner in games.states[0].squares]
        return draw_board(self.board, pieces, games.history[0][-1:], sides=STONES)


def test_hexagons_with_sides_columns_and_games_as_text(tab: Tab, tmp_path: Path) -> None:
    collections = []
    moves = [(Slanted(12), "a1 c12 l12 b2"), (ConnectFour(), "d d"), (Forced(), "a1 a1 a1")]
    for game, played in moves:
        path = tmp_path / f"{game.name}.safetensors"
        files.save(path, Policy(game, MLP(game, hidden=(2,))))
        start = game.start(1).position(0)
        save_pgn(path.with_suffix(".pgn"), [to_pgn(game, f"{start} moves {played}")])
        collections.append(read_collection(path.with_suffix(".pgn"), str(path)))
    write_page(tmp_path / "page.html", [], collections)
    tab.open(tmp_path / "page.html", DESK, fragment="#game=0&ply=4")
    assert tab.evaluate("document.querySelectorAll('#board .wood').length") == 144
    assert tab.evaluate("document.querySelectorAll('#board .side:not(.rim)').length") == 48
    fills = tab.evaluate("[...document.querySelectorAll('#board .stone')].map((one) => one.getAttribute('fill'))")
    assert sorted(fills) == ["#000000", "#000000", "#ffffff", "#ffffff"]
    stones = tab.evaluate("[...document.querySelectorAll('#board .stone')].map((one) => +one.getAttribute('cx'))")
    assert stones == [0, 1.5, 7.5, 16.5]  # a1, b2, c12, l12: each row begins half a cell further to the right
    tab.open(tmp_path / "page.html", DESK, fragment="#game=1&ply=1")
    dots = tab.evaluate("[...document.querySelectorAll('#board .likely')].map((one) => +one.getAttribute('cy'))")
    assert dots == pytest.approx([-0.85] * 3)  # above the board
    tab.open(tmp_path / "page.html", DESK, fragment="#game=2&ply=1")
    assert tab.evaluate("$('text').textContent") == "after 1 plies"
    assert tab.page.locator("#text").get_attribute("role") is None  # an image's text would not be read aloud
    assert tab.problems == []


def test_charts_tell_values_and_runs_can_be_hidden(pages: Path, tab: Tab) -> None:
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
