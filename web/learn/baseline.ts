/** Section 3: baselines. The variance of the estimate falls, and its mean stays. */
import { estimate, expected, gradient, optimalBaseline, play, softmax, squaredNorm, variance } from "./bandit";
import { drawChart } from "./chart";
import { byId, choice, fillRows, format, formula } from "./dom";
import { draws, state } from "./page";
import { random } from "./random";
import { mountGames, mountThetas } from "./thetas";

const SECTION = 3;
const SAMPLES = 400;

const NAMES = { none: "none", mean: "the mean E[f]", optimal: "the optimal one" };
type Name = keyof typeof NAMES;

export function mountBaseline(): void {
  let N = 16;
  let shown: Name = "none";
  const draw = draws(["bandit", "seed", "width"], () => {
    const { theta, f, seed } = state;
    const pi = softmax(theta);
    const uniforms = random(seed, SECTION);
    const games = Array.from({ length: SAMPLES }, () => play(pi, N, uniforms));
    const exact = gradient(theta, f);
    const b: Record<Name, number> = { none: 0, mean: expected(theta, f), optimal: optimalBaseline(theta, f) };
    const clouds = Object.fromEntries(
      Object.entries(b).map(([name, value]) => [name, games.map((moves) => estimate(pi, f, moves, value))]),
    ) as Record<Name, number[][]>;
    const means = Object.fromEntries(Object.entries(clouds).map(([name, cloud]) => [name, meanOf(cloud)])) as Record<Name, number[]>;
    const spread = (name: Name): number =>
      clouds[name].reduce((sum, g) => sum + squaredNorm(g.map((x, k) => x - means[name][k]!)), 0) / (SAMPLES - 1);
    const reach = Math.max(0.05, ...Object.values(clouds).flat().flatMap((g) => [0, 1].map((k) => Math.abs(g[k]! - exact[k]!))));
    const axis = (k: number, label: string) => ({ low: exact[k]! - 1.05 * reach, high: exact[k]! + 1.05 * reach, label });
    drawChart(
      byId("baseline-cloud"),
      axis(0, "estimate of ∂E[f] / ∂θ of a"),
      axis(1, "estimate of ∂E[f] / ∂θ of b"),
      [
        { name: `${SAMPLES} estimates`, look: "cloud", hue: "two", points: clouds[shown].map((g) => [g[0]!, g[1]!] as const) },
        { name: "exact gradient", look: "cross", hue: "plain", points: [[exact[0]!, exact[1]!]] },
        { name: "mean of the estimates", look: "ring", hue: "one", points: [[means[shown][0]!, means[shown][1]!]] },
      ],
      `${SAMPLES} estimates of the derivatives for a and b, with baseline: ${NAMES[shown]}. Their mean is ` +
        `${means[shown].slice(0, 2).map((x) => format(x)).join(" and ")}, their variance ${format(spread(shown), 4)}.`,
      360,
    );
    const vector = (g: readonly number[]): string => `(${g.map((x) => format(x)).join(", ")})`;
    fillRows(
      byId("baseline-rows"),
      (Object.keys(NAMES) as Name[]).map((name) => [
        NAMES[name],
        format(b[name]),
        format(spread(name), 4),
        format(variance(theta, f, b[name]) / N, 4),
        vector(means[name]),
      ]),
    );
    byId("baseline-exact").replaceChildren(
      `The exact gradient is ${vector(exact)}. The variance is the mean squared distance from the mean. Its exact value comes from the sum over all games.`,
    );
    const [none, mean, optimal] = (Object.keys(NAMES) as Name[]).map((name) => variance(theta, f, b[name]));
    byId("baseline-text").replaceChildren(
      `At your θ, the mean as baseline ${comparison(mean!, none!)}. The optimal constant is `,
      formula("b = E[f ‖∇ log π‖^2] / E[‖∇ log π‖^2]"),
      `, an average of the payoffs in which games with a large gradient count more. It ${comparison(optimal!, none!)}. ` +
        "The two differ when the probabilities do: set one θ to 3 and look again.",
    );
  });
  mountThetas("baseline-theta");
  mountGames("baseline-games", { from: 1, to: 256, parts: 1, value: N }, (games) => {
    N = games;
    draw();
  });
  choice<Name>(byId("baseline-choice"), "Baseline", NAMES, shown, (name) => {
    shown = name;
    draw();
  });
}

function comparison(value: number, none: number): string {
  if (none < 1e-12) return "has nothing to reduce, because the variance is 0";
  if (value < 1e-12) return "removes all of the variance";
  if (Math.abs(value / none - 1) < 0.005) return "leaves the variance as it is";
  return value < none
    ? `divides the variance by ${format(none / value, none / value < 10 ? 1 : 0)}`
    : `multiplies the variance by ${format(value / none, 1)}`;
}

function meanOf(vectors: readonly (readonly number[])[]): number[] {
  return vectors[0]!.map((_, k) => vectors.reduce((sum, vector) => sum + vector[k]!, 0) / vectors.length);
}
