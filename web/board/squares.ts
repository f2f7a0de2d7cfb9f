/** Buttons over the squares of a board: the keyboard and screen readers use them, on some boards the mouse too. */

/** A rectangle in percent of the board. */
export interface Place {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** What a square is called, and whether a click on it does something. */
export interface Label {
  text: string;
  target: boolean;
}

export interface SquareEvents {
  /** Enter, the space bar or a click on a square. */
  onSquare: (square: number) => void;
  /** Escape. */
  onEscape?: () => void;
  /** Whether the mouse uses the squares; otherwise what lies below them gets its clicks. */
  clicked?: boolean;
  /** Whether the focus is drawn as a circle. */
  round?: boolean;
}

/**
 * One button per square, in rows from the top left. Tab reaches one of them, and the arrow keys, Home and End move
 * between them.
 */
export class Squares {
  private readonly buttons: HTMLButtonElement[] = [];
  private readonly grid = document.createElement("div");

  constructor(
    board: HTMLElement,
    name: string,
    private readonly columns: number,
    places: readonly Place[],
    private readonly events: SquareEvents,
  ) {
    this.grid.className = "squares";
    this.grid.classList.toggle("clicked", events.clicked ?? false);
    this.grid.classList.toggle("round", events.round ?? false);
    this.grid.setAttribute("role", "grid");
    this.grid.setAttribute("aria-label", name);
    let row = this.grid;
    places.forEach((place, square) => {
      if (square % columns === 0) {
        row = document.createElement("div");
        row.setAttribute("role", "row");
        this.grid.append(row);
      }
      const button = document.createElement("button");
      button.type = "button";
      button.tabIndex = square ? -1 : 0;
      button.setAttribute("role", "gridcell");
      for (const side of ["left", "top", "width", "height"] as const) button.style[side] = `${place[side]}%`;
      button.addEventListener("click", () => {
        this.enter(square);
        this.events.onSquare(square);
      });
      this.buttons.push(button);
      row.append(button);
    });
    this.grid.addEventListener("keydown", (event) => this.onKey(event));
    board.append(this.grid);
  }

  /** Name the squares, and say which of them a click can use. */
  label(labels: readonly Label[]): void {
    this.buttons.forEach((button, square) => {
      const { text, target } = labels[square]!;
      if (button.ariaLabel !== text) button.ariaLabel = text;
      button.toggleAttribute("data-target", target);
    });
  }

  /** Move the focus to a square. */
  focus(square: number): void {
    this.enter(square);
    this.buttons[square]?.focus();
  }

  private enter(square: number): void {
    this.buttons.forEach((button, index) => (button.tabIndex = index === square ? 0 : -1));
  }

  private onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && this.events.onEscape) {
      this.events.onEscape();
      event.preventDefault();
      return;
    }
    const now = this.buttons.indexOf(document.activeElement as HTMLButtonElement);
    const column = now % this.columns;
    const last = this.columns - 1;
    const step = {
      ArrowLeft: column > 0 ? -1 : 0,
      ArrowRight: column < last ? 1 : 0,
      ArrowUp: -this.columns,
      ArrowDown: this.columns,
      Home: -column,
      End: last - column,
    }[event.key];
    if (now < 0 || step === undefined) return;
    event.preventDefault(); // the page must not scroll, even at the edge of the board
    event.stopPropagation();
    if (this.buttons[now + step]) this.focus(now + step);
  }
}
