/** Section 6: REINFORCE learns tic-tac-toe. */
import { drawChart } from "./chart";
import { byId, choice, count, format, formula, percent, slider, stillness } from "./dom";
import { fillFigures } from "./games";
import { changed, draws, on, state } from "./page";
import { random, type Random } from "./random";
import { type Baseline, bestExpected, exact, update, zeros } from "./tictactoe";

const SECTION = 6;
const GAMES = 100; // that an update plays
const UPDATES = 1000; // after which the training pauses
const PER_SECOND = 40; // updates, where the computer is fast enough
const BUDGET = 20; // ms of computing in a frame, so that the page stays smooth
const REDRAW = 100; // ms between drawings of the curve

export function mountTrain(): void {
  let baseline: Baseline = "leave_one_out";
  let rate = 10;
  let uniforms: Random;
  let curve: [number, number][]; // updates, E[f]
  let means: [number, number][]; // updates, mean payoff of the update's games
  let goal = 0;
  let seconds = 0;
  let frame = 0;
  const best = bestExpected();
  const button = byId("train-run");
  byId("train-games").textContent = String(GAMES);
  const start = (): void => {
    uniforms = random(state.seed, SECTION);
    curve = [[0, exact(state.table).expected]];
    means = [];
    goal = 0;
    seconds = 0;
  };
  const done = (): number => means.length;
  start();
  const draw = draws(["width"], () => {
    const now = curve.at(-1)![1];
    const high = Math.max(UPDATES, goal);
    drawChart(
      byId("train-curve"),
      { low: 0, high, label: "updates", text: count },
      { low: -0.1, high: 1.05, label: "payoff, and the score against random moves", text: (f) => `${format(f, 1)} · ${format(50 * (f + 1), 0)} %` },
      [
        { name: `mean payoff of ${GAMES} games`, look: "specks", hue: "two", points: means },
        { name: "E[f], exact", look: "line", hue: "one", points: curve },
        { name: `best possible: ${format(best)}`, look: "dashes", hue: "plain", points: [[0, best], [high, best]] },
      ],
      `After ${count(done())} updates, E[f] is ${format(now)}; it began at ${format(curve[0]![1])}. The best possible is ${format(best)}.`,
      320,
    );
    fillFigures(byId("train-figures"), [
      ["updates", count(done())],
      ["games", count(done() * GAMES)],
      [formula("E[f]"), format(now, 4)],
      ["score against random moves", percent((now + 1) / 2)],
      ["time", `${format(seconds, 0)} s`],
    ]);
  });
  const pause = (): void => {
    cancelAnimationFrame(frame);
    frame = 0;
    button.textContent = done() ? "Continue" : "Train";
    draw();
    changed("table");
    const now = curve.at(-1)![1];
    byId("train-status").textContent = done()
      ? `${done() < goal ? "Paused" : "Finished"} after ${count(done())} updates: E[f] is ${format(now)}, a score of ${percent((now + 1) / 2)}.`
      : "";
  };
  const run = (): void => {
    if (!done()) start(); // from θ as section 4 has it now
    if (done() >= goal) goal += UPDATES;
    button.textContent = "Pause";
    byId("train-status").textContent = "Training …";
    let before = performance.now();
    let drawn = before;
    let due = done();
    const step = (now: number): void => {
      const passed = Math.min(Math.max(now - before, 0), 1000);
      before = now;
      seconds += passed / 1000;
      due = Math.min(due + (passed / 1000) * PER_SECOND, goal);
      const began = performance.now();
      while (done() < Math.floor(due) && performance.now() - began < BUDGET) {
        const mean = update(state.table, GAMES, rate, baseline, uniforms);
        means.push([done() + 1, mean]);
        curve.push([done(), exact(state.table).expected]);
      }
      due = Math.min(due, done() + PER_SECOND); // what a slow computer misses is not made up for
      if (done() >= goal) return pause();
      if (now - drawn > (stillness.matches ? 1000 : REDRAW)) {
        drawn = now;
        draw();
      }
      frame = requestAnimationFrame(step);
    };
    frame = requestAnimationFrame(step);
  };
  const reset = (): void => {
    state.table = zeros();
    start();
    pause();
  };
  button.addEventListener("click", () => (frame ? pause() : run()));
  byId("train-reset").addEventListener("click", () => {
    reset();
    byId("train-status").textContent = "All θ are 0 again.";
  });
  on("seed", reset);
  on("table", () => {
    if (done() || frame) return;
    start(); // the curve begins where section 4 has put θ
    draw();
  });
  choice<"none" | "leave_one_out">(
    byId("train-baseline"),
    "Baseline",
    { none: "none", leave_one_out: "leave-one-out: the mean of the other games" },
    "leave_one_out",
    (chosen) => {
      baseline = chosen;
    },
  );
  const RATES = [1, 2, 5, 10, 20, 50, 100, 200];
  const rates = slider(
    formula("α"),
    "learning rate",
    { min: 0, max: RATES.length - 1, step: 1, value: RATES.indexOf(rate), text: (at) => String(RATES[at]) },
    (at) => {
      rate = RATES[at]!;
    },
  );
  byId("train-rate").replaceChildren(rates.row);
}
