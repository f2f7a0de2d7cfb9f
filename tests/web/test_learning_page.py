"""The learning page in a browser: its gradients against chesspg's and torch's, its sampling, and how it behaves."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from disk_tab import DiskTab
from numpy.typing import NDArray
from torch import Tensor

from chesspg.games.game import Legal
from chesspg.games.tic_tac_toe import EMPTY_START, TicTacToeGames
from chesspg.learning.advantages import Advantages, Sample, returns
from chesspg.learning.losses import log_likelihood_loss

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PAGE = Path(__file__).parents[2] / "docs" / "learn" / "index.html"
PHONE, DESK = 390, 1280  # CSS pixels

# Parameters and payoffs of the game of one move.
BANDITS = [
    ([0.0, 0.0, 0.0], [2.0, 3.0, 1.0]),
    ([1.3, -0.4, 2.2], [-1.0, 4.0, 0.5]),
    ([-3.0, 3.9, 0.1], [9.0, 0.0, -7.5]),
]


class Tab(DiskTab):
    """A tab that shows the learning page."""

    def open(self, page: Path = PAGE, width: int = DESK, **options: Any) -> Page:
        return super().open(page, width, **options)


@pytest.fixture(scope="module")
def tab(chromium: Browser) -> Tab:
    return Tab(chromium)


@pytest.fixture(scope="module")
def desk(chromium: Browser) -> Tab:
    """A tab with the page on a desk's screen, which `page` shares among tests. All games are played at once in it."""
    tab = Tab(chromium)
    tab.open(reduced_motion="reduce")
    return tab


@pytest.fixture
def page(desk: Tab) -> Iterator[Page]:
    """The shared page with θ, payoffs, baseline and board as they are at first. It must not report a problem."""
    assert desk.context
    (page,) = desk.context.pages
    page.evaluate(
        """() => {
            for (const id of ["one-zero", "games-start", "games-zero"]) document.getElementById(id).click()
            document.querySelectorAll("#one-rows input[type=number]").forEach((input, k) => {
                input.value = [2, 3, 1][k]
                input.dispatchEvent(new Event("change"))
            })
            document.querySelector("#baseline-choice input[value=none]").click()
        }"""
    )
    wait_for_drawing(page)
    yield page
    assert desk.problems == []


@pytest.fixture(scope="module")
def computing(chromium: Browser) -> Page:
    """A page whose functions are called, and that nobody clicks on."""
    return Tab(chromium).open()


def wait_for_drawing(page: Page) -> None:
    """Until the frame is over in which the page shows what was changed."""
    page.evaluate("new Promise((shown) => requestAnimationFrame(() => requestAnimationFrame(shown)))")


def asked(page: Page, function: str, argument: Any) -> Any:
    """The result of a function in the page. Long lists travel as JSON, which is faster than Playwright's own form."""
    return json.loads(page.evaluate(f"(text) => JSON.stringify(({function})(JSON.parse(text)))", json.dumps(argument)))


# --- The game of one move --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("theta", "f"), BANDITS)
def test_the_exact_gradient_of_one_move_is_that_of_chesspg_and_torch(
    computing: Page, theta: list[float], f: list[float]
) -> None:
    shown = computing.evaluate("([theta, f]) => chesspg.bandit.gradient(theta, f)", [theta, f])
    logits = torch.tensor(theta, dtype=torch.float64, requires_grad=True)
    payoff = torch.tensor(f, dtype=torch.float64)
    expected = (logits.softmax(0) * payoff).sum()
    assert computing.evaluate("([theta, f]) => chesspg.bandit.expected(theta, f)", [theta, f]) == pytest.approx(
        expected.item(), abs=1e-9
    )
    (by_torch,) = torch.autograd.grad(expected, logits)
    log_prob = logits.log_softmax(0)
    loss = log_likelihood_loss(log_prob, log_prob.detach().exp() * payoff)  # each game counts with its probability
    (by_chesspg,) = torch.autograd.grad(loss, logits)
    assert shown == pytest.approx(by_torch.tolist(), abs=1e-9)
    assert shown == pytest.approx((-by_chesspg).tolist(), abs=1e-9)


def test_the_page_shows_the_gradient_of_the_sliders(page: Page) -> None:
    """From the sliders to the numbers in the text, with the derivative for each parameter in turn."""
    for k, value in enumerate(("1.5", "-0.5", "0.7")):
        page.locator("#one-rows input[type=range]").nth(k).fill(value)
    page.fill("#one-rows input[type=number] >> nth=2", "-2.5")
    page.press("#one-rows input[type=number] >> nth=2", "Enter")
    logits = torch.tensor([1.5, -0.5, 0.7], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad((logits.softmax(0) * torch.tensor([2.0, 3.0, -2.5])).sum(), logits)
    for move, derivative in zip("abc", gradient.tolist(), strict=True):
        page.check(f"#one-parameter input[value={move}]")
        page.wait_for_function(f"() => document.querySelector('#one-score-head').textContent.endsWith('{move}')")
        assert page.locator("#one-sum b").inner_text() == f"{derivative:.3f}".replace("-", "−")
        rows = page.locator("#one-terms td:last-child").all_inner_texts()
        assert sum(float(text.replace("−", "-")) for text in rows) == pytest.approx(derivative, abs=0.002)
        check = page.locator("#one-check").inner_text()
        assert f"{derivative:.6f}".replace("-", "−") in check.split("digits is ")[1]
        assert f"{derivative:.6f}".replace("-", "−") in check.split("changes by ")[2]  # the difference quotient


def test_a_step_along_the_gradient_raises_the_expected_payoff(page: Page) -> None:
    before = page.evaluate("chesspg.bandit.expected(chesspg.state.theta, chesspg.state.f)")
    page.click("#one-step")
    after = page.evaluate("chesspg.bandit.expected(chesspg.state.theta, chesspg.state.f)")
    assert after > before + 0.05
    theta = ", ".join(f"{value:.2f}".replace("-", "−") for value in page.evaluate("chesspg.state.theta"))
    assert page.locator("#one-status").inner_text() == (
        f"θ is now ({theta}). E[f] went from {before:.3f} to {after:.3f}."
    )


def test_the_mean_of_many_estimates_is_the_exact_gradient(computing: Page) -> None:
    """Within 4 standard errors in every component, with a baseline and without; the variance is the exact one."""
    for baseline in (0.0, 1.7):
        estimates, exact, variance = asked(
            computing,
            """([theta, f, b]) => {
                const B = chesspg.bandit, pi = B.softmax(theta), random = chesspg.random(5)
                const estimates = Array.from({ length: 20000 }, () => B.estimate(pi, f, B.play(pi, 8, random), b))
                return [estimates, B.gradient(theta, f), B.variance(theta, f, b)]
            }""",
            [*BANDITS[1], baseline],
        )
        sampled = torch.tensor(estimates, dtype=torch.float64)
        error = sampled.std(dim=0) / math.sqrt(len(sampled))
        assert ((sampled.mean(dim=0) - torch.tensor(exact)).abs() < 4 * error).all()
        assert sampled.var(dim=0).sum().item() == pytest.approx(variance / 8, rel=0.05)


@pytest.mark.parametrize(("theta", "f"), BANDITS[:2])
def test_the_error_falls_as_one_over_the_root_of_the_number_of_games(
    computing: Page, theta: list[float], f: list[float]
) -> None:
    """The slope over 3.6 decades is −0.5 within 0.02, and each error that of the exact variance within 15%."""
    points = computing.evaluate(
        "([theta, f]) => chesspg.bandit.errors(theta, f, 12, 400, chesspg.random(1))", [theta, f]
    )
    games, error = np.array(points).T
    slope = np.polyfit(np.log(games), np.log(error), 1)[0]
    assert slope == pytest.approx(-0.5, abs=0.02)
    assert computing.evaluate("(points) => chesspg.bandit.logSlope(points)", points) == pytest.approx(slope, abs=1e-9)
    variance = computing.evaluate("([theta, f]) => chesspg.bandit.variance(theta, f)", [theta, f])
    np.testing.assert_allclose(error, np.sqrt(variance / games), rtol=0.15)


def test_a_baseline_shrinks_the_variance_and_keeps_the_mean(page: Page) -> None:
    """As the table of the page has it: sampled beside exact, for each of the three baselines."""
    page.locator("#one-rows input[type=range]").nth(1).fill("1.5")
    exact = np.array(page.evaluate("chesspg.bandit.gradient(chesspg.state.theta, chesspg.state.f)"))
    page.wait_for_function(
        "(text) => document.querySelector('#baseline-exact').textContent.includes(text)", arg=f"{exact[1]:.3f}"
    )
    sampled, known = [], []
    for row in page.locator("#baseline-rows tr").all():
        _, variance, exact_variance, mean = row.locator("td").all_inner_texts()
        sampled.append(float(variance))
        known.append(float(exact_variance))
        error = np.array([float(text.replace("−", "-")) for text in mean.strip("()").split(", ")]) - exact
        assert np.linalg.norm(error) < 4 * math.sqrt(known[-1] / 400) + 0.001
    assert sampled == pytest.approx(known, rel=0.25)
    none, mean_reward, optimal = known
    assert none > 3 * mean_reward > 3 * optimal
    page.check("#baseline-choice input[value=optimal]")
    page.wait_for_function("() => document.querySelector('#baseline-cloud svg').ariaLabel.includes('optimal')")


def test_games_played_one_after_another_meet_the_exact_gradient(page: Page) -> None:
    page.click("#sample-run")
    assert page.locator("#sample-status").inner_text() == "4,096 games were played."
    text = page.locator("#sample-text").inner_text()
    assert text.startswith("With N = 4,096")
    assert float(text.split("sample is ")[1].split()[0]) < 0.1
    before = text
    page.click("#sample-again")
    page.wait_for_function("(before) => document.querySelector('#sample-text').textContent !== before", arg=before)


def test_the_program_on_the_page_runs_and_learns(page: Page) -> None:
    """With the reader's own payoffs, which prefer a."""
    page.fill("#one-rows input[type=number] >> nth=0", "4.5")
    page.press("#one-rows input[type=number] >> nth=0", "Enter")
    page.wait_for_function("() => document.querySelector('#code-lines').textContent.includes('4.5')")
    program = page.locator("#code-lines").text_content()
    assert program is not None
    names: dict[str, Any] = {}
    torch.manual_seed(1)
    exec(compile(program, "the learning page", "exec"), names)
    probabilities = names["theta"].detach().softmax(0)
    assert probabilities[0] > 0.95


def test_every_part_of_the_formula_has_a_line(page: Page) -> None:
    lines = {}
    for part in page.locator("#code-terms input").all():
        part.check()
        name = part.get_attribute("value")
        wait_for_drawing(page)
        lines[name] = page.locator("#code-lines mark").all_inner_texts()
    assert lines["log"] == ["log_prob = policy.log_prob(x)"]
    assert lines["product"] == ["(log_prob * reward)"]
    assert lines["mean"] == [".mean()"]
    assert lines["minus"] == ["-", "optimizer.step()"]
    assert all(lines.values())


# --- Tic-tac-toe -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EveryGame:
    """All 255,168 games, by chesspg's rules."""

    reward: NDArray[np.float64]  # [games] f(x)
    opponent: NDArray[np.float64]  # [games] the probability of O's random moves
    plies: NDArray[np.int64]  # [plies] 9 · position of the page + square, of X's moves
    game: NDArray[np.int64]  # [plies] the game of each of them

    def log_probs(self, logits: Tensor, legal: Tensor) -> Tensor:
        """[plies] log π(a|s) for the logits [positions, 9] over the legal squares."""
        masked = torch.where(legal, logits, -torch.inf)
        return torch.log_softmax(masked, dim=1).flatten()[torch.from_numpy(self.plies)]

    def probability(self, log_prob: Tensor) -> Tensor:
        """[games] p(x|θ)."""
        total = torch.zeros(len(self.reward), dtype=torch.float64).index_add(0, torch.from_numpy(self.game), log_prob)
        return total.exp() * torch.from_numpy(self.opponent)


class Table:
    """The page's positions, and the games of chesspg in their numbers."""

    def __init__(self, page: Page) -> None:
        self.page = page
        known = page.evaluate("[chesspg.ticTacToe.positions, [...chesspg.ticTacToe.mine]]")
        self.positions = np.array(known[0], dtype=np.int64)  # [positions, 2] the squares of X and of O
        self.mine = np.array(known[1], dtype=bool)  # [positions] X is to move
        code = self.positions[:, 0] << 9 | self.positions[:, 1]
        self.number = np.full(1 << 18, -1)
        self.number[code] = np.arange(len(code))
        taken = self.positions[:, :1] | self.positions[:, 1:]
        self.legal = torch.from_numpy((taken >> np.arange(9) & 1 == 0) & self.mine[:, None])
        self.legal[~self.mine] = True  # no game uses these; a row without any legal square would be NaN

    @cached_property
    def every(self) -> EveryGame:
        child, outcome = self.rules()
        opponent = np.ones(1)  # [games] of the games that go on
        position = np.zeros(1, dtype=np.int64)
        path = np.empty((1, 0), dtype=np.int64)  # X's plies so far
        ended: list[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]] = []
        for ply in range(10):
            over = (child[position] < 0).all(axis=1)
            ended.append((outcome[position[over]].astype(np.float64), opponent[over], path[over]))
            position, opponent, path = position[~over], opponent[~over], path[~over]
            parent, square = np.nonzero(child[position] >= 0)
            if ply % 2 == 0:
                path = np.column_stack((path[parent], 9 * position[parent] + square))
                opponent = opponent[parent]
            else:
                path, opponent = path[parent], opponent[parent] / (9 - ply)
            position = child[position[parent], square]
        first = np.cumsum([0, *(len(reward) for reward, _, _ in ended)])
        games = [
            np.repeat(np.arange(len(path)) + start, path.shape[1])
            for start, (_, _, path) in zip(first[:-1], ended, strict=True)
        ]
        return EveryGame(
            reward=np.concatenate([reward for reward, _, _ in ended]),
            opponent=np.concatenate([opponent for _, opponent, _ in ended]),
            plies=np.concatenate([path.flatten() for _, _, path in ended]),
            game=np.concatenate(games),
        )

    def rules(self) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
        """The position after each legal move [positions, 9], otherwise −1, and outcomes [positions], by chesspg."""
        stones = self.positions.astype(np.uint64)
        player = (np.bitwise_count(stones).sum(axis=1) % 2).astype(np.int8)
        games = TicTacToeGames(stones, player, [EMPTY_START] * len(stones), [[] for _ in stones])
        legal = games.observe().legal
        assert isinstance(legal, Legal)
        parent = np.repeat(np.arange(len(stones)), np.diff(legal.offsets))
        children = games[parent]
        children.play(legal.actions)
        after = children.stones.astype(np.int64)
        child = np.full((len(stones), 9), -1)
        child[parent, legal.actions] = self.number[after[:, 0] << 9 | after[:, 1]]
        assert (child[parent, legal.actions] >= 0).all()  # the page knows all of them
        return child, games.outcomes().outcome

    def theta(self, seed: int, scale: float) -> NDArray[np.float64]:
        """[positions, 9] random parameters."""
        drawn = np.random.default_rng(seed).normal(scale=scale, size=(len(self.positions), 9))
        return np.where(self.mine[:, None], drawn, 0.0)

    def exact(self, theta: NDArray[np.float64], baseline: float = 0) -> dict[str, Any]:
        """What the page computes by dynamic programming."""
        result: dict[str, Any] = asked(
            self.page,
            """([theta, b]) => {
                const { gradient, ...rest } = chesspg.ticTacToe.exact(Float64Array.from(theta), b)
                return { ...rest, value: [...rest.value], reach: [...rest.reach], gradient: [...gradient] }
            }""",
            [theta.flatten().tolist(), baseline],
        )
        return result


@pytest.fixture(scope="module")
def table(computing: Page) -> Table:
    return Table(computing)


def test_the_page_knows_every_position_and_every_game(table: Table) -> None:
    assert len(table.positions) == 5478
    assert len(table.every.reward) == table.page.evaluate("chesspg.ticTacToe.totalGames()") == 255_168
    assert table.page.locator("#games-positions").inner_text() == f"{table.mine.sum():,}"


@pytest.mark.parametrize(("seed", "scale"), [(1, 1.0), (2, 3.0)])
def test_the_exact_gradient_of_tic_tac_toe_is_that_of_chesspg_and_torch(table: Table, seed: int, scale: float) -> None:
    """Autograd through the sum over all games, and through chesspg's loss with the same games, to 1e-9."""
    theta, every = table.theta(seed, scale), table.every
    known = table.exact(theta, baseline=0.4)
    logits = torch.tensor(theta, requires_grad=True)
    log_prob = every.log_probs(logits, table.legal)
    p = every.probability(log_prob)
    assert p.sum().item() == pytest.approx(1, abs=1e-9)
    f = torch.from_numpy(every.reward)
    game = torch.from_numpy(every.game)
    expected = (p * f).sum()
    assert known["expected"] == pytest.approx(expected.item(), abs=1e-9)
    (by_torch,) = torch.autograd.grad(expected, logits, retain_graph=True)
    advantage = p.detach()[game] * returns(f, game, torch.zeros_like(game))
    (by_chesspg,) = torch.autograd.grad(log_likelihood_loss(log_prob, advantage), logits)
    shown = torch.tensor(known["gradient"], dtype=torch.float64).view(-1, 9)
    torch.testing.assert_close(shown, by_torch, rtol=0, atol=1e-9)
    torch.testing.assert_close(shown, -by_chesspg, rtol=0, atol=1e-9)
    assert by_torch.norm() > 0.02  # no comparison of nothing with nothing
    # E‖(f − b) ∇ log p‖² − ‖∇E[f]‖²; the plies of a game have different parameters.
    pi = torch.where(table.legal, logits.detach(), -torch.inf).softmax(dim=1)
    norm = 1 - 2 * log_prob.detach().exp() + pi.square().sum(dim=1)[torch.from_numpy(every.plies // 9)]
    squares = torch.zeros_like(f).index_add(0, game, norm)
    variance = (p.detach() * (f - 0.4) ** 2 * squares).sum() - by_torch.square().sum()
    assert known["variance"] == pytest.approx(variance.item(), abs=1e-9)
    optimal = (p.detach() * f * squares).sum() / (p.detach() * squares).sum()
    assert known["optimalBaseline"] == pytest.approx(optimal.item(), abs=1e-9)
    assert table.exact(theta, optimal.item())["variance"] <= min(known["variance"], table.exact(theta)["variance"])


@pytest.mark.parametrize("baseline", ["none", "leave_one_out"])
def test_an_estimate_from_sampled_games_is_that_of_chesspg(table: Table, baseline: Any) -> None:
    """The same games, weighted by chesspg's advantages and differentiated by torch."""
    theta = table.theta(3, 1.0)
    sampled = asked(
        table.page,
        """([theta, baseline]) => {
            const t = chesspg.ticTacToe, pi = t.probabilities(Float64Array.from(theta))
            const games = t.play(pi, 50, chesspg.random(7))
            return Object.fromEntries(Object.entries({ ...games, estimate: t.estimate(pi, games, baseline) })
                .map(([name, array]) => [name, [...array]]))
        }""",
        [theta.flatten().tolist(), baseline],
    )
    game = torch.repeat_interleave(torch.arange(50), torch.tensor(sampled["ends"]).diff(prepend=torch.tensor([0])))
    sample = Sample(
        reward=torch.tensor(sampled["reward"], dtype=torch.float64),
        group=torch.zeros(50, dtype=torch.long),
        game=game,
        player=torch.zeros_like(game),
    )
    logits = torch.tensor(theta, requires_grad=True)
    log_prob = torch.log_softmax(torch.where(table.legal, logits, -torch.inf), dim=1).flatten()[sampled["plies"]]
    loss = log_likelihood_loss(log_prob, Advantages(baseline=baseline)(sample)) / 50
    (gradient,) = torch.autograd.grad(loss, logits)
    assert len(set(sampled["reward"])) > 1
    torch.testing.assert_close(
        torch.tensor(sampled["estimate"], dtype=torch.float64).view(-1, 9), -gradient, rtol=0, atol=1e-9
    )


@pytest.mark.parametrize("baseline", ["none", "leave_one_out"])
def test_sampled_games_of_tic_tac_toe_meet_the_exact_gradient(table: Table, baseline: str) -> None:
    """The slope is −0.5 within 0.05. Without a baseline, the error of the largest N is √(Var / N) within 10%."""
    theta = table.theta(4, 1.0)
    errors = asked(
        table.page,
        """([theta, baseline]) => {
            const t = chesspg.ticTacToe, at = Float64Array.from(theta), pi = t.probabilities(at)
            const exact = t.exact(at).gradient, random = chesspg.random(11)
            return [6, 8, 10, 12, 14].map((power) => {
                let squares = 0
                for (let sample = 0; sample < 8; sample++) {
                    const estimate = t.estimate(pi, t.play(pi, 2 ** power, random), baseline)
                    squares += chesspg.bandit.distance(estimate, exact) ** 2 / 8
                }
                return Math.sqrt(squares)
            })
        }""",
        [theta.flatten().tolist(), baseline],
    )
    games = 2 ** np.array([6, 8, 10, 12, 14])
    assert np.polyfit(np.log(games), np.log(errors), 1)[0] == pytest.approx(-0.5, abs=0.05)
    if baseline == "none":
        assert errors[-1] == pytest.approx(math.sqrt(table.exact(theta)["variance"] / games[-1]), rel=0.1)


def test_a_logit_moves_the_expected_reward_by_its_derivative(page: Page) -> None:
    """By the sliders and the numbers of the page, in a position that is reached by clicks on the board."""
    for square in ("b2", "a1"):
        page.click(f"#games-board button[aria-label^='{square}']")
    where = "document.querySelector('#games-where').textContent"  # it is written before the next frame
    page.wait_for_function(f"() => {where}.startsWith('Moves: b2 a1. X is to move')")
    free = page.locator("#games-thetas .free:visible")
    assert free.count() == 7
    number = page.evaluate("chesspg.ticTacToe.find([1 << 4, 1])")
    before = page.evaluate("chesspg.ticTacToe.exact(chesspg.state.table).expected")
    derivative = page.evaluate(f"chesspg.ticTacToe.exact(chesspg.state.table).gradient[{9 * number + 8}]")
    page.locator("#games-thetas input[aria-label='theta of c3']").fill("0.1")
    moved = page.evaluate("chesspg.ticTacToe.exact(chesspg.state.table).expected")
    assert (moved - before) / 0.1 == pytest.approx(derivative, rel=0.1)
    page.wait_for_function("() => document.querySelector('#games-thetas').textContent.includes('0.1')")
    page.click("#games-back")
    page.wait_for_function("() => document.querySelector('#games-where').textContent.includes('O is to move')")
    assert free.count() == 0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_training_learns_tic_tac_toe(table: Table, seed: int) -> None:
    """From a score of 65% against random moves to 97% or more, exactly; the best possible is 99.7%."""
    before, after, best = table.page.evaluate(
        """(seed) => {
            const t = chesspg.ticTacToe, theta = t.zeros(), random = chesspg.random(seed)
            const before = t.exact(theta).expected
            for (let k = 0; k < 1000; k++) t.update(theta, 100, 10, "leave_one_out", random)
            return [before, t.exact(theta).expected, t.bestExpected()]
        }""",
        seed,
    )
    assert (before + 1) / 2 == pytest.approx(0.648, abs=0.001)
    assert 0.97 < (after + 1) / 2 < (best + 1) / 2 < 0.998


def test_the_button_trains_within_a_minute_and_the_result_can_be_played(tab: Tab) -> None:
    """By the clock of the page, which a test may turn; then a whole game against the policy's likeliest moves."""
    page = tab.open(reduced_motion="reduce")  # so that the curve is drawn once a second
    page.clock.install()
    page.clock.pause_at(page.evaluate("Date.now() + 1000"))
    page.click("#train-run")
    page.clock.run_for(5_000)
    page.click("#train-run")
    paused = page.locator("#train-status").inner_text()
    assert paused.startswith("Paused after ")
    page.clock.run_for(1_000)
    assert page.locator("#train-status").inner_text() == paused
    page.click("#train-run")
    page.clock.run_for(25_000)
    status = page.locator("#train-status").inner_text()
    assert status.startswith("Finished after 1,000 updates: E[f] is 0.9")
    assert float(status.split("score of ")[1].split()[0]) > 97
    page.check("#play-likeliest")
    page.click("#play-new")
    while not page.locator("#play-status").inner_text().endswith(("won.", "draw.")):
        page.locator("#play-board button[data-target]").first.click()
    assert page.locator("#play-status").inner_text().endswith("X has won.")
    assert page.locator("#play-figures dd").all_inner_texts() == ["0", "0", "1"]
    page.click("#train-reset")
    assert not any(page.evaluate("[...chesspg.state.table]"))
    assert tab.problems == []


# --- The page --------------------------------------------------------------------------------------------------------


def everything(page: Page) -> str:
    """All texts of the page, and what its pictures are described as."""
    wait_for_drawing(page)
    text: str = page.evaluate(
        "document.body.innerText + [...document.querySelectorAll('svg')].map((svg) => svg.ariaLabel + svg.innerHTML)"
    )
    return text


def test_the_same_seed_gives_the_same_page(computing: Page) -> None:
    """Also after another seed, and after the page was loaded again."""
    pages = [everything(computing)]
    for seed in ("2", "1", "2"):
        if len(pages) == 3:
            computing.reload()
        computing.fill("#seed", seed)
        computing.press("#seed", "Enter")
        pages.append(everything(computing))
    assert pages[0] == pages[2] != pages[1] == pages[3]


def test_a_seed_that_is_none_is_refused_in_one_line(page: Page) -> None:
    for seed in ("", "-1", "1.5", "4294967296", "<b>1</b>"):
        page.fill("#seed", seed)
        page.press("#seed", "Enter")
        assert page.locator("#seed-error").inner_text() == (
            f"The seed must be a whole number from 0 to 4,294,967,295, got “{seed}”. The page keeps 1."
        )
        assert page.evaluate("chesspg.state.seed") == 1


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_it_opens_from_disk_without_a_problem_and_fits(tab: Tab, width: int) -> None:
    """A phone's screen also in dark and at 320 pixels, to which the page is resized."""
    page = tab.open(width=width)
    assert fits(page, width)
    if width == PHONE:
        page.emulate_media(color_scheme="dark")
        page.set_viewport_size({"width": 320, "height": 900})
        assert fits(page, 320)
    assert tab.problems == []


def fits(page: Page, width: int) -> bool:
    """Whether the page is no wider than its window; it must show numbers in all charts."""
    assert page.evaluate("document.querySelectorAll('svg text').length") > 50
    assert not any(word in everything(page) for word in ("NaN", "undefined", "Infinity"))
    return bool(page.evaluate("document.documentElement.scrollWidth") <= width)


def test_controls_and_columns_have_names_in_words(page: Page) -> None:
    """Formulas don't count: screen readers and axe find no text in MathML. Nor does the value beside a slider."""
    unnamed = page.evaluate(
        """[...document.querySelectorAll("button, input, [role=img], [role=region], th")].filter((one) => {
            const label = (one.labels?.[0] ?? one).cloneNode(true)
            for (const part of label.querySelectorAll("math, .value")) part.remove()
            return !one.ariaLabel && !label.textContent.trim()
        }).map((one) => one.outerHTML)"""
    )
    assert unnamed == []


def test_extreme_settings_are_shown(page: Page) -> None:
    for payoffs in (("0", "0", "0"), ("-3", "-1", "-2"), ("9", "-9", "0")):
        for k, payoff in enumerate(payoffs):
            page.fill(f"#one-rows input[type=number] >> nth={k}", payoff)
            page.press(f"#one-rows input[type=number] >> nth={k}", "Enter")
        for theta in ("-4", "4"):
            page.locator("#one-rows input[type=range]").first.fill(theta)
            assert not any(word in everything(page) for word in ("NaN", "undefined", "Infinity"))


def test_the_policy_of_the_page_blocks_inline_scripts(tab: Tab, tmp_path: Path) -> None:
    """Both one that is in the file and one that is added later."""
    copy = tmp_path / "learn"
    shutil.copytree(PAGE.parent, copy)
    text = (copy / "index.html").read_text(encoding="utf-8")
    (copy / "index.html").write_text(text.replace("<main>", "<script>hacked = 1</script><main>"), encoding="utf-8")
    page = tab.open(page=copy / "index.html")
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), { textContent: 'hacked = 2' }))"
    )
    assert page.evaluate("typeof hacked") == "undefined"
    assert len([problem for problem in tab.problems if "Content Security Policy" in problem]) == 2
    assert page.evaluate("typeof chesspg") == "object"  # its own script ran


def test_it_works_with_the_keyboard(page: Page) -> None:
    """A slider by its arrow keys, a baseline, the board of tic-tac-toe by arrow keys and Enter."""
    page.focus("#one-rows input[type=range] >> nth=1")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert page.evaluate("chesspg.state.theta[1]") == pytest.approx(0.3)
    page.focus("#baseline-choice input:checked")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.querySelector('#baseline-cloud svg').ariaLabel.includes('the mean')")
    page.focus("#games-board button")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('#games-where').textContent.startsWith('Moves: b2.')")


def test_it_is_small() -> None:
    size = sum(path.stat().st_size for path in (PAGE, PAGE.with_name("page.js"), PAGE.with_name("page.css")))
    assert size < 1_500_000
