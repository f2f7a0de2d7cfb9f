/** Section 4: whole games of tic-tac-toe; the reader sets θ, and the exact and the sampled gradient stand side by side. */
import { enable } from "../board/buttons";
import { distance, squaredNorm } from "./bandit";
import { drawBars } from "./chart";
import { byId, count, format, formula, make, percent } from "./dom";
import { changed, draws, on, state } from "./page";
import { random } from "./random";
import { boardOf, stateOf, turned } from "./tictactoeboard";
import { estimate, exact, mine, next, outcome, play, positions, probabilities, SQUARES, totalGames, zeros } from "./tictactoe";
import { mountGames, RANGE } from "./thetas";

const SECTION = 4;
const LIMIT = 6; // of a logit on the page; training may go beyond, and the slider then stays at its end

export function mountGamesSection(): void {
  let s = 0;
  let history: number[] = []; // 9 · position + square of each move
  let N = 1024;
  let sample = 0;
  byId("games-positions").textContent = count(mine.reduce((sum, one) => sum + one, 0));
  const board = boardOf(byId("games-board"), (square) => {
    const i = 9 * s + square;
    if (next[i]! < 0) return;
    history.push(i);
    s = next[i]!;
    draw();
  });
  const cells = SQUARES.map((_, square) => cell(turned(square), (a, theta) => setTheta(s, a, theta)));
  byId("games-thetas").replaceChildren(...cells.map(({ element }) => element));
  const draw = draws(["table", "seed", "width"], () => {
    const known = exact(state.table);
    const pi = probabilities(state.table);
    const here = pi.subarray(9 * s, 9 * s + 9);
    const position = positions[s]!;
    const last = history.length ? history.at(-1)! % 9 : null;
    const over = outcome(position);
    board.show(stateOf(position, last, over === null, over === null ? [...here] : undefined));
    for (const id of ["games-back", "games-start"]) enable(byId(id), history.length > 0);
    byId("games-where").textContent = where(s, history, over);
    const largest = Math.max(...known.gradient.subarray(9 * s, 9 * s + 9).map(Math.abs));
    const digits = Math.min(Math.max(2 - Math.floor(Math.log10(largest || 1)), 4), 8);
    cells.forEach(({ show }, square) => {
      const a = turned(square);
      const i = 9 * s + a;
      const free = mine[s] && next[i]! >= 0;
      show(free ? { theta: state.table[i]!, pi: pi[i]!, gradient: format(known.gradient[i]!, digits) } : null, sign(s, a));
    });
    fillFigures(byId("games-figures"), [
      [formula("E[f]"), `${format(known.expected, 4)}, a score of ${percent((known.expected + 1) / 2)}`],
      ["probability of reaching this position", percent(known.reach[s]!, 2)],
      ["mean payoff from here on", format(known.value[s]!, 4)],
    ]);
    const ghat = estimate(pi, play(pi, N, random(state.seed, SECTION, sample)));
    const shown = SQUARES.map((_, square) => turned(square)).filter((a) => mine[s] && next[9 * s + a]! >= 0);
    const pick = (from: Float64Array): number[] => shown.map((a) => from[9 * s + a]!);
    const figure = byId("games-bars");
    if (shown.length) {
      const limit = 1.15 * Math.max(1e-6, ...pick(known.gradient).map(Math.abs), ...pick(ghat).map(Math.abs));
      drawBars(
        figure,
        shown.map((a) => SQUARES[a]!),
        [
          { name: `exact gradient, over all ${count(totalGames())} games`, hue: "one", values: pick(known.gradient) },
          { name: `estimate from ${count(N)} games`, hue: "two", values: pick(ghat) },
        ],
        limit,
        (value) => format(value, digits),
        `Derivatives in this position, exact and estimated: ${shown.map((a) => `${SQUARES[a]} ${format(known.gradient[9 * s + a]!, digits)} and ${format(ghat[9 * s + a]!, digits)}`).join("; ")}.`,
      );
    } else figure.replaceChildren(make("p", { class: "note" }, "The policy has no parameters here, because X is not to move."));
    const best = exact(state.table, known.optimalBaseline).variance;
    byId("games-text").textContent =
      `Over the parameters of all positions together, the exact gradient has the length ${format(Math.sqrt(squaredNorm(known.gradient)), 4)}. ` +
      `This estimate is ${format(distance(ghat, known.gradient), 4)} away from it; √(Var / N) = ${format(Math.sqrt(known.variance / N), 4)}. ` +
      `The optimal constant baseline, ${format(known.optimalBaseline)}, would change the variance of one game from ${format(known.variance)} to ${format(best)}.`;
  });
  const go = (plies: number): void => {
    history = history.slice(0, plies);
    s = history.length ? next[history.at(-1)!]! : 0;
    draw();
  };
  byId("games-back").addEventListener("click", () => go(history.length - 1));
  byId("games-start").addEventListener("click", () => go(0));
  byId("games-zero").addEventListener("click", () => {
    state.table = zeros();
    changed("table");
  });
  mountGames("games-count", { from: 16, to: 16384, parts: 1, value: N }, (games) => {
    N = games;
    draw();
  });
  byId("games-again").addEventListener("click", () => {
    sample++;
    draw();
    byId("games-status").textContent = `Sample ${sample + 1}.`;
  });
  on("seed", () => {
    sample = 0;
  });
}

function setTheta(s: number, a: number, theta: number): void {
  state.table[9 * s + a] = theta;
  changed("table");
}

function sign(s: number, a: number): string {
  const [x, o] = positions[s]!;
  return (x >> a) & 1 ? "X" : (o >> a) & 1 ? "O" : "";
}

function where(s: number, history: readonly number[], over: number | null): string {
  const moves = history.map((i) => SQUARES[i % 9]).join(" ");
  const played = history.length ? `Moves: ${moves}. ` : "The board is empty. ";
  if (over !== null) return played + (over > 0 ? "X has won: f = 1." : over < 0 ? "O has won: f = −1." : "A draw: f = 0.");
  return played + (mine[s] ? "X is to move, by the probabilities on the squares (in %)." : "O is to move, and chooses each free square with the same probability (in %).");
}

interface Shown {
  theta: number;
  pi: number;
  gradient: string;
}

/** The slider of θ on one square, with its probability and its derivative. */
function cell(a: number, onTheta: (a: number, theta: number) => void): { element: HTMLElement; show(shown: Shown | null, sign: string): void } {
  const name = SQUARES[a]!;
  const input = make("input", { type: "range", min: -LIMIT, max: LIMIT, step: RANGE.step, "aria-label": `theta of ${name}` });
  input.addEventListener("input", () => onTheta(a, input.valueAsNumber));
  const theta = make("span", { class: "value" });
  const pi = make("span", { class: "pi" });
  const derivative = make("span", { class: "note" });
  const free = make("div", { class: "free" }, make("span", { class: "top" }, make("b", {}, name), pi), input, make("span", { class: "top" }, formula("θ"), theta), derivative);
  const taken = make("div", { class: "taken" });
  const element = make("div", { class: "cell" }, free, taken);
  const show = (shown: Shown | null, sign: string): void => {
    free.hidden = !shown;
    taken.hidden = Boolean(shown);
    taken.textContent = sign;
    if (!shown) return;
    input.valueAsNumber = shown.theta;
    theta.textContent = format(shown.theta, 1);
    input.setAttribute("aria-valuetext", `${format(shown.theta, 1)}, probability ${percent(shown.pi)}`);
    pi.textContent = percent(shown.pi);
    derivative.textContent = `∂ ${shown.gradient}`;
  };
  return { element, show };
}

/** A list of names and values. */
export function fillFigures(list: HTMLElement, rows: readonly (readonly [string | Node, string])[]): void {
  list.replaceChildren(...rows.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}
