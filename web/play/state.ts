/** The state of a game as the server sends it, and what the page may ask of the server. */
import type { GridShape } from "../board/grid";

/** A move; `uci` in chess, `squares` on a board of cells, neither for a move that belongs to no square. */
export interface Move {
  name: string;
  uci?: string;
  squares?: number[];
}

export interface Likely extends Move {
  probability: number;
}

/** What a policy says of a position: its likeliest moves, and the result that it expects for the first player. */
export interface Opinion {
  likely: Likely[];
  value: number | null;
}

/** A board: a FEN, or cells and the squares of the last move, or text. `move` led to it. */
export interface Position {
  fen?: string;
  check?: boolean;
  cells?: string;
  last?: number[];
  text?: string;
  move: Move | null;
}

export type Shape = { kind: "chess" } | { kind: "text" } | ({ kind: "grid"; words: string[] } & GridShape);

export interface State {
  /** The number of the state; of the position and whoever may move. */
  update: number;
  revision: number;
  /** Whether the server has ended. */
  ended: boolean;
  game: string;
  shape: Shape;
  seats: [string, string];
  /** The seat of the person. */
  seat: number;
  player: string;
  status: "loading" | "thinking" | "ready" | "failed";
  /** Why the player fails. */
  message: string;
  /** Whether the player waits because a game was loaded. */
  paused: boolean;
  /** Whether the player is a policy, which has likely moves and a temperature once it is loaded. */
  policy: boolean;
  temperature: number | null;
  mover: number | null;
  result: string;
  verdict: string;
  /** Number of the first move, and the seat that makes it. */
  number: number;
  first: number;
  /** [T + 1] the positions, and [T] the seats that moved. */
  positions: Position[];
  movers: number[];
  legal: Move[];
  opinion: Opinion | null;
  position: string;
  pgn: string;
  sgf: string | null;
  /** Why an action was not possible. */
  error?: string;
}

/** Ask for the state, once it is newer than the one with this number. */
export async function newest(after?: number): Promise<State> {
  const response = await fetch(after === undefined ? "state" : `state?after=${after}`);
  if (!response.ok) throw new Error(response.statusText);
  return (await response.json()) as State;
}

/** What the policy says of the position after this many plies. */
export async function opinionOf(ply: number): Promise<Opinion | null> {
  const response = await fetch(`opinion?ply=${ply}`);
  return response.ok ? ((await response.json()) as Opinion) : null;
}

/** Ask for an action in the state with this revision. The answer is the new state, or has an `error`. */
export async function act(action: string, revision: number, more: object = {}): Promise<State | { error: string }> {
  const response = await fetch("act", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ ...more, action, revision }),
  });
  return (await response.json()) as State | { error: string };
}
