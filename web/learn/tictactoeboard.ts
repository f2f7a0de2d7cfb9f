/** The board of tic-tac-toe, for sections 4 and 7. */
import { GridBoard, type GridState } from "../board/grid";
import { type Position, SQUARES } from "./tictactoe";

/** Squares of a board are counted from the top left, those of the game from a1 at the bottom left. */
export function turned(square: number): number {
  return 9 - 3 * (Math.floor(square / 3) + 1) + (square % 3);
}

export function boardOf(element: HTMLElement, onSquare: (square: number) => void): GridBoard {
  const shape = {
    rows: 3,
    columns: 3,
    squares: SQUARES.map((_, square) => SQUARES[turned(square)]!),
    rowNames: ["3", "2", "1"],
    columnNames: ["a", "b", "c"],
    stones: { X: { name: "X", color: "#12306b", disc: false }, O: { name: "O", color: "#8a1c12", disc: false } },
    empty: "·",
  };
  return new GridBoard(element, shape, (square) => onSquare(turned(square)));
}

/** What a board shows of a position; probabilities only of free squares. */
export function stateOf([x, o]: Position, last: number | null, open: boolean, pi?: readonly number[]): GridState {
  const signs = SQUARES.map((_, a) => ((x >> a) & 1 ? "X" : (o >> a) & 1 ? "O" : "·"));
  const free = signs.flatMap((sign, a) => (sign === "·" ? [a] : []));
  return {
    cells: signs.map((_, square) => signs[turned(square)]).join(""),
    last: last === null ? [] : [turned(last)],
    targets: open ? free.map(turned) : [],
    likely: pi ? free.map((a) => ({ square: turned(a), probability: pi[a]! })) : [],
  };
}
