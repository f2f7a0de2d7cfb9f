/** What the sections of the page share, and who is to be told when it changes. */
import { inNextFrame } from "./dom";
import { zeros } from "./tictactoe";

export const MOVES = ["a", "b", "c"] as const;

export const state = {
  seed: 1,
  /** [moves] parameters and payoffs of sections 1 to 3 and 5 */
  theta: [0, 0, 0],
  f: [2, 3, 1],
  /** [positions · 9] parameters of tic-tac-toe in sections 4, 6 and 7 */
  table: zeros(),
};

/** What has changed: θ or f of the first sections, θ of tic-tac-toe, the seed, or the width of the page. */
export type Topic = "bandit" | "table" | "seed" | "width";

const listeners: [readonly Topic[], () => void][] = [];

/** Draw now, and again in the frame after each change of one of these topics. Returns what asks for a new frame. */
export function draws(topics: readonly Topic[], draw: () => void): () => void {
  const later = inNextFrame(draw);
  listeners.push([topics, later]);
  draw();
  return later;
}

/** Call a function at once when one of these topics changes. */
export function on(topic: Topic, listener: () => void): void {
  listeners.push([[topic], listener]);
}

export function changed(topic: Topic): void {
  for (const [topics, listener] of listeners) if (topics.includes(topic)) listener();
}
