/** Section 1: one move, its expected payoff, and the exact gradient step by step. */
import { expected, gradient, score, softmax } from "./bandit";
import { drawBars } from "./chart";
import { byId, choice, factor, fillRows, format, formula, make, slider, svg } from "./dom";
import { changed, draws, MOVES, state } from "./page";
import { RANGE } from "./thetas";

const STEP = 0.5;
const PAYOFF = 9; // payoffs lie between −9 and 9
const CHECK = 1e-4; // half the width of the difference quotient

export function mountOne(): void {
  let parameter = 1;
  const rows = MOVES.map((move, k) => controls(move, k));
  byId("one-rows").replaceChildren(...rows.map(({ row }) => row));
  byId("one-zero").addEventListener("click", () => {
    state.theta = MOVES.map(() => 0);
    changed("bandit");
  });
  const redraw = draws(["bandit", "width"], () => {
    rows.forEach(({ show }) => show());
    drawAreas(byId("one-areas"));
    drawTerms(parameter);
    const exact = gradient(state.theta, state.f);
    const text = exact.map((g, k) => `${MOVES[k]}: ${format(g)}`).join(", ");
    drawBars(
      byId("one-gradient"),
      [...MOVES],
      [{ name: "exact gradient of E[f], for each parameter", hue: "one", values: exact }],
      Math.max(0.5, ...exact.map(Math.abs)),
      format,
      `Exact gradient: ${text}.`,
    );
  });
  const spoken = { a: "theta of a", b: "theta of b", c: "theta of c" };
  const choose = (move: (typeof MOVES)[number]): void => {
    parameter = MOVES.indexOf(move);
    redraw();
  };
  choice(byId("one-parameter"), "Derivative with respect to", names(), "b", choose, spoken);
  byId("one-step").addEventListener("click", () => {
    const before = expected(state.theta, state.f);
    const g = gradient(state.theta, state.f);
    state.theta = state.theta.map((theta, k) => Math.min(Math.max(theta + STEP * g[k]!, RANGE.min), RANGE.max));
    changed("bandit");
    const after = expected(state.theta, state.f);
    byId("one-status").textContent = 
      `θ is now (${state.theta.map((theta) => format(theta, 2)).join(", ")}). E[f] went from ${format(before)} to ${format(after)}.`;
  });
}

function names(): Record<(typeof MOVES)[number], Element> {
  return { a: formula("θ_a"), b: formula("θ_b"), c: formula("θ_c") };
}

/** The payoff, the slider and the probability of a move. */
function controls(move: string, k: number): { row: HTMLElement; show(): void } {
  const payoff = make("input", { type: "number", min: -PAYOFF, max: PAYOFF, step: 0.5, "aria-label": `payoff of move ${move}` });
  payoff.value = String(state.f[k]);
  payoff.addEventListener("change", () => {
    const value = payoff.valueAsNumber;
    if (Number.isFinite(value)) {
      state.f = state.f.with(k, Math.min(Math.max(value, -PAYOFF), PAYOFF));
      changed("bandit");
    }
    payoff.value = String(state.f[k]);
  });
  const theta = slider(
    formula(`θ_${move}`),
    `theta of ${move}`,
    { ...RANGE, value: state.theta[k]!, text: (value) => format(value, 1) },
    (value) => {
      state.theta = state.theta.with(k, value);
      changed("bandit");
    },
  );
  const probability = make("span", { class: "value" });
  const bar = svg("rect", { class: `bar hue-${HUES[k]}`, height: 8, width: 0 });
  const picture = svg("svg", { viewBox: "0 0 100 8", class: "share", "aria-hidden": "true", preserveAspectRatio: "none" });
  picture.append(bar);
  const row = make(
    "div",
    { class: "move", role: "group", "aria-label": `move ${move}` },
    make("label", { class: "payoff" }, formula(`f(${move}) =`), payoff),
    theta.row,
    make("div", { class: "pi" }, formula(`π(${move}) =`), " ", probability, picture),
  );
  const show = (): void => {
    theta.set(state.theta[k]!);
    const pi = softmax(state.theta)[k]!;
    probability.textContent = format(pi);
    bar.setAttribute("width", String(100 * pi));
  };
  return { row, show };
}

export const HUES = ["one", "two", "three"] as const;

/** E[f] as an area: a rectangle for each move, π wide and f high; the dashed line has the same area below it. */
function drawAreas(figure: HTMLElement): void {
  const width = Math.max(figure.clientWidth, 200);
  const height = 230;
  const pi = softmax(state.theta);
  const E = expected(state.theta, state.f);
  const low = Math.min(0, ...state.f);
  const high = Math.max(0, ...state.f);
  const box = { left: 30, right: width - 8, top: 22, bottom: height - 26 };
  const toY = (f: number): number =>
    high === low ? box.bottom : box.bottom - ((f - low) / (high - low)) * (box.bottom - box.top);
  const description = MOVES.map((move, k) => `${move} has probability ${format(pi[k]!)} and payoff ${format(state.f[k]!, 1)}`);
  const picture = svg("svg", {
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    role: "img",
    "aria-label": `Expected payoff ${format(E)}: ${description.join("; ")}.`,
  });
  let x = box.left;
  pi.forEach((p, k) => {
    const wide = p * (box.right - box.left);
    const [top, bottom] = [toY(Math.max(state.f[k]!, 0)), toY(Math.min(state.f[k]!, 0))];
    picture.append(svg("rect", { class: `area hue-${HUES[k]}`, x, y: top, width: wide, height: Math.max(bottom - top, 1) }));
    if (wide > 34) {
      const label = `${MOVES[k]} ${format(p, 2)}`;
      picture.append(svg("text", { x: x + wide / 2, y: height - 8, "text-anchor": "middle" }, wide > 60 ? label : MOVES[k]!));
    }
    x += wide;
  });
  for (const value of new Set([low, 0, high])) {
    picture.append(svg("text", { x: box.left - 6, y: toY(value) + 4, "text-anchor": "end" }, format(value, value % 1 ? 1 : 0)));
  }
  picture.append(
    svg("line", { class: "axis", x1: box.left, x2: box.right, y1: toY(0), y2: toY(0) }),
    svg("line", { class: "dashes hue-plain", x1: box.left, x2: box.right, y1: toY(E), y2: toY(E) }),
    svg("text", { class: "strong", x: box.right, y: toY(E) - 7, "text-anchor": "end" }, `E[f] = ${format(E)}`),
  );
  const caption = make("figcaption", {}, "Each rectangle is ", formula("π(x)"), " wide and ", formula("f(x)"), " high. The dashed line is ");
  caption.append(formula("E[f]"), ": the area between it and 0 equals that of the rectangles, where an area below 0 counts as negative.");
  figure.replaceChildren(picture, caption);
}

/** The sum over all games for one parameter, with the reader's numbers. */
function drawTerms(parameter: number): void {
  const name = MOVES[parameter]!;
  const pi = softmax(state.theta);
  byId("one-score-head").replaceChildren("derivative ", formula(`{∂ log π(x)}/{∂ θ_${name}}`));
  const scores = pi.map((_, x) => score(pi, x)[parameter]!);
  const products = pi.map((p, x) => p * state.f[x]! * scores[x]!);
  fillRows(
    byId("one-terms"),
    MOVES.map((move, x) => [
      move,
      format(pi[x]!),
      format(state.f[x]!, 1),
      make("span", {}, make("span", { class: "wide" }, `${x === parameter ? 1 : 0} − ${format(pi[parameter]!)} = `), format(scores[x]!)),
      format(products[x]!),
    ]),
  );
  const g = gradient(state.theta, state.f)[parameter]!;
  const terms = pi.map((p, x) => `${format(p)} · ${factor(state.f[x]!, 1)} · ${factor(scores[x]!)}`);
  byId("one-sum").replaceChildren(
    "The sum of the products is the derivative: ",
    formula(`{∂ E[f]}/{∂ θ_${name}}`),
    ...terms.flatMap((term, x) => [x ? " + " : " = ", formula(term)]),
    " = ",
    make("b", {}, format(g)),
  );
  const shifted = (by: number): number => expected(state.theta.with(parameter, state.theta[parameter]! + by), state.f);
  const quotient = (shifted(CHECK) - shifted(-CHECK)) / (2 * CHECK);
  byId("one-check").replaceChildren(
    "Check without the trick: if ",
    formula(`θ_${name}`),
    ` changes by ±${CHECK}, `,
    formula("E[f]"),
    ` changes by ${format(quotient, 6)} per unit. The sum with more digits is ${format(g, 6)}.`,
  );
}

