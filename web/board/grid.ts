/** A board of squares or hexagons for every game but chess. */
import { Squares, type Place } from "./squares";

/** What stays the same during a game. Squares are counted from the top left, row by row. */
export interface GridShape {
  rows: number;
  columns: number;
  /** [rows · columns] names such as a1. */
  squares: readonly string[];
  /** Names of the rows from the top, and of the columns from the left. */
  rowNames: readonly string[];
  columnNames: readonly string[];
  /** Whether the names of the columns are above the board. */
  namesOnTop?: boolean;
  /** Whether cells are hexagons, and every row begins half a cell further right than the row above it. */
  hexagonal?: boolean;
  /** Colours of the top and bottom sides, and of the left and right sides, of a board of hexagons. */
  sides?: readonly [string, string];
  /** Whether stones fall into columns. */
  columnar?: boolean;
  /** What the characters of a board stand for. Other characters are shown as they are. */
  stones: Readonly<Record<string, Stone>>;
  /** The character of a free square. */
  empty: string;
}

export interface Stone {
  name: string;
  color: string;
  /** Whether it is drawn as a disc; otherwise as its character. */
  disc: boolean;
}

export interface GridState {
  /** [rows · columns] one character for each square. */
  cells: string;
  /** Squares of the last move. */
  last?: readonly number[];
  /** Squares on which a click is a move. */
  targets?: readonly number[];
  /** Whether these squares are marked; by default they are. */
  showTargets?: boolean;
  /** Likely moves: a square and a probability. */
  likely?: readonly { square: number; probability: number }[];
}

const SVG = "http://www.w3.org/2000/svg";
const ROW = Math.sqrt(3) / 2; // distance of the rows of hexagons, which are one cell wide

/** A board of squares or hexagons. It shows what it is given, and reports which square was chosen. */
export class GridBoard {
  private readonly svg = document.createElementNS(SVG, "svg");
  private readonly pieces: SVGGElement;
  private readonly squares: Squares;
  private readonly width: number;
  private readonly height: number;
  private readonly top: number;
  private readonly unit: number; // the size of letters, in cells
  private readonly names: number; // the room for the names of rows and columns, in cells

  /**
   * @param element An empty element, whose width the board takes.
   * @param shape The shape of the board.
   * @param onSquare Called with the square that was clicked, or entered by the keyboard.
   */
  constructor(
    element: HTMLElement,
    private readonly shape: GridShape,
    onSquare: (square: number) => void,
  ) {
    const { rows, columns, hexagonal } = shape;
    this.unit = Math.min(0.45, Math.max(0.13, 0.04 * columns));
    this.names = 1.9 * this.unit;
    this.width = this.names + columns + (hexagonal ? (rows - 1) / 2 + 0.35 : 0.1);
    this.height = this.names + (hexagonal ? (rows - 1) * ROW + 2 / Math.sqrt(3) + 0.35 : rows + 0.1);
    this.top = shape.namesOnTop ? this.names : hexagonal ? 0.15 : 0.05;
    element.replaceChildren();
    element.classList.add("board", "grid");
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    this.svg.setAttribute("aria-hidden", "true");
    this.svg.style.setProperty("--unit", `${this.unit}px`);
    element.append(this.svg);
    this.drawBoard();
    this.pieces = this.add(this.svg, "g", {});
    this.squares = new Squares(
      element,
      "Board",
      columns,
      shape.squares.map((_, square) => this.place(square)),
      { onSquare, clicked: true, round: hexagonal },
    );
  }

  /** Show a position. */
  show(state: GridState): void {
    const { shape } = this;
    const targets = new Set(state.targets);
    const last = new Set(state.last);
    this.pieces.replaceChildren();
    [...state.cells].forEach((sign, square) => {
      const [x, y] = this.center(square);
      const stone = shape.stones[sign];
      if (stone?.disc) this.add(this.pieces, "circle", { class: "stone", cx: x, cy: y, r: 0.38, fill: stone.color });
      else if (sign !== shape.empty) {
        const text = this.add(this.pieces, "text", { class: "sign", x, y, fill: stone?.color ?? "#1a1a1a" });
        text.textContent = sign;
      } else if (targets.has(square) && !shape.columnar && (state.showTargets ?? true)) {
        this.add(this.pieces, "circle", { class: "target", cx: x, cy: y, r: 0.11 });
      }
      if (last.has(square)) {
        if (stone?.disc) {
          this.add(this.pieces, "circle", { class: "ring outer", cx: x, cy: y, r: 0.2 });
          this.add(this.pieces, "circle", { class: "ring", cx: x, cy: y, r: 0.2 });
        } else this.add(this.pieces, "rect", { class: "last", x: x - 0.42, y: y - 0.42, width: 0.84, height: 0.84 });
      }
    });
    for (const { square, probability } of state.likely ?? []) {
      const [x, y] = this.center(square);
      this.add(this.pieces, "circle", { class: "likely", cx: x, cy: y, r: 0.18 + 0.2 * Math.sqrt(probability) });
      this.add(this.pieces, "text", { class: "percent", x, y }).textContent = String(Math.round(100 * probability));
    }
    this.squares.label(
      shape.squares.map((name, square) => {
        const sign = [...state.cells][square]!;
        const what = sign === shape.empty ? "empty" : (shape.stones[sign]?.name ?? sign);
        const target = targets.has(square);
        return { text: `${name}, ${what}${last.has(square) ? ", last move" : ""}${target ? ", legal" : ""}`, target };
      }),
    );
  }

  /** Move the focus of the keyboard to a square. */
  focus(square: number): void {
    this.squares.focus(square);
  }

  private center(square: number): [number, number] {
    const { columns, hexagonal } = this.shape;
    const row = Math.floor(square / columns);
    const column = square % columns;
    if (!hexagonal) return [this.names + column + 0.5, this.top + row + 0.5];
    return [this.names + 0.1 + column + row / 2 + 0.5, this.top + 0.1 + row * ROW + 1 / Math.sqrt(3)];
  }

  private place(square: number): Place {
    const [x, y] = this.center(square);
    const half = this.shape.hexagonal ? ROW / 2 : 0.5;
    return {
      left: (100 * (x - half)) / this.width,
      top: (100 * (y - half)) / this.height,
      width: (200 * half) / this.width,
      height: (200 * half) / this.height,
    };
  }

  private drawBoard(): void {
    const { rows, columns, hexagonal, sides, columnar } = this.shape;
    const cells = this.add(this.svg, "g", {});
    for (let square = 0; square < rows * columns; square++) {
      const [x, y] = this.center(square);
      if (hexagonal) this.add(cells, "polygon", { class: "cell", points: points(hexagon(x, y)) });
      else this.add(cells, "rect", { class: "cell", x: x - 0.5, y: y - 0.5, width: 1, height: 1 });
      if (columnar) this.add(cells, "circle", { class: "hole", cx: x, cy: y, r: 0.38 });
    }
    if (hexagonal && sides) this.drawSides(sides);
    this.shape.columnNames.forEach((name, column) => {
      const row = this.shape.namesOnTop ? 0 : rows - 1;
      const [x, y] = this.center(row * columns + column);
      const below = (this.shape.namesOnTop ? -1 : 1) * ((hexagonal ? 0.6 : 0.5) + 0.9 * this.unit);
      this.add(this.svg, "text", { class: "name", x: hexagonal ? x - 0.25 : x, y: y + below }).textContent = name;
    });
    this.shape.rowNames.forEach((name, row) => {
      const [x, y] = this.center(row * columns);
      this.add(this.svg, "text", { class: "name", x: x - (hexagonal ? 0.6 : 0.5) - 0.9 * this.unit, y }).textContent = name;
    });
  }

  /** Draw the sides that each player wants to connect. */
  private drawSides([across, down]: readonly [string, string]): void {
    const { rows, columns } = this.shape;
    const corner = (square: number, k: number, scale: number) => hexagon(...this.center(square), scale)[k]!;
    const side = (squares: number[], corners: number[], color: string) => {
      const inner = squares.flatMap((square) => corners.map((k) => corner(square, k, 1)));
      const outer = squares.flatMap((square) => corners.map((k) => corner(square, k, 1.28))).reverse();
      this.add(this.svg, "polygon", { class: "side", points: points([...inner, ...outer]), fill: color });
    };
    const row = (number: number) => Array.from({ length: columns }, (_, k) => number * columns + k);
    const column = (number: number) => Array.from({ length: rows }, (_, k) => k * columns + number);
    side(row(0), [4, 5, 0], across);
    side(row(rows - 1), [3, 2, 1], across);
    side(column(0), [4, 3], down);
    side(column(columns - 1), [0, 1], down);
  }

  private add<K extends keyof SVGElementTagNameMap>(
    parent: SVGElement,
    tag: K,
    attributes: Record<string, string | number>,
  ): SVGElementTagNameMap[K] {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
    parent.append(element);
    return element;
  }
}

/** The corners of a hexagon with a corner at the top, clockwise from the upper right one. */
function hexagon(x: number, y: number, scale = 1): [number, number][] {
  const radius = scale / Math.sqrt(3);
  return [-30, 30, 90, 150, 210, 270].map((degrees) => {
    const angle = (degrees * Math.PI) / 180;
    return [x + radius * Math.cos(angle), y + radius * Math.sin(angle)];
  });
}

function points(corners: readonly (readonly [number, number])[]): string {
  return corners.map((corner) => corner.map((value) => value.toFixed(3)).join(",")).join(" ");
}
