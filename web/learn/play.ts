/** Section 7: play against the policy. */
import { byId, count, percent } from "./dom";
import { fillFigures } from "./games";
import { on, state } from "./page";
import { random, type Random } from "./random";
import { choose, mine, next, outcome, positions, probabilities, SQUARES } from "./tictactoe";
import { boardOf, stateOf } from "./tictactoeboard";

const SECTION = 7;

export function mountPlay(): void {
  let s = 0;
  let game = 0;
  let last = -1; // 9 · position + square of the last move
  let chances: number[] = []; // [9] of the policy's last move
  let uniforms: Random;
  const results = { won: 0, drawn: 0, lost: 0 }; // by the reader
  const likeliest = byId<HTMLInputElement>("play-likeliest");
  const board = boardOf(byId("play-board"), (square) => {
    const i = 9 * s + square;
    if (mine[s] || next[i]! < 0) return;
    last = i;
    s = next[i]!;
    answer();
  });
  /** The policy moves, unless the game is over. */
  const answer = (): void => {
    let text = "";
    if (mine[s]) {
      const pi = probabilities(state.table);
      chances = [...pi.subarray(9 * s, 9 * s + 9)];
      last = likeliest.checked ? 9 * s + chances.indexOf(Math.max(...chances)) : choose(pi, s, uniforms);
      text = `X plays ${SQUARES[last % 9]}, which had a probability of ${percent(chances[last % 9]!)}. `;
      s = next[last]!;
    } else {
      chances = [];
    }
    const over = outcome(positions[s]!);
    if (over === null) text += "Your move.";
    else if (over > 0) text += "X has won.";
    else if (over < 0) text += "You have won.";
    else text += "A draw.";
    if (over !== null) results[over > 0 ? "lost" : over < 0 ? "won" : "drawn"]++;
    board.show(stateOf(positions[s]!, last % 9, over === null, over === null ? chances : undefined));
    byId("play-status").textContent = text;
    showResults();
  };
  const showResults = (): void =>
    fillFigures(byId("play-figures"), [
      ["you won", count(results.won)],
      ["draws", count(results.drawn)],
      ["you lost", count(results.lost)],
    ]);
  const start = (): void => {
    uniforms = random(state.seed, SECTION, game++);
    s = 0;
    answer();
  };
  byId("play-new").addEventListener("click", start);
  on("seed", () => {
    game = 0;
    start();
  });
  start();
}
