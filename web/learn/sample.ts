/** Section 2: the estimate from N sampled games, and its error against N. */
import { errors, gradient, growing, logSlope, play, softmax, variance } from "./bandit";
import { drawBars, drawChart } from "./chart";
import { byId, count, format, stillness } from "./dom";
import { draws, MOVES, on, state } from "./page";
import { random } from "./random";
import { mountGames, mountThetas } from "./thetas";

const SECTION = 2;
const DOUBLINGS = 12;
const LARGEST = 2 ** DOUBLINGS;
const SAMPLES = 200; // from which the mean error is computed
const SECONDS = 8; // that the animation takes

export function mountSample(): void {
  let N = 16;
  let sample = 0;
  let animation = 0;
  let errorsFor = "";
  let uniforms = new Float64Array();
  let mean: [number, number][] = [];
  const sow = (): void => {
    uniforms = Float64Array.from({ length: SAMPLES * LARGEST }, random(state.seed, SECTION, -1));
  };
  on("seed", () => {
    sample = 0;
    sow();
  });
  sow();
  const draw = draws(["bandit", "seed", "width"], () => {
    const { theta, f, seed } = state;
    const exact = gradient(theta, f);
    const games = play(softmax(theta), LARGEST, random(seed, SECTION, sample));
    const { error, path } = growing(theta, f, games);
    const estimate = path[N - 1]!;
    drawBars(
      byId("sample-bars"),
      [...MOVES],
      [
        { name: "exact gradient", hue: "one", values: exact },
        { name: "estimate", hue: "two", values: estimate },
      ],
      1.2 * Math.max(0.3, ...exact.map(Math.abs)),
      format,
      `Estimate from ${N} games beside the exact gradient: ${MOVES.map((move, k) => `${move} ${format(estimate[k]!)} and ${format(exact[k]!)}`).join("; ")}.`,
    );
    const key = JSON.stringify([theta, f, seed]);
    if (key !== errorsFor) {
      errorsFor = key;
      let used = 0; // the same random numbers for every θ, so that a slider moves smoothly
      mean = errors(theta, f, DOUBLINGS, SAMPLES, () => uniforms[used++]!);
    }
    const deviation = Math.sqrt(variance(theta, f));
    const slope = deviation > 1e-9 ? logSlope(mean) : null; // without variance, all errors are 0
    const points = error.map((e, i) => [i + 1, e] as const).filter(([n], i) => n <= 64 || i % 8 === 0);
    const high = 10 ** Math.ceil(Math.log10(3 * deviation || 1));
    drawChart(
      byId("sample-errors"),
      { low: 1, high: LARGEST, log: true, label: "number of games N", text: count },
      { low: high / 1e4, high, log: true, label: "distance from the exact gradient, ‖ĝ − ∇E[f]‖" },
      [
        { name: "this sample, game by game", look: "thin", hue: "two", points },
        { name: `root mean square of ${SAMPLES} samples`, look: "dots", hue: "three", points: mean },
        { name: "√(Var / N), computed exactly", look: "dashes", hue: "plain", points: [[1, deviation], [LARGEST, deviation / Math.sqrt(LARGEST)]] },
        { name: "the N of the slider", look: "ring", hue: "two", points: [[N, error[N - 1]!]] },
      ],
      `Error against the number of games, on logarithmic axes. The root mean square of ${SAMPLES} samples falls from ` +
        `${format(mean[0]![1])} at 1 game to ${format(mean.at(-1)![1])} at ${LARGEST} games${slope === null ? "" : `, with slope ${format(slope, 2)}`}.`,
      320,
    );
    byId("sample-text").textContent =
      `With N = ${count(N)}, this sample is ${format(error[N - 1]!, 4)} away from the exact gradient; the root mean square over all samples is ` +
      `${format(deviation / Math.sqrt(N), 4)}. ` +
      (slope === null
        ? "At these payoffs every estimate is exact."
        : `The dots fall with a slope of ${format(slope, 2)} on these logarithmic axes; 1/√N has the slope −0.5.`);
  });
  const setN = mountGames("sample-games", { from: 1, to: LARGEST, parts: 8, value: N }, (games) => {
    stop();
    N = games;
    draw();
  });
  mountThetas("sample-theta");
  const button = byId("sample-run");
  const stop = (): void => {
    cancelAnimationFrame(animation);
    animation = 0;
    button.textContent = "Play 4,096 games";
  };
  const finish = (): void => {
    stop();
    byId("sample-status").textContent = `${count(N)} games were played.`;
  };
  button.addEventListener("click", () => {
    if (animation) return finish();
    if (stillness.matches) {
      N = LARGEST;
      setN(N);
      draw();
      return finish();
    }
    button.textContent = "Stop";
    byId("sample-status").textContent = "";
    const began = performance.now();
    const step = (now: number): void => {
      const part = Math.min(Math.max(now - began, 0) / 1000 / SECONDS, 1);
      N = Math.round(2 ** (part * DOUBLINGS));
      setN(N);
      draw();
      if (part < 1) animation = requestAnimationFrame(step);
      else finish();
    };
    animation = requestAnimationFrame(step);
  });
  byId("sample-again").addEventListener("click", () => {
    sample++;
    draw();
    byId("sample-status").textContent = `Sample ${sample + 1}.`;
  });
}
