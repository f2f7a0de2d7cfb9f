/**
 * Tic-tac-toe with a table for a policy, and the log-derivative trick over every game of it.
 *
 * X, who moves first, has a softmax of its own in every position: π(a|s) = softmax(θ(s))ₐ over the free squares. O plays
 * random moves. f(x) is 1 if X has won the game x, −1 if O has, and 0 for a draw. Squares are numbered as bits: a1, b1,
 * … c3.
 */

import { squaredNorm } from "./bandit";
import type { Random } from "./random";

export const SQUARES = ["a1", "b1", "c1", "a2", "b2", "c2", "a3", "b3", "c3"] as const;
const LINES = [0o7, 0o70, 0o700, 0o111, 0o222, 0o444, 0o421, 0o124];
const FULL = 0o777;

/** The squares of X and of O, as bits. */
export type Position = readonly [x: number, o: number];

/** Every position that a game can reach, each once, ordered by the number of moves played; the first is empty. */
export const positions: Position[] = [[0, 0]];
const numbers = new Map<number, number>([[0, 0]]);

/** [positions · 9] the position after a move on each square, −1 where there is none. */
export const next: Int16Array = listPositions();

/** [positions] whether X is to move, in a game that is not over. Only these positions have parameters. */
export const mine: Uint8Array = Uint8Array.from(positions, (position) =>
  outcome(position) === null && moves(position) % 2 === 0 ? 1 : 0,
);

/** [positions] f at the end of a game; 0 in the middle of one. */
const result: Int8Array = Int8Array.from(positions, (position) => outcome(position) ?? 0);

/** f(x) if the game is over: 1 if X has won, −1 if O has won, 0 for a draw; otherwise null. */
export function outcome([x, o]: Position): 1 | 0 | -1 | null {
  if (LINES.some((line) => (x & line) === line)) return 1;
  if (LINES.some((line) => (o & line) === line)) return -1;
  return (x | o) === FULL ? 0 : null;
}

/** The number of a position in `positions`; undefined if no game reaches it. */
export function find([x, o]: Position): number | undefined {
  return numbers.get((x << 9) | o);
}

function moves([x, o]: Position): number {
  let count = 0;
  for (let bits = x | o; bits; bits &= bits - 1) count++;
  return count;
}

function listPositions(): Int16Array {
  const after: number[] = [];
  for (let s = 0; s < positions.length; s++) {
    const [x, o] = positions[s]!;
    for (let a = 0; a < 9; a++) {
      let child = -1;
      if (outcome([x, o]) === null && !((x | o) & (1 << a))) {
        const position: Position = moves([x, o]) % 2 ? [x, o | (1 << a)] : [x | (1 << a), o];
        const key = (position[0] << 9) | position[1];
        child = numbers.get(key) ?? positions.push(position) - 1;
        numbers.set(key, child);
      }
      after.push(child);
    }
  }
  return Int16Array.from(after);
}

/** The number of different games, from the empty board to the end. */
export function totalGames(): number {
  const paths = new Float64Array(positions.length);
  paths[0] = 1;
  let total = 0;
  for (let s = 0; s < positions.length; s++) {
    if (outcome(positions[s]!) !== null) total += paths[s]!;
    for (let i = 9 * s; i < 9 * s + 9; i++) if (next[i]! >= 0) paths[next[i]!]! += paths[s]!;
  }
  return total;
}

/** The largest E[f] that any policy has against random moves. */
export function bestExpected(): number {
  const value = Float64Array.from(result);
  for (let s = positions.length - 1; s >= 0; s--) {
    const children = [...next.subarray(9 * s, 9 * s + 9)].filter((child) => child >= 0).map((child) => value[child]!);
    if (!children.length) continue;
    value[s] = mine[s] ? Math.max(...children) : children.reduce((sum, one) => sum + one, 0) / children.length;
  }
  return value[0]!;
}

/** The parameters of a policy that plays all moves equally often: [positions · 9], a logit for each square. */
export function zeros(): Float64Array {
  return new Float64Array(next.length);
}

/** [positions · 9] the probability of each move: π for X, and equal ones for O. */
export function probabilities(theta: Float64Array): Float64Array {
  const pi = new Float64Array(next.length);
  for (let s = 0; s < positions.length; s++) softmaxAt(theta, pi, s);
  return pi;
}

/** Compute the probabilities of one position. */
function softmaxAt(theta: Float64Array, pi: Float64Array, s: number): void {
  const from = 9 * s;
  let largest = -Infinity;
  for (let i = from; i < from + 9; i++) if (next[i]! >= 0 && theta[i]! > largest) largest = theta[i]!;
  if (largest === -Infinity) return; // the game is over
  let sum = 0;
  for (let i = from; i < from + 9; i++) {
    pi[i] = next[i]! < 0 ? 0 : mine[s] ? Math.exp(theta[i]! - largest) : 1;
    sum += pi[i]!;
  }
  for (let i = from; i < from + 9; i++) pi[i]! /= sum;
}

/** What is known exactly about a policy, by sums over every game. */
export interface Exact {
  expected: number; // E[f]
  value: Float64Array; // [positions] E[f | s], the mean reward of the games that go on from s
  reach: Float64Array; // [positions] the probability that a game passes through s
  gradient: Float64Array; // [positions · 9] ∇θ E[f]
  variance: number; // E‖(f − b) ∇θ log p‖² − ‖∇θ E[f]‖² of one game
  optimalBaseline: number; // the b with the least variance
}

/**
 * The sums over every game, by dynamic programming: games that meet in a position go on in the same way.
 *
 * ∂E[f] / ∂θ(s, a) = P(s) π(a|s) (E[f | s, a] − E[f | s]), which is the sum of p(x|θ) f(x) ∂log p(x|θ) / ∂θ(s, a) over
 * all games x: those that do not pass through s add 0, and those that do add 1 − π(a|s) if a is played and −π(a|s) if
 * not.
 */
export function exact(theta: Float64Array, b = 0): Exact {
  const pi = probabilities(theta);
  const value = Float64Array.from(result);
  const square = Float64Array.from(result, (f) => f * f); // E[f² | s]
  for (let s = positions.length - 1; s >= 0; s--) {
    for (let i = 9 * s; i < 9 * s + 9; i++) {
      if (next[i]! < 0) continue;
      value[s]! += pi[i]! * value[next[i]!]!;
      square[s]! += pi[i]! * square[next[i]!]!;
    }
  }
  const reach = new Float64Array(positions.length);
  reach[0] = 1;
  const gradient = zeros();
  let weight = 0; // E[‖∇θ log p‖²]: the plies of a game have different parameters, so that their squares add up
  let weighted = 0; // E[f ‖∇θ log p‖²]
  let squares = 0; // E[f² ‖∇θ log p‖²]
  for (let s = 0; s < positions.length; s++) {
    let sum = 0; // Σₐ π(a|s)²
    for (let i = 9 * s; i < 9 * s + 9; i++) {
      if (next[i]! < 0) continue;
      reach[next[i]!]! += reach[s]! * pi[i]!;
      sum += pi[i]! ** 2;
    }
    if (!mine[s]) continue;
    for (let i = 9 * s; i < 9 * s + 9; i++) {
      if (next[i]! < 0) continue;
      gradient[i] = reach[s]! * pi[i]! * (value[next[i]!]! - value[s]!);
      const norm = reach[s]! * pi[i]! * (1 - 2 * pi[i]! + sum); // ‖∇θ log π(a|s)‖² = ‖eₐ − π‖²
      weight += norm;
      weighted += norm * value[next[i]!]!;
      squares += norm * square[next[i]!]!;
    }
  }
  const variance = squares - 2 * b * weighted + b * b * weight - squaredNorm(gradient);
  return { expected: value[0]!, value, reach, gradient, variance, optimalBaseline: weighted / weight };
}

/** Sampled games: X's plies, and the reward of each game. */
export interface Games {
  plies: Int32Array; // [plies] 9 · position + square of each of X's moves
  ends: Int32Array; // [N] the number of plies up to the end of each game
  reward: Int8Array; // [N] f
}

/** Play N games. */
export function play(pi: Float64Array, N: number, random: Random): Games {
  const plies = new Int32Array(5 * N);
  const ends = new Int32Array(N);
  const reward = new Int8Array(N);
  let count = 0;
  for (let game = 0; game < N; game++) {
    let s = 0;
    for (;;) {
      const i = choose(pi, s, random);
      if (i < 0) break;
      if (mine[s]) plies[count++] = i;
      s = next[i]!;
    }
    ends[game] = count;
    reward[game] = result[s]!;
  }
  return { plies: plies.subarray(0, count), ends, reward };
}

/** 9 · position + square of a random move by these probabilities; −1 if the game is over. */
export function choose(pi: Float64Array, s: number, random: Random): number {
  let last = -1;
  let u = -1;
  for (let i = 9 * s; i < 9 * s + 9; i++) {
    if (next[i]! < 0) continue;
    if (last < 0) u = random();
    last = i;
    if (u < pi[i]!) return i;
    u -= pi[i]!;
  }
  return last; // the last free square, should rounding leave something over
}

/** "none": b = 0. "leave_one_out": the mean reward of the other games of the sample. Or a number. */
export type Baseline = "none" | "leave_one_out" | number;

/** ĝ = 1/N Σᵢ (f(xᵢ) − bᵢ) Σₜ ∇θ log π(aₜ|sₜ), added to `to` after multiplication by `scale`. */
export function addEstimate(
  to: Float64Array,
  scale: number,
  pi: Float64Array,
  { plies, ends, reward }: Games,
  baseline: Baseline,
): void {
  const N = reward.length;
  const total = reward.reduce((sum, f) => sum + f, 0);
  for (let game = 0, ply = 0; game < N; game++) {
    const f = reward[game]!;
    const b = baseline === "none" ? 0 : baseline === "leave_one_out" ? (total - f) / (N - 1) : baseline;
    const weight = (scale * (f - b)) / N;
    for (; ply < ends[game]!; ply++) {
      const played = plies[ply]!;
      const from = played - (played % 9);
      for (let i = from; i < from + 9; i++) to[i]! -= weight * pi[i]!;
      to[played]! += weight;
    }
  }
}

/** ĝ of N games as an array of its own. */
export function estimate(pi: Float64Array, games: Games, baseline: Baseline = "none"): Float64Array {
  const gradient = zeros();
  addEstimate(gradient, 1, pi, games, baseline);
  return gradient;
}

/** One update of REINFORCE (Williams, 1992): play N games, then θ ← θ + rate · ĝ. Returns the mean reward. */
export function update(theta: Float64Array, N: number, rate: number, baseline: Baseline, random: Random): number {
  const pi = probabilities(theta);
  const games = play(pi, N, random);
  addEstimate(theta, rate, pi, games, baseline);
  return games.reward.reduce((sum, f) => sum + f, 0) / N;
}
