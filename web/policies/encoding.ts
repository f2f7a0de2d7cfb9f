/**
 * Chess as a policy sees it: planes, counters and numbers of moves, all from the side of the mover.
 *
 * The same as chesspg/games/chess/encoding.py and python_chess.py. For Black the board is turned upside down
 * (square ^ 56). The rules are those of chessops.
 */
import { Chess, normalizeMove } from "chessops/chess";
import { makeFen, parseFen } from "chessops/fen";
import { makeSan } from "chessops/san";
import type { Role, Square } from "chessops/types";
import { makeSquare, opposite, parseSquare, parseUci } from "chessops/util";

export const ROLES: readonly Role[] = ["pawn", "knight", "bishop", "rook", "queen", "king"];
export const PLANES = 14;
const PROMOTIONS = ["q", "n", "b", "r"] as const;
const UNDERPROMOTIONS = "nbr";

export type Color = "white" | "black";

export interface Legal {
  uci: string;
  /** The number of the move among all actions. */
  action: number;
}

export interface Input {
  planes: Float32Array; // [14 · 64] zeros and ones
  scalars: Float32Array; // [2] fifty-move clock, earlier occurrences of the position
  legal: Int32Array; // [M] the numbers of the legal moves
}

/** The number of a move in UCI, by the player of this color. */
export function actionOf(uci: string, turn: Color): number {
  const flip = turn === "white" ? 0 : 56;
  const from = parseSquare(uci.slice(0, 2))! ^ flip;
  const to = parseSquare(uci.slice(2, 4))! ^ flip;
  const piece = UNDERPROMOTIONS.indexOf(uci[4] ?? "q");
  if (piece < 0) return 64 * from + to;
  const file = from % 8;
  return 64 * 64 + 3 * (3 * file + (to % 8) - file + 1) + piece;
}

/** A game that can be taken back, with what its rules need to remember. */
export class Game {
  private readonly positions: Chess[];
  private readonly keys: string[]; // equal for positions that repeat each other
  readonly moves: string[] = []; // in UCI
  readonly sans: string[] = [];

  /** @param fen where the game begins; by default the initial position */
  constructor(fen?: string) {
    const start = fen ? Chess.fromSetup(parseFen(fen).unwrap()).unwrap() : Chess.default();
    this.positions = [start];
    this.keys = [keyOf(start)];
  }

  get position(): Chess {
    return this.positions.at(-1)!;
  }

  get turn(): Color {
    return this.position.turn;
  }

  get fen(): string {
    return makeFen(this.position.toSetup());
  }

  /** Play a legal move in UCI. */
  play(uci: string): void {
    this.sans.push(this.sanOf(uci));
    const next = this.position.clone();
    next.play(normalizeMove(next, parseUci(uci)!)); // chessops writes castling as the king takes its rook
    this.moves.push(uci);
    this.positions.push(next);
    this.keys.push(keyOf(next));
  }

  /** A legal move as people write it. */
  sanOf(uci: string): string {
    return makeSan(this.position, normalizeMove(this.position, parseUci(uci)!));
  }

  /** Take the last move back. */
  undo(): void {
    if (!this.moves.length) return;
    for (const list of [this.moves, this.sans, this.positions, this.keys]) list.pop();
  }

  /** How often the position has occurred before. */
  get repetitions(): number {
    const since = this.keys.slice(-1 - this.position.halfmoves); // no capture and no pawn move lies in between
    return since.filter((key) => key === this.keys.at(-1)).length - 1;
  }

  /** Why the game is over; empty while it goes on. Draws by repetition and by the fifty-move rule need no claim. */
  get over(): "" | "checkmate" | "stalemate" | "insufficient material" | "threefold repetition" | "fifty-move rule" {
    const { position } = this;
    if (position.isCheckmate()) return "checkmate";
    if (position.isInsufficientMaterial()) return "insufficient material";
    if (position.isStalemate()) return "stalemate";
    if (this.repetitions >= 2) return "threefold repetition";
    return position.halfmoves >= 100 ? "fifty-move rule" : "";
  }

  /** The legal moves, in the order of their numbers; none after the end. */
  legal(): Legal[] {
    if (this.over) return [];
    const { position, turn } = this;
    const found: string[] = [];
    for (const [from, targets] of position.allDests()) {
      for (const to of targets) {
        const role = position.board.getRole(from);
        const castles = role === "king" && position.board[turn].has(to);
        const target: Square = castles ? from + (to > from ? 2 : -2) : to;
        const move = makeSquare(from) + makeSquare(target);
        if (role === "pawn" && (to >= 56 || to < 8)) found.push(...PROMOTIONS.map((piece) => move + piece));
        else found.push(move);
      }
    }
    return found.map((uci) => ({ uci, action: actionOf(uci, turn) })).sort((a, b) => a.action - b.action);
  }

  /** What the network takes. */
  input(): Input {
    const { position, turn } = this;
    const flip = turn === "white" ? 0 : 56;
    const planes = new Float32Array(PLANES * 64);
    let plane = 0;
    const fill = (squares: Iterable<Square>): void => {
      for (const square of squares) planes[64 * plane + (square ^ flip)] = 1;
      plane++;
    };
    for (const color of [turn, opposite(turn)]) for (const role of ROLES) fill(position.board.pieces(color, role));
    fill(position.castles.castlingRights); // the rooks of both sides that may still castle
    const passing = position.toSetup().epSquare; // only where a capture en passant is legal
    fill(passing === undefined ? [] : [passing]);
    return {
      planes,
      scalars: Float32Array.of(Math.min(position.halfmoves, 100), Math.min(this.repetitions, 2)),
      legal: Int32Array.from(this.legal(), (move) => move.action),
    };
  }
}

function keyOf(position: Chess): string {
  return makeFen(position.toSetup(), { epd: true });
}

/** The softmax of logits divided by a temperature. At 0, the likeliest move has probability 1. */
export function softmax(logits: readonly number[], temperature: number): number[] {
  const largest = Math.max(...logits);
  if (temperature === 0) {
    const first = logits.indexOf(largest);
    return logits.map((_, index) => (index === first ? 1 : 0));
  }
  const odds = logits.map((logit) => Math.exp((logit - largest) / temperature));
  const sum = odds.reduce((a, b) => a + b, 0);
  return odds.map((one) => one / sum);
}
