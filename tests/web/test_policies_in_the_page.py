"""Chess policies in the learning page: rules, inputs and outputs against chesspg's, and a game in a browser."""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import chess
import numpy as np
import pytest
import torch
from disk_tab import DiskTab

from chesspg import load_policy
from chesspg.games.chess import Chess
from chesspg.games.chess.python_chess import REASONS
from chesspg.policy.policy import to_tensors

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).parents[2]
CHESS = Chess(backend="python-chess")
POLICY = "chess_quick"
PHONE, DESK = 390, 1280  # CSS pixels
# Starts from which random games soon castle, capture en passant, promote, repeat positions, or run out of moves.
STARTS = [
    chess.STARTING_FEN,
    "r3k2r/pppq1ppp/8/8/8/8/PPPQ1PPP/R3K2R w KQkq - 0 1",
    "r3k2r/8/8/8/8/8/8/R3K2R b KQkq - 3 9",
    "4k3/pppppppp/8/PPPPPPPP/8/8/8/4K3 b - - 0 1",
    "4k3/2P1P1P1/8/8/8/8/2p1p1p1/4K3 w - - 0 1",
    "1n2k1n1/P1P3P1/8/8/8/8/p1p3p1/1N2K1N1 b - - 0 1",
    "8/8/4k3/8/8/3NK3/8/8 w - - 90 100",
    "6k1/8/8/8/8/8/8/K6R w - - 95 100",
]
MATE = [chess.STARTING_FEN, ["f2f3", "e7e5", "g2g4", "d8h4"]]
STALEMATE = ["k7/8/1K6/8/8/8/8/2Q5 w - - 0 1", ["c1c7"]]


def scripts() -> Any:
    """The module web/policies.py."""
    spec = importlib.util.spec_from_file_location("policies", ROOT / "web/policies.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The learning page with one policy."""
    module = scripts()
    if not module.RUNTIME.is_file():
        pytest.skip("needs the packages of the pages: cd web && npm ci")
    folder = tmp_path_factory.mktemp("site")
    for name in ("index.html", "page.css", "page.js"):
        shutil.copy(ROOT / "docs/learn" / name, folder)
    if (ROOT / "docs/learn/policies").is_dir():  # what was made earlier, if it is not too old
        shutil.copytree(ROOT / "docs/learn/policies", folder / "policies")
    module.write_scripts(folder / "policies", [POLICY])
    return folder


class Tab(DiskTab):
    """A tab that shows a copy of the learning page."""

    def __init__(self, chromium: Browser, page: Path, width: int = DESK) -> None:
        super().__init__(chromium, ("file:", "data:", "blob:"))
        self.page = self.open(page, width)

    @property
    def status(self) -> str:
        return self.page.locator("#policies-table .status").inner_text()

    def load(self) -> None:
        self.page.get_by_role("button", name="Load the policies").click()
        self.wait("Your move")

    def wait(self, text: str) -> None:
        """Until the status ends with this text and the likely moves of the position are shown."""
        self.page.wait_for_function(
            """(text) => document.querySelector("#policies-table .status")?.textContent.includes(text)
                && document.querySelector("#policies-table .likely td").textContent""",
            arg=text,
        )

    def move(self, source: str, target: str) -> None:
        """Move a piece by the keyboard."""
        for square in (source, target):
            self.page.locator(f'#policies-table .squares [aria-label^="{square},"]').focus()
            self.page.keyboard.press("Enter")


@pytest.fixture(scope="module")
def tab(chromium: Browser, site: Path) -> Tab:
    """The page with its policy loaded."""
    tab = Tab(chromium, site / "index.html")
    tab.load()
    return tab


def ended(board: chess.Board) -> bool:
    return board.is_game_over() or board.is_repetition(3) or board.halfmove_clock >= 100


def random_games() -> list[list[Any]]:
    """[start, moves] of random games in which castling, en passant and moves back are likely."""
    rng = np.random.default_rng(5)
    found = []
    for start in STARTS * 2:
        board = chess.Board(start)
        while len(board.move_stack) < 60 and not ended(board):
            moves = list(board.legal_moves)
            before = board.move_stack[-2] if len(board.move_stack) > 1 else chess.Move.null()
            back = [one for one in moves if one.from_square == before.to_square and one.to_square == before.from_square]
            rare = [one for one in moves if board.is_castling(one) or board.is_en_passant(one)]
            if rng.random() < 0.4:
                moves = rare or back or moves
            board.push(moves[rng.integers(len(moves))])
        found.append([start, [move.uci() for move in board.move_stack]])
    return found


def test_rules_and_inputs_are_those_of_chesspg(tab: Tab) -> None:
    played = [*random_games(), MATE, STALEMATE]
    seen = tab.page.evaluate(
        """(games) => games.map(([fen, moves]) => {
            const game = new chesspg.policies.Game(fen)
            return [null, ...moves].map((move) => {
                if (move) game.play(move)
                const { planes, scalars, legal } = game.input()
                const ones = [...planes.keys()].filter((index) => planes[index] === 1)
                return [ones, planes.length, [...scalars], [...legal], game.over, game.fen]
            })
        })""",
        played,
    )
    occurred = {
        "castling": 0,
        "en passant": 0,
        "promotion": 0,
        "repetition": 0,
        "black": 0,
        **dict.fromkeys(REASONS, 0),
    }
    for (start, moves), rows in zip(played, seen, strict=True):
        games = CHESS.start([start])
        for ply, (ones, size, scalars, actions, over, fen) in enumerate(rows):
            observed = games.observe()
            bits = np.unpackbits(observed.planes.view(np.uint8), axis=None, bitorder="little")
            assert size == bits.size
            assert ones == np.flatnonzero(bits).tolist(), fen
            assert scalars == observed.scalars[0].tolist(), fen
            assert actions == observed.legal.actions.tolist(), fen
            reason = REASONS[games.outcomes().reason[0]]
            assert over == ("" if reason == "ongoing" else reason), fen
            board = games.board(0)
            assert fen == board.fen(en_passant="legal")
            occurred[reason] += 1
            occurred["black"] += board.turn == chess.BLACK
            occurred["repetition"] += scalars[1] > 0
            if ply < len(moves):
                move = chess.Move.from_uci(moves[ply])
                occurred["castling"] += board.is_castling(move)
                occurred["en passant"] += board.is_en_passant(move)
                occurred["promotion"] += move.promotion is not None
                games.play(np.array([CHESS.parse_move(games.position(0), moves[ply])]))
    assert sum(len(rows) for rows in seen) > 400
    del occurred["variant rule"]
    assert min(occurred.values()) > 0, occurred


def test_outputs_are_those_of_torch(tab: Tab) -> None:
    played = random_games()[:8]
    policy = load_policy(POLICY)
    compared = 0
    for start, moves in played:
        shown = tab.page.evaluate(
            """async ([name, fen, moves]) => {
                const game = new chesspg.policies.Game(fen), found = []
                for (const move of moves) {
                    const { logits, value } = await chesspg.policies.evaluate(name, game)
                    found.push([logits, value])
                    game.play(move)
                }
                return found
            }""",
            [POLICY, start, moves[:20]],
        )
        games = CHESS.start([start])
        for (logits, value), move in zip(shown, moves, strict=False):
            with torch.no_grad():
                expected = policy.network(*to_tensors(games.observe()))
            np.testing.assert_allclose(logits, expected.logits[0] / policy.temperature, rtol=1e-4, atol=1e-4)
            assert expected.value is not None
            assert value == pytest.approx(expected.value.item(), abs=1e-4)
            compared += 1
            games.play(np.array([CHESS.parse_move(games.position(0), move)]))
    assert compared > 100


def test_a_game_by_keyboard(tab: Tab) -> None:
    page = tab.page
    assert tab.status == "Your move."
    likely = page.locator("#policies-table .likely tbody tr")
    assert likely.count() == 5
    tab.move("e2", "e4")
    tab.wait("Black played")
    moves = page.locator("#policies-table .game-moves")
    assert re.fullmatch(r"Black played \S+, to which it gave \d+\.\d %\. Your move\.", tab.status)
    assert moves.inner_text().startswith("e4 ")
    page.get_by_role("button", name="Undo").click()
    page.wait_for_function("() => !document.querySelector('#policies-table .game-moves').textContent")
    tab.wait("Your move")
    page.locator("#policies-color input[value=black]").check()
    tab.wait("White played")
    assert page.get_by_role("button", name="Undo").is_disabled()
    page.locator("#policies-table").get_by_role("button", name="New game").click()
    tab.wait("White played")
    page.locator("#policies-color input[value=white]").check()
    tab.wait("Black played")
    page.locator("#policies-table").get_by_role("button", name="New game").click()
    page.wait_for_function("() => document.querySelector('#policies-table .status').textContent === 'Your move.'")
    assert tab.problems == []


def test_at_temperature_0_it_plays_its_likeliest_move(tab: Tab) -> None:
    page = tab.page
    page.locator("#policies-table").get_by_role("button", name="New game").click()
    page.locator("#policies-table .warmth input").fill("0")
    tab.wait("Your move")
    assert page.locator("#policies-table .likely td").first.inner_text() == "100.0 %"
    likeliest = page.locator("#policies-table .likely th[scope=row]").first.inner_text()
    page.locator("#policies-color input[value=black]").check()
    tab.wait("White played")
    assert tab.status == f"White played {likeliest}, to which it gave 100.0 %. Your move."
    page.locator("#policies-color input[value=white]").check()
    tab.wait("Black played")
    page.locator("#policies-table .warmth input").fill("1")
    assert tab.problems == []


def test_what_it_would_play_can_be_hidden(tab: Tab) -> None:
    page = tab.page
    page.locator("#policies-table").get_by_role("button", name="New game").click()
    tab.wait("Your move")
    assert page.locator("#policies-table [role=meter]").get_attribute("aria-valuetext") != "no value"
    assert page.locator("#policies-table .cg-shapes g").count() > 0
    box = page.get_by_label("Show what the policy would play")
    box.uncheck()
    assert not page.locator("#policies-table .likely td").first.inner_text()
    assert page.locator("#policies-table [role=meter]").get_attribute("aria-valuetext") == "no value"
    box.check()


def test_a_copy_without_policies_says_how_to_make_them(chromium: Browser, site: Path, tmp_path: Path) -> None:
    """On a phone."""
    for name in ("index.html", "page.css", "page.js"):
        shutil.copy(site / name, tmp_path)
    tab = Tab(chromium, tmp_path / "index.html", PHONE)
    assert tab.problems == []
    tab.page.get_by_role("button", name="Load the policies").click()
    note = tab.page.get_by_text("This copy of the page has no policies")
    assert note.inner_text().endswith("python web/policies.py in a clone of the project makes them.")
    assert tab.page.evaluate("document.documentElement.scrollWidth") == PHONE


def watch(tab: Tab, kept: str) -> None:
    """Note in `asked` what the worker is asked for, and put what a function of a request keeps into `held`."""
    tab.page.evaluate(
        f"""() => {{
            const post = Worker.prototype.postMessage
            Object.assign(window, {{ asked: [], held: [], kept: {kept} }})
            Worker.prototype.postMessage = function (request) {{
                asked.push(request.kind)
                const send = () => post.call(this, request)
                if (kept(request)) held.push(send)
                else send()
            }}
        }}"""
    )


@pytest.fixture
def two(chromium: Browser, site: Path, tmp_path: Path) -> Tab:
    """The page, not loaded yet, with a second policy, which is the same under another name."""
    shutil.copytree(site, tmp_path / "two")
    folder = tmp_path / "two/policies"
    (folder / "again.js").write_text((folder / f"{POLICY}.js").read_text().replace(POLICY, "again", 1))
    index = (folder / "index.js").read_text()
    start, row = re.findall(r"^(.*= )\[(.*)\];$", index.strip())[0]
    (folder / "index.js").write_text(f"{start}[{row}, {row.replace(POLICY, 'again')}];")
    return Tab(chromium, tmp_path / "two/index.html")


def choose(tab: Tab, name: str) -> None:
    tab.page.locator(f"#policies-who input[value={name}]").check()


def test_the_focus_is_on_the_board_after_loading(two: Tab) -> None:
    two.load()
    assert two.page.evaluate("document.activeElement.ariaLabel").startswith("e2, ")


def test_a_policy_can_be_loaded_while_another_one_loads(two: Tab) -> None:
    """The file of the first comes after that of the second."""
    values = two.page.evaluate(
        """async ([late, name]) => {
            const { open, evaluate, Game } = chesspg.policies, append = document.head.append
            let letGo
            document.head.append = function (script) {
                if (script.src.endsWith(`${late}.js`)) letGo = () => append.call(this, script)
                else append.call(this, script)
            }
            const first = open(late)
            await open(name)
            letGo()
            await first
            return (await Promise.all([late, name].map((one) => evaluate(one, new Game())))).map(({ value }) => value)
        }""",
        ["again", POLICY],
    )
    assert values[0] == values[1]
    assert two.problems == []


def test_a_policy_can_be_loaded_again_after_the_runtime_failed(two: Tab) -> None:
    watch(two, "(request) => request.kind === 'start' && (request.runtime = btoa('no runtime'), false)")
    two.page.get_by_role("button", name="Load the policies").click()
    again = two.page.get_by_role("button", name="Load again")
    again.wait_for()
    assert f"{POLICY} can't be loaded: " in two.status
    two.page.evaluate("kept = () => false")
    again.click()
    two.wait("Your move")


def test_a_policy_that_fails_says_so_once_and_can_be_loaded_again(two: Tab) -> None:
    two.load()
    watch(two, "(request) => request.kind === 'run' && (request.name = 'nobody', false)")
    two.move("e2", "e4")
    again = two.page.get_by_role("button", name="Load again")
    again.wait_for()
    two.page.wait_for_timeout(200)
    assert f"{POLICY} can't be evaluated: " in two.status
    assert two.page.evaluate("asked") == ["run"]
    two.page.evaluate("kept = () => false")
    again.click()
    two.wait("Black played")  # the game goes on
    assert two.page.evaluate("asked") == ["run", "start", "open", "run", "run"]


def test_a_policy_that_is_no_longer_chosen_unlocks_nothing(two: Tab) -> None:
    watch(two, "(request) => request.kind === 'open'")
    two.page.get_by_role("button", name="Load the policies").click()
    two.page.wait_for_function("() => held.length === 1")
    choose(two, "again")
    two.page.wait_for_function("() => held.length === 2")
    two.page.evaluate(f"held.shift()(), chesspg.policies.open('{POLICY}')")
    two.page.locator("#policies-color input[value=black]").check()
    assert two.status == "Loading again …"
    assert "run" not in two.page.evaluate("asked")
    two.page.evaluate("() => held.shift()()")
    two.wait("White played")
    assert two.problems == []


def test_scripts_are_written_only_when_they_are_older_than_what_they_hold(site: Path) -> None:
    module = scripts()
    path = site / "policies" / f"{POLICY}.js"
    before = path.stat().st_mtime_ns
    written = module.write_scripts(site / "policies", [POLICY])
    assert path.stat().st_mtime_ns == before
    assert sorted(one.name for one in written) == ["chess_quick.js", "index.js", "runtime.js"]
    with pytest.raises(ValueError, match="none is missing; `npm ci` in "):
        module.write_scripts(site / "policies", [POLICY], Path("none"))
