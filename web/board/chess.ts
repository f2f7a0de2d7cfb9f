/** The board of chess: chessground with a keyboard, names of squares, arrows, and a choice of promotion. */
import { Chessground } from "chessground";
import type { Api } from "chessground/api";
import type { DrawShape } from "chessground/draw";
import type { Color, Key } from "chessground/types";
import "chessground/assets/chessground.base.css";
import "chessground/assets/chessground.cburnett.css";
import { Squares } from "./squares";

/** A position to show. Moves are written as in UCI, such as e2e4, e7e8q, or e1g1 for castling. */
export interface ChessState {
  fen: string;
  orientation: Color;
  /** Moves that can be made; none while nobody may move. */
  legal?: readonly string[];
  /** Whether the squares to which a piece can move are marked; by default they are. */
  showTargets?: boolean;
  lastMove?: string;
  check?: boolean;
  /** Likely moves, shown as arrows. */
  likely?: readonly { move: string; probability: number }[];
}

const ROLES = { q: "queen", r: "rook", b: "bishop", n: "knight", k: "king" } as const;
type Letter = keyof typeof ROLES;

/** A board of chess. It shows what it is given, and reports the move that was chosen. */
export class ChessBoard {
  private readonly ground: Api;
  private readonly squares: Squares;
  private state: ChessState = { fen: "8/8/8/8/8/8/8/8 w - - 0 1", orientation: "white" };
  private chooser: HTMLDialogElement | undefined;

  /**
   * @param element An empty element, whose width the board takes.
   * @param onMove Called with a legal move that was made on the board.
   */
  constructor(
    private readonly element: HTMLElement,
    private readonly onMove: (move: string) => void,
  ) {
    element.replaceChildren();
    element.classList.add("board", "chess");
    const wrap = document.createElement("div");
    wrap.ariaHidden = "true";
    element.append(wrap);
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.ground = Chessground(wrap, {
      fen: this.state.fen,
      animation: { enabled: !still, duration: 150 },
      movable: { free: false, showDests: true, events: { after: (from, to) => this.chosen(from, to) } },
      premovable: { enabled: false },
      drawable: { enabled: false, visible: true },
      disableContextMenu: false,
      events: { select: () => setTimeout(() => this.label()) },
    });
    const places = Array.from({ length: 64 }, (_, k) => ({
      left: 12.5 * (k % 8),
      top: 12.5 * Math.floor(k / 8),
      width: 12.5,
      height: 12.5,
    }));
    this.squares = new Squares(element, "Chessboard", 8, places, {
      onSquare: (square) => {
        this.ground.selectSquare(this.key(square));
        this.label();
      },
      onEscape: () => {
        this.ground.selectSquare(null);
        this.label();
      },
    });
    this.label();
  }

  /** Show a position. A piece that is held is put back if the position is another one. */
  show(state: ChessState): void {
    const moved = state.fen !== this.state.fen;
    this.state = state;
    if (moved) {
      this.closeChooser();
      this.ground.cancelMove();
    }
    const turn: Color = state.fen.split(" ")[1] === "b" ? "black" : "white";
    const dests = new Map<Key, Key[]>();
    for (const move of state.legal ?? []) {
      const from = move.slice(0, 2) as Key;
      dests.set(from, [...(dests.get(from) ?? []), move.slice(2, 4) as Key]);
    }
    this.ground.set({
      fen: state.fen,
      orientation: state.orientation,
      turnColor: turn,
      check: state.check ?? false,
      lastMove: state.lastMove ? [state.lastMove.slice(0, 2) as Key, state.lastMove.slice(2, 4) as Key] : [],
      movable: { color: dests.size ? turn : undefined, dests, showDests: state.showTargets ?? true },
    });
    this.ground.setAutoShapes((state.likely ?? []).map(arrow));
    this.label();
  }

  /** Move the focus of the keyboard to a square, such as e4. */
  focus(square: string): void {
    for (let k = 0; k < 64; k++) if (this.key(k) === square) this.squares.focus(k);
  }

  /** The name of a square that is counted from the top left of the board as it is turned. */
  private key(square: number): Key {
    const [file, rank] = [square % 8, 7 - Math.floor(square / 8)];
    const white = this.state.orientation === "white";
    return `${"abcdefgh"[white ? file : 7 - file]}${(white ? rank : 7 - rank) + 1}` as Key;
  }

  private label(): void {
    const { pieces, selected, movable } = this.ground.state;
    const last = this.state.lastMove ?? "";
    const targets = new Set(selected && movable.dests?.get(selected));
    this.squares.label(
      Array.from({ length: 64 }, (_, square) => {
        const key = this.key(square);
        const piece = pieces.get(key);
        const notes = [
          key === selected && "selected",
          targets.has(key) && "legal target",
          piece?.role === "king" && this.ground.state.check === key && "in check",
          last && [last.slice(0, 2), last.slice(2, 4)].includes(key) && "last move",
        ].filter(Boolean);
        const text = [key, piece ? `${piece.color} ${piece.role}` : "empty", ...notes].join(", ");
        return { text, target: false }; // chessground takes the clicks
      }),
    );
  }

  private chosen(from: Key, to: Key): void {
    const moves = (this.state.legal ?? []).filter((move) => move.startsWith(from + to));
    if (moves.length > 1) this.choose(to, moves);
    else if (moves[0]) this.onMove(moves[0]);
  }

  /** Let the person choose the piece to which a pawn is promoted. */
  private choose(to: Key, moves: string[]): void {
    const dialog = document.createElement("dialog");
    dialog.className = "promotion";
    dialog.ariaLabel = "Promote to";
    const pieces = document.createElement("div");
    pieces.className = "cg-wrap"; // chessground's style sheet draws the pieces in it
    const color = to[1] === "8" ? "white" : "black";
    const ordered = (Object.keys(ROLES) as Letter[]).filter((letter) => moves.some((move) => move.endsWith(letter)));
    for (const letter of ordered) {
      const button = document.createElement("button");
      button.type = "button";
      button.ariaLabel = ROLES[letter];
      const piece = document.createElement("piece");
      piece.className = `${ROLES[letter]} ${color}`;
      button.append(piece);
      button.addEventListener("click", () => {
        this.closeChooser();
        this.onMove(moves.find((move) => move.endsWith(letter))!);
      });
      pieces.append(button);
    }
    dialog.append(pieces);
    dialog.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const buttons = [...pieces.querySelectorAll("button")];
      const now = buttons.indexOf(document.activeElement as HTMLButtonElement);
      buttons[(now + step + buttons.length) % buttons.length]!.focus();
      event.preventDefault();
    });
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close()); // outside of the choice
    dialog.addEventListener("close", () => {
      if (this.chooser !== dialog) return; // a piece was chosen
      this.closeChooser();
      this.show(this.state); // the pawn goes back
    });
    const size = this.element.clientWidth / 8;
    const file = "abcdefgh".indexOf(to[0]!);
    const column = this.state.orientation === "white" ? file : 7 - file;
    const atTop = (to[1] === "8") === (this.state.orientation === "white");
    const box = this.element.getBoundingClientRect();
    dialog.style.setProperty("--square", `${size}px`);
    dialog.style.left = `${Math.min(box.left + column * size, innerWidth - size - 4)}px`;
    dialog.style.top = `${atTop ? Math.max(box.top, 4) : box.bottom - ordered.length * size}px`;
    this.chooser = dialog;
    this.element.append(dialog);
    this.focus(to); // which gets the focus back when the dialog is closed
    dialog.showModal();
  }

  private closeChooser(): void {
    const dialog = this.chooser;
    this.chooser = undefined;
    dialog?.close(); // gives the focus back, which remove() alone would lose
    dialog?.remove();
  }
}

function arrow({ move, probability }: { move: string; probability: number }): DrawShape {
  return {
    orig: move.slice(0, 2) as Key,
    dest: move.slice(2, 4) as Key,
    brush: "blue",
    modifiers: { lineWidth: 4 + 10 * Math.sqrt(probability) },
    label: { text: String(Math.round(100 * probability)) }, // a number, so that it can't be HTML
  };
}


