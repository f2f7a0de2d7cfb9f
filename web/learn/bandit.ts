/**
 * The log-derivative trick where a game is one move: a softmax over a few moves, each with a payoff.
 *
 * A game x is a move, p(x|θ) = π(x) = softmax(θ)ₓ, and f(x) is its payoff. All vectors have one number for each move.
 */

import type { Random } from "./random";

/** π = softmax(θ); the largest logit is subtracted first, so that no exponential overflows. */
export function softmax(theta: readonly number[]): number[] {
  const largest = Math.max(...theta);
  const powers = theta.map((logit) => Math.exp(logit - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/** E[f] = Σₓ π(x) f(x). */
export function expected(theta: readonly number[], f: readonly number[]): number {
  return dot(softmax(theta), f);
}

/** ∇θ log π(x): 1 for the move played, minus the probabilities. */
export function score(pi: readonly number[], x: number): number[] {
  return pi.map((p, k) => (k === x ? 1 : 0) - p);
}

/** ∇θ E[f] = Σₓ π(x) (f(x) − b) ∇θ log π(x), summed over every game; b changes nothing. */
export function gradient(theta: readonly number[], f: readonly number[], b = 0): number[] {
  const pi = softmax(theta);
  const sum = pi.map(() => 0);
  pi.forEach((p, x) => addScaled(sum, p * (at(f, x) - b), score(pi, x)));
  return sum;
}

/** Var = E‖(f(x) − b) ∇θ log π(x)‖² − ‖∇θ E[f]‖²: the mean squared error of an estimate from N games is Var / N. */
export function variance(theta: readonly number[], f: readonly number[], b = 0): number {
  const pi = softmax(theta);
  const squares = pi.map((p, x) => p * (at(f, x) - b) ** 2 * squaredNorm(score(pi, x)));
  return squares.reduce((a, c) => a + c, 0) - squaredNorm(gradient(theta, f));
}

/** The constant b with the least variance: E[f ‖∇θ log π‖²] / E[‖∇θ log π‖²]. */
export function optimalBaseline(theta: readonly number[], f: readonly number[]): number {
  const pi = softmax(theta);
  const weight = pi.map((p, x) => p * squaredNorm(score(pi, x)));
  return dot(weight, f) / weight.reduce((a, c) => a + c, 0);
}

/** The value of the pseudo-loss −E[log π(x) · (f(x) − b)], which only its gradient gives a meaning. */
export function pseudoLoss(theta: readonly number[], f: readonly number[], b = 0): number {
  return -softmax(theta).reduce((sum, p, x) => sum + p * Math.log(p) * (at(f, x) - b), 0);
}

/** N games: the number of the move that each of them plays. */
export function play(pi: readonly number[], N: number, random: Random): number[] {
  const games: number[] = [];
  for (let game = 0; game < N; game++) {
    let u = random();
    let x = 0;
    while (x < pi.length - 1 && u >= at(pi, x)) u -= at(pi, x++);
    games.push(x);
  }
  return games;
}

/** ĝ = 1/N Σᵢ (f(xᵢ) − b) ∇θ log π(xᵢ): the gradient as N games show it. */
export function estimate(pi: readonly number[], f: readonly number[], games: readonly number[], b = 0): number[] {
  const played = pi.map(() => 0); // how often each move was played
  for (const x of games) played[x]!++;
  const sum = pi.map(() => 0);
  played.forEach((times, x) => addScaled(sum, (times * (at(f, x) - b)) / games.length, score(pi, x)));
  return sum;
}

/**
 * ‖ĝ − ∇θ E[f]‖ of one sample as it grows: after 1, 2, 3, … games. The estimate itself is the last value of `path`.
 * @returns `error` [N] and `path` [N][moves]
 */
export function growing(
  theta: readonly number[],
  f: readonly number[],
  games: readonly number[],
): { error: number[]; path: number[][] } {
  const pi = softmax(theta);
  const exact = gradient(theta, f);
  const sum = pi.map(() => 0);
  const path = games.map((x, i) => {
    addScaled(sum, at(f, x), score(pi, x));
    return sum.map((s) => s / (i + 1));
  });
  return { error: path.map((estimate) => distance(estimate, exact)), path };
}

/**
 * The root of the mean squared error over many samples, for N = 1, 2, 4, …
 * @param doublings the largest N is 2 to this power
 * @param samples how many samples of the largest N are played
 * @returns [N, error] for each N
 */
export function errors(
  theta: readonly number[],
  f: readonly number[],
  doublings: number,
  samples: number,
  random: Random,
): [number, number][] {
  const pi = softmax(theta);
  const exact = gradient(theta, f);
  const squares = Array.from({ length: doublings + 1 }, () => 0);
  for (let sample = 0; sample < samples; sample++) {
    const games = play(pi, 2 ** doublings, random);
    const played = pi.map(() => 0); // how often each move was played, which is all that ĝ depends on
    for (let doubling = 0, game = 0; doubling <= doublings; doubling++) {
      const N = 2 ** doubling;
      for (; game < N; game++) played[games[game]!]!++;
      const sum = pi.map(() => 0);
      played.forEach((times, x) => addScaled(sum, (times * at(f, x)) / N, score(pi, x)));
      squares[doubling]! += distance(sum, exact) ** 2;
    }
  }
  return squares.map((square, doubling) => [2 ** doubling, Math.sqrt(square / samples)]);
}

/** The slope of log y against log x, by least squares. */
export function logSlope(points: readonly (readonly [number, number])[]): number {
  const x = points.map(([x]) => Math.log(x));
  const y = points.map(([, y]) => Math.log(y));
  const meanX = x.reduce((a, b) => a + b, 0) / x.length;
  const meanY = y.reduce((a, b) => a + b, 0) / y.length;
  const covariance = x.reduce((sum, one, i) => sum + (one - meanX) * (at(y, i) - meanY), 0);
  return covariance / x.reduce((sum, one) => sum + (one - meanX) ** 2, 0);
}

/** θ after each of these steps of gradient ascent with the exact gradient, the first θ included. */
export function ascent(theta: readonly number[], f: readonly number[], rate: number, steps: number): number[][] {
  const path = [[...theta]];
  for (let step = 0; step < steps; step++) {
    const now = [...path[step]!];
    addScaled(now, rate, gradient(now, f));
    path.push(now);
  }
  return path;
}

export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return Math.sqrt(sum);
}

export function squaredNorm(a: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! ** 2;
  return sum;
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, x, i) => sum + x * at(b, i), 0);
}

function addScaled(to: number[], scale: number, what: readonly number[]): void {
  for (let i = 0; i < to.length; i++) to[i]! += scale * at(what, i);
}

/** An element that is there. */
function at(array: readonly number[], index: number): number {
  return array[index]!;
}
