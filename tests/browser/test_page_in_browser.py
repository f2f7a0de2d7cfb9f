"""The page of `play --browser` in a browser: by mouse and keyboard, on a phone, in two tabs, at the server's end."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import chess
import chess.pgn
import pytest
import torch
from served import shared

from chesspg.browser.server import Server
from chesspg.games.chess import Chess
from chesspg.games.connect_four import ConnectFour
from chesspg.games.game import Game
from chesspg.games.hex import Hex
from chesspg.games.othello import Othello
from chesspg.games.tic_tac_toe import TicTacToe
from chesspg.players.player import Player
from chesspg.players.policy_player import PolicyPlayer
from chesspg.policy.networks import MLP
from chesspg.policy.policy import Policy

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
PHONE, DESK = 390, 1280  # CSS pixels
PROMOTION = "7k/P7/8/8/8/8/8/K7 w - - 0 1"
MATE = "6k1/5ppp/8/8/8/8/5PPP/R5K1 w - - 0 1"
FOCUSED = "document.activeElement.ariaLabel"
HOSTILE = '<img src=x onerror="document.title=1">'


@pytest.fixture(scope="module")
def page_of(chromium: Browser) -> Callable[[int], Page]:
    """The page of a width, the same for all tests, which saves a second for each; a phone has dark colors."""

    @cache
    def page_of_(width: int) -> Page:
        phone = width == PHONE
        context = chromium.new_context(
            viewport={"width": width, "height": 844 if phone else 900},
            is_mobile=phone,
            has_touch=phone,
            color_scheme="dark" if phone else "light",
            reduced_motion="reduce",
        )
        context.set_default_timeout(60_000)
        return context.new_page()

    return page_of_


class Tab:
    """A tab of Chromium that shows the page of a server. `problems` collects errors, messages and other requests."""

    def __init__(self, page: Page, server: Server) -> None:
        self.problems: list[str] = []
        self.server, self.page = server, page
        self.others: list[Page] = []
        self.show(page)

    def show(self, page: Page) -> None:
        page.on("console", self.note_message)
        page.on("pageerror", self.note_error)
        page.on("request", self.note_request)
        page.goto(self.server.address)
        page.wait_for_selector("#line:not(:empty)")

    def new(self) -> Page:
        """Open the page in another tab of the same browser."""
        self.others.append(self.page.context.new_page())
        self.show(self.others[-1])
        return self.others[-1]

    def close(self) -> None:
        """Leave the tab as it was, for the next test."""
        for other in self.others:
            other.close()
        self.page.unroute_all()
        self.page.remove_listener("console", self.note_message)
        self.page.remove_listener("pageerror", self.note_error)
        self.page.remove_listener("request", self.note_request)
        self.page.evaluate("localStorage.clear()")
        self.page.goto("about:blank")

    def note_message(self, message: ConsoleMessage) -> None:
        # Chromium writes these of each refused move.
        if "400 (Bad Request)" not in message.text and "409 (Conflict)" not in message.text:
            self.problems.append(message.text)

    def note_error(self, error: Error) -> None:
        self.problems.append(str(error))

    def note_request(self, request: Request) -> None:
        if not request.url.startswith((self.server.address, "blob:", "data:")):
            self.problems.append(request.url)

    def evaluate(self, script: str) -> Any:
        return self.page.evaluate(script)

    def says(self, text: str) -> None:
        """Wait until the line above the buttons has this text in it."""
        self.page.locator("#line", has_text=re.compile(text)).wait_for()

    def has(self, count: int, selector: str) -> None:
        """Wait until the page has this number of elements; the board is drawn in the next frame."""
        playwright.expect(self.page.locator(selector)).to_have_count(count, timeout=60_000)

    def moves(self) -> list[str]:
        return self.page.locator("#moves button").all_inner_texts()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def types(self, move: str) -> None:
        self.page.fill("#move", move)
        self.page.press("#move", "Enter")

    def middle(self, square: str) -> tuple[float, float]:
        """The middle of a square of chess, with White at the bottom."""
        box = self.page.locator("cg-board").bounding_box()
        assert box
        file, rank = "abcdefgh".index(square[0]), int(square[1])
        return box["x"] + (file + 0.5) * box["width"] / 8, box["y"] + (8.5 - rank) * box["height"] / 8

    def plays(self, move: str) -> None:
        """Type a move and wait for the reply."""
        count = len(self.moves()) + 2
        self.types(move)
        self.page.locator("#moves button").nth(count - 1).wait_for()
        self.says("Your turn")

    def clicks(self, *squares: str) -> None:
        for square in squares:
            self.page.mouse.click(*self.middle(square))

    def starts(self, text: str, side: str = "0") -> None:
        """Begin another game in the dialog."""
        self.page.click("#fresh")
        self.page.check(f"[name=side][value='{side}']")
        self.page.fill("#text", text)
        self.page.click("#start-form button.main")


Open = Callable[..., Tab]


@pytest.fixture
def opened(page_of: Callable[[int], Page]) -> Iterator[Open]:
    """Opens a page on a new server, with the arguments of `shared`; at the end, no page may have had a problem."""
    servers: list[Server] = []
    tabs: list[Tab] = []

    def open_(*arguments: Any, width: int = DESK, **options: Any) -> Tab:
        for tab in tabs:
            if tab.page is page_of(width):
                tab.close()
        servers.append(Server(shared(*arguments, **options)).__enter__())
        tabs.append(Tab(page_of(width), servers[-1]))
        return tabs[-1]

    yield open_
    for tab in {tab.page: tab for tab in tabs}.values():
        tab.close()
    for server in servers:
        server.__exit__(None, None, None)
    assert [tab.problems for tab in tabs] == [[]] * len(tabs)


def policy(game: Game) -> PolicyPlayer:
    torch.manual_seed(0)
    return PolicyPlayer(Policy(game, MLP(game, hidden=(4,), value=True)))


def against_policy(opened: Open, game: Game, **options: Any) -> Tab:
    def rebuild(text: str) -> Player:
        return PolicyPlayer(policy(game).policy, float(text.partition("=")[2]))

    tab = opened(game, policy(game), name="checkpoints/run", rebuild=rebuild, **options)
    tab.page.wait_for_selector("#likely li")
    return tab


def test_a_whole_game_by_clicks(opened: Open) -> None:
    tab = opened(TicTacToe())
    for _ in range(5):
        tab.says("Your turn|wins|draw")
        if "Your turn" not in tab.page.inner_text("#line"):
            break
        count = len(tab.moves())
        tab.page.locator(".squares [data-target]").first.click()
        tab.page.locator("#moves button").nth(count).wait_for()
    assert tab.server.game.session.result
    assert tab.server.game.session.verdict in tab.page.inner_text("#line")
    assert len(tab.moves()) == len(tab.server.game.session.plies)
    assert tab.page.locator(".squares [data-target]").count() == 0
    assert tab.page.locator("#typed button").is_disabled()


def test_a_move_by_clicks_and_by_dragging(opened: Open) -> None:
    tab = opened()
    tab.clicks("e2")
    tab.has(2, "square.move-dest")
    tab.clicks("e4")
    tab.page.locator("#moves button").nth(1).wait_for()
    tab.says("Your turn")
    tab.page.mouse.move(*tab.middle("d2"))
    tab.page.mouse.down()
    tab.page.mouse.move(*tab.middle("d3"), steps=3)
    tab.page.mouse.move(*tab.middle("d4"), steps=3)
    tab.page.mouse.up()
    tab.page.locator("#moves button").nth(3).wait_for()
    assert tab.moves()[::2] == ["e4", "d4"]
    tab.clicks("a7", "a5")  # a piece of the other side stays where it is
    assert len(tab.moves()) == 4


def test_a_whole_game_by_the_keyboard(opened: Open) -> None:
    """From the board's first square, a8, to a1, and back to a8 with the rook."""
    tab = opened(start=MATE)
    tab.page.locator(".squares [tabindex='0']").focus()
    name = FOCUSED
    assert tab.evaluate(name) == "a8, empty"
    tab.press(*["ArrowDown"] * 9)
    assert tab.evaluate(name) == "a1, white rook"
    tab.press("End", "Home", "Enter")
    assert tab.evaluate(name) == "a1, white rook, selected"
    tab.press("ArrowUp")
    assert tab.evaluate(name) == "a2, empty, legal target"
    tab.press("Escape")
    assert tab.evaluate(name) == "a2, empty"
    tab.press("ArrowDown", "Space", *["ArrowUp"] * 7, "Space")
    tab.says("You played Ra8#. White wins: checkmate – you won")
    assert tab.evaluate(name) == "a8, white rook, last move"
    assert tab.evaluate("document.querySelector('[aria-label^=g8]').ariaLabel") == "g8, black king, in check"


def test_moves_can_be_typed_and_mistakes_are_one_line(opened: Open) -> None:
    tab = opened()
    tab.types("fish")
    problem = tab.page.locator("#problem", has_text="nknown move 'fish'")
    problem.wait_for()
    assert tab.evaluate("document.activeElement.id") == "move"
    assert tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    tab.plays("Nf3")
    assert tab.page.inner_text("#problem") == ""
    assert tab.moves()[0] == "Nf3"


@pytest.mark.parametrize("keyboard", [False, True])
def test_a_promotion_is_chosen(opened: Open, keyboard: bool) -> None:
    tab = opened(start=PROMOTION)
    tab.clicks("a7", "a8")
    dialog = tab.page.locator("dialog.promotion")
    dialog.wait_for()
    assert dialog.get_by_role("button").evaluate_all("all => all.map(one => one.ariaLabel)") == [
        "queen", "rook", "bishop", "knight",
    ]  # fmt: skip
    tab.press("Escape")
    dialog.wait_for(state="detached")
    assert tab.evaluate(FOCUSED).startswith("a8, ")
    assert tab.moves() == []
    tab.clicks("a7", "a8")  # the pawn is where it was
    dialog.wait_for()
    if keyboard:
        tab.press("ArrowUp", "Enter")
    else:
        dialog.get_by_role("button", name="knight").click()
    tab.page.locator("#moves button").first.wait_for()
    assert tab.moves()[0] == "a8=N"
    assert tab.evaluate(FOCUSED).startswith("a8, ")


def test_the_list_of_moves_keeps_the_focus(opened: Open) -> None:
    tab = opened()
    tab.plays("e4")
    tab.page.locator("#moves button").first.click()
    tab.says("Position 1 of 2, after e4")
    assert tab.evaluate("document.activeElement.textContent") == "e4"
    tab.press("ArrowRight")
    tab.says("Your turn")
    assert tab.page.locator("#moves [aria-current=true]").all_inner_texts() == tab.moves()[1:]
    tab.server.game.ask({"action": "move", "revision": tab.server.game.revision, "move": "d4"}).result(30)
    tab.page.locator("#moves button").nth(3).wait_for()
    assert tab.evaluate("document.activeElement.id") == "moves"


def test_undo_a_reload_and_two_tabs(opened: Open) -> None:
    tab = opened()
    tab.plays("e4")
    other = tab.new()
    played = tab.moves()
    assert other.locator("#moves button").all_inner_texts() == played
    tab.page.reload()
    tab.page.locator("#moves button").nth(1).wait_for()
    assert tab.moves() == played
    tab.page.bring_to_front()
    tab.page.click("[data-action=undo]")
    tab.has(0, "#moves button")
    other.bring_to_front()
    other.locator("#moves button").first.wait_for(state="detached")


def test_a_tab_that_missed_a_change_shows_the_newest_position(opened: Open) -> None:
    tab = opened()
    tab.page.route("**/state?*", lambda route: None)  # it does not hear of changes
    tab.page.reload()
    tab.page.wait_for_selector("#line:not(:empty)")
    tab.server.game.ask({"action": "move", "revision": tab.server.game.revision, "move": "d4"}).result(30)
    tab.types("e4")
    tab.page.locator("#problem", has_text=re.compile("changed in the meantime|Wait for the move")).wait_for()
    assert tab.moves()[0] == "d4"


def test_positions_and_games_in_and_out(opened: Open) -> None:
    tab = opened()
    tab.starts(MATE.replace(" w ", " b "), side="1")
    tab.page.locator(".orientation-black").wait_for()
    assert tab.page.input_value("#position").startswith("6k1/5ppp/8/8/8/8/5PPP/R5K1 b")
    pgn = f'[White "{HOSTILE}"]\n[Event "</textarea><script>1</script>"]\n\n1. e4 {{{HOSTILE}}} e5 2. Nf3 *'
    tab.starts(pgn)
    tab.says("The game is loaded")
    assert tab.moves() == ["e4", "e5", "Nf3"]
    read = chess.pgn.read_game(io.StringIO(tab.page.input_value("#pgn")))
    assert read
    assert [move.uci() for move in read.mainline_moves()] == ["e2e4", "e7e5", "g1f3"]
    assert read.headers["White"].startswith("<img src=x")
    assert tab.page.locator("img, body script").count() == 0
    with tab.page.expect_download() as saved:
        tab.page.click("#save")
    assert saved.value.suggested_filename == "game.pgn"
    assert saved.value.path().read_text() == tab.page.input_value("#pgn")
    tab.page.click("[data-step=first]")
    tab.says("Position 0 of 3")
    tab.page.focus("#moves")
    tab.press("ArrowRight", "ArrowDown")
    tab.says("Position 2 of 3, after e5")
    tab.page.click("#here")
    tab.page.locator("#moves button").nth(2).wait_for(state="detached")
    assert tab.moves() == ["e4", "e5"]


def test_texts_that_cannot_be_read_are_one_line_in_the_dialog(opened: Open) -> None:
    tab = opened()
    tab.plays("e4")
    before = tab.moves()
    for text, line in (
        ("hello", "is not a position of chess"),
        ("1. e4 Ke4 *", "illegal"),
        (HOSTILE, "not a position"),
    ):
        tab.page.click("#fresh")
        tab.page.fill("#text", text)
        tab.page.click("#start-form button.main")
        tab.page.locator("#start-problem", has_text=line).wait_for()
        tab.press("Escape")
    assert tab.moves() == before
    assert tab.page.locator("#start-problem img").count() == 0


def test_hostile_names_are_text(opened: Open) -> None:
    tab = opened(name=HOSTILE)
    assert HOSTILE in tab.page.inner_text("#title")
    assert HOSTILE in tab.page.title()
    assert tab.page.locator("img").count() == 0


def test_arrows_list_and_value_can_be_switched_off(opened: Open) -> None:
    tab = against_policy(opened, Chess())
    arrows = tab.page.locator(".cg-shapes line")
    arrows.first.wait_for(state="attached")
    assert arrows.count() <= 3
    assert re.fullmatch(r"\d+", tab.page.locator(".cg-custom-svgs text").first.text_content() or "")
    shares = tab.page.locator("#likely li span:nth-child(2)").all_inner_texts()
    assert all(re.fullmatch(r"\d+\.\d%", share) for share in shares)
    meter = tab.page.get_by_role("meter")
    assert re.fullmatch(r"\d+%", meter.get_attribute("aria-valuetext") or "")
    for name in ("arrows", "list", "value", "targets", "last"):
        tab.page.uncheck(f"[name={name}]")
    for _ in range(2):
        tab.page.locator(".cg-shapes line").first.wait_for(state="detached")
        assert tab.page.locator("#opinion").is_hidden()
        assert meter.is_hidden()
        tab.clicks("e2")
        tab.has(1, "square.selected")
        assert tab.page.locator("square.move-dest").count() == 0
        tab.page.reload()  # the settings are remembered
        tab.page.wait_for_selector("#line:not(:empty)")
    tab.page.check("[name=arrows]")
    arrows.first.wait_for(state="attached")
    tab.page.fill("#temperature", "0")
    tab.page.press("#temperature", "Enter")
    tab.page.locator("#title", has_text="checkpoints/run?temperature=0").wait_for()


def test_a_temperature_leaves_the_position_that_is_shown(opened: Open) -> None:
    tab = against_policy(opened, TicTacToe())
    tab.types("b2")
    tab.page.locator("#moves button").nth(1).wait_for()
    tab.says("Your turn")
    tab.page.click("[data-step=first]")
    tab.page.fill("#temperature", "0")
    tab.page.press("#temperature", "Enter")
    tab.page.locator("#title", has_text="checkpoints/run?temperature=0").wait_for()
    tab.says("Position 0 of 2")
    tab.page.click("[data-action=resign]")  # whose result is seen at the newest position
    tab.says("resign")


def test_copy_buttons_keep_their_names(opened: Open) -> None:
    tab = opened()
    button = tab.page.locator("[data-copy=pgn]")
    button.click()
    tab.page.locator("[data-copy=pgn]", has_text=re.compile("Copied|Press")).wait_for()
    assert tab.page.inner_text("#copied") == button.inner_text()  # which a screen reader reads out
    button.click()
    tab.page.wait_for_timeout(3200)  # two times as long as the answer stays
    assert button.inner_text() == "Copy the game"


def test_flip_and_sides(opened: Open) -> None:
    tab = opened()
    assert "You (White)" in tab.page.inner_text("#bottom")
    tab.page.click("#flip")
    assert "You (White)" in tab.page.inner_text("#top")
    tab.has(1, ".orientation-black")
    assert tab.evaluate("document.querySelector('.squares button').ariaLabel") == "h1, white rook"
    tab.page.click("#flip")
    tab.page.click("[data-action=switch]")
    tab.page.locator("#bottom", has_text="You (Black)").wait_for()
    tab.says("Your turn")


def test_other_games_are_played_on_their_boards(opened: Open) -> None:
    four = opened(ConnectFour())
    four.page.get_by_role("gridcell", name="d4").click()  # anywhere in the column
    four.page.locator("#moves button").nth(1).wait_for()
    assert four.moves()[0] == "d"
    assert four.page.get_by_label("last move", exact=True).is_visible()  # there is no check in this game
    assert four.page.get_by_role("gridcell", name=re.compile("^d1, x")).count() == 1
    six = opened(Hex(size=5, swap=True), seat=1, width=PHONE)
    six.says("Your turn")
    assert six.page.locator("polygon.cell").count() == 25
    six.page.locator("#others button").focus()
    six.press("Enter")
    six.page.locator("#moves button").nth(2).wait_for()
    assert six.moves()[1] == "swap"
    assert six.page.locator("#others button").is_disabled()
    assert six.evaluate("document.activeElement.textContent") == "swap"
    six.press("Enter")  # a button that can't be used keeps the focus and does nothing
    six.page.wait_for_timeout(300)
    assert len(six.moves()) == 3
    assert not six.page.inner_text("#problem")


def test_a_button_that_can_not_be_used_keeps_the_focus(opened: Open) -> None:
    tab = opened()
    tab.page.focus("[data-action=undo]")
    tab.press("Enter")
    tab.page.wait_for_timeout(300)
    assert not tab.page.inner_text("#problem")
    tab.plays("e4")
    tab.page.focus("[data-step=first]")
    tab.press("Enter")
    tab.says("Position 0 of 2")
    assert tab.evaluate("document.activeElement.dataset.step") == "first"
    tab.page.fill("#move", "d4")
    tab.press("Enter")  # in the field; a move can't be played in an earlier position
    tab.page.wait_for_timeout(300)
    assert not tab.page.inner_text("#problem")
    assert tab.page.input_value("#move") == "d4"
    assert len(tab.moves()) == 2
    tab.page.focus("[data-step=on]")
    tab.press("Enter")
    tab.press("Enter")
    tab.says("Your turn")
    assert tab.evaluate("document.activeElement.dataset.step") == "on"
    tab.page.focus("[data-step=back]")
    tab.press("Enter")
    tab.says("Position 1 of 2")
    tab.page.focus("#here")
    tab.press("Enter")
    tab.page.locator("#here").wait_for(state="hidden")
    assert tab.evaluate("document.activeElement.id") == "moves"


def test_a_game_without_a_board_has_a_list_of_moves(opened: Open) -> None:
    pytest.importorskip("pyspiel", reason="needs OpenSpiel")
    from chesspg.games.open_spiel import OpenSpiel

    tab = opened(OpenSpiel("clobber"), width=PHONE)
    first = tab.page.locator("#others button").first
    name = first.inner_text()
    first.focus()
    tab.press("Enter")
    tab.page.locator("#moves button").nth(1).wait_for()
    assert tab.moves()[0] == name
    tab.says("Your turn")
    assert tab.evaluate("document.activeElement.parentElement.id") == "others"
    tab.press("Enter")  # the next move, without a search for its button
    tab.page.locator("#moves button").nth(3).wait_for()
    assert "last move" in tab.page.inner_text("#board")
    assert tab.page.locator("#show").is_hidden()  # there are no marks on a board to switch off
    assert tab.evaluate("document.documentElement.scrollWidth") <= PHONE


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_it_fits_and_every_control_has_a_name(opened: Open, width: int) -> None:
    for game in (Chess(), Othello()):
        tab = against_policy(opened, game, width=width)
        assert tab.evaluate("innerWidth") == width
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        unnamed = "(e) => !e.ariaLabel && !e.textContent.trim() && !(e.labels && e.labels.length)"
        controls = "[...document.querySelectorAll('button, input, textarea, [role=meter]')]"
        assert tab.evaluate(f"{controls}.filter({unnamed}).map((e) => e.outerHTML)") == []
        # The focus goes through the page in the order in which it is read, and the board is one stop of it.
        tops = "[...document.querySelectorAll('main button, main input')].filter((e) => e.tabIndex >= 0).length"
        assert tab.evaluate(tops) < 40
        small = "(e) => e.offsetParent && !e.closest('.squares, #moves') && e.getBoundingClientRect().height < 32"
        assert tab.evaluate(f"[...document.querySelectorAll('main button')].filter({small}).length") == 0


def test_nothing_moves_while_a_policy_answers(opened: Open) -> None:
    tab = against_policy(opened, Chess())
    top = "(name) => document.querySelector(name).getBoundingClientRect().top"
    places = f"['#board', '#typed', '#moves', '#pgn'].map({top})"
    before = tab.evaluate(places)
    tab.plays("e4")
    assert tab.evaluate(places) == before
    shift = (
        "new Promise((done) => new PerformanceObserver((list) => done(list.getEntries().reduce("
        "(sum, one) => sum + (one.hadRecentInput ? 0 : one.value), 0)))"
        ".observe({ type: 'layout-shift', buffered: true }))"
    )
    none = "new Promise((done) => setTimeout(() => done(0), 300))"
    assert tab.evaluate(f"Promise.race([{shift}, {none}])") < 0.02


@contextmanager
def ending(page: Page) -> Iterator[Tab]:
    with Server(shared()) as server:
        yield Tab(page, server)


def test_the_end_of_the_server_is_one_line_and_the_game_stays(page_of: Callable[[int], Page]) -> None:
    with ending(page_of(DESK)) as tab:
        tab.plays("e4")
        pgn, moves = tab.page.input_value("#pgn"), tab.moves()
    tab.page.locator("#lost", has_text="The server has ended. Board, moves and game stay here").wait_for()
    assert tab.page.input_value("#pgn") == pgn
    assert tab.page.locator("cg-board piece").count() == 32
    tab.page.click("[data-step=first]")
    tab.says("Position 0 of 2")
    tab.page.click("[data-step=last]")
    assert tab.moves() == moves
    with tab.page.expect_download() as saved:
        tab.page.click("#save")
    assert saved.value.path().read_text() == pgn
    assert tab.page.locator("[data-action=undo]").is_disabled()
    assert tab.problems == []
    tab.close()


def test_a_pasted_game_stays_in_the_dialog_if_the_server_ends(page_of: Callable[[int], Page]) -> None:
    with ending(page_of(DESK)) as tab:
        tab.page.click("#fresh")
        tab.page.fill("#text", "1. e4 e5 *")
    tab.page.locator("#lost:not([hidden])").wait_for(state="attached")
    tab.page.click("#start-form button.main")
    tab.page.locator("#start-problem", has_text="The server has ended.").wait_for()
    assert tab.page.input_value("#text") == "1. e4 e5 *"
    assert tab.page.locator("#start").is_visible()
    assert tab.problems == []
    tab.close()


def test_a_server_that_is_killed_is_noticed(page_of: Callable[[int], Page]) -> None:
    with ending(page_of(DESK)) as tab:
        tab.page.route("**/state*", lambda route: route.abort())
        tab.page.reload()
        tab.page.locator("#lost", has_text="The server does not answer").wait_for()
        tab.page.unroute("**/state*")
        tab.page.locator("#lost", has_text="The server does not answer").wait_for(state="hidden")
        tab.says("Your turn")
        tab.close()
