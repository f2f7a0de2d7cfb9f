/** The part of the learning page in which a person plays the shipped policies of chess. */
import { enable, isEnabled } from "../board/buttons";
import { ChessBoard } from "../board/chess";
import { choice, make, percent, slider } from "../learn/dom";
import { state } from "../learn/page";
import { random } from "../learn/random";
import { type Color, Game, type Legal, softmax } from "./encoding";
import { type Description, descriptions, evaluate, type Evaluation, open } from "./network";
import "./style.css";

const SECTION = 8; // of the learning page, for its random numbers
const SHOWN = 5; // likely moves in the table
const COMMAND = "python web/policies.py";

/** Fill an element with a button that loads a board and the shipped policies, which run in this page. */
export function mountPolicies(element: HTMLElement): void {
  const button = make("button", { type: "button", class: "main" }, "Load the policies");
  const note = make("p", { class: "note", role: "status" }, "This loads 5 MB, and more for the larger policies.");
  button.addEventListener("click", async () => {
    const policies = await descriptions();
    if (policies.length) new Table(element, policies);
    else note.replaceChildren("This copy of the page has no policies of chess; ", make("code", {}, COMMAND), " in a clone of the project makes them.");
  });
  element.replaceChildren(make("p", { class: "buttons" }, button), note);
}

/** The board, the game on it, and the policy that plays it. */
class Table {
  private game = new Game();
  private games = 0; // begun, for the random numbers
  private policy: Description;
  private person: Color = "white";
  private temperature: number;
  private ready = false;
  private turn = 0; // counts what has changed, so that a late answer is dropped
  private legal: Legal[] = [];
  private seen: Evaluation | undefined;
  private lastWords = "";

  private readonly board: ChessBoard;
  private readonly status = make("p", { class: "status", role: "status" });
  private readonly begin = make("button", { type: "button", class: "main" });
  private readonly undo = make("button", { type: "button" }, "Undo");
  private readonly shown = make("input", { type: "checkbox", checked: "" });
  private readonly meter = make("div", { class: "meter", role: "meter", "aria-valuemin": -1, "aria-valuemax": 1 });
  private readonly likely = make("tbody");
  private readonly moves = make("ol", { class: "game-moves", tabindex: 0, "aria-label": "Moves of the game" });
  private readonly cost = make("p", { class: "note" });
  private readonly warmth: { row: HTMLElement; set(value: number): void };

  constructor(
    element: HTMLElement,
    private readonly policies: readonly Description[],
  ) {
    this.policy = policies[0]!;
    this.temperature = this.policy.temperature;
    const board = make("div");
    this.board = new ChessBoard(board, (move) => this.play(move));
    const who = make("div", { id: "policies-who" });
    choice(who, "Policy", this.names(), this.policy.name, (name) => this.choose(name));
    const color = make("div", { id: "policies-color" });
    const colors: Record<Color, string> = { white: "White", black: "Black" };
    choice(color, "You play", colors, this.person, (to) => {
      this.person = to;
      void this.next();
    });
    this.warmth = slider(
      "Temperature",
      "Temperature",
      { min: 0, max: 2, step: 0.1, value: this.temperature, text: (value) => value.toFixed(1) },
      (value) => {
        this.temperature = value;
        this.draw();
      },
    );
    this.warmth.row.classList.add("warmth");
    this.shown.addEventListener("change", () => this.draw());
    this.begin.addEventListener("click", () => (this.ready ? this.newGame() : void this.start()));
    this.undo.addEventListener("click", () => this.takeBack());
    const head = make("tr", {}, make("th", { scope: "col" }, "move"), make("th", { scope: "col" }, "probability"));
    const table = make("table", { class: "likely" }, make("thead", {}, head), this.likely);
    element.replaceChildren(
      who,
      make(
        "div",
        { class: "duel" },
        make("div", {}, this.meter, board),
        make(
          "div",
          { class: "beside" },
          this.status,
          make("p", { class: "buttons" }, this.begin, this.undo),
          color,
          this.warmth.row,
          make("label", { class: "check" }, this.shown, " Show what the policy would play, and its value"),
          table,
        ),
        make("div", { class: "record" }, this.moves, this.cost),
      ),
    );
    void this.start();
    this.board.focus("e2"); // in place of the button that was clicked, which is gone
  }

  private names(): Record<string, string> {
    const text = ({ name, rating, bytes }: Description): string => `${name}, ${rating} Elo, ${(bytes / 1e6).toFixed(1)} MB`;
    return Object.fromEntries(this.policies.map((one) => [one.name, text(one)]));
  }

  /** Take another policy, which goes on with the same game. */
  private choose(name: string): void {
    this.policy = this.policies.find((one) => one.name === name)!;
    this.temperature = this.policy.temperature;
    this.warmth.set(this.temperature);
    void this.start();
  }

  /** Load the policy, then go on with the game. */
  private async start(): Promise<void> {
    const turn = ++this.turn;
    this.seen = undefined;
    this.ready = false;
    enable(this.begin, false);
    this.say(`Loading ${this.policy.name} …`);
    this.draw();
    try {
      await open(this.policy.name);
      if (turn !== this.turn) return;
      this.ready = true;
    } catch (error) {
      if (turn !== this.turn) return;
      this.say(`${this.policy.name} can't be loaded: ${(error as Error).message}`);
    }
    enable(this.begin, true);
    if (this.ready) await this.next();
    else this.draw();
  }

  private newGame(): void {
    this.game = new Game();
    this.games++;
    this.lastWords = "";
    void this.next();
  }

  private play(move: string): void {
    this.lastWords = "";
    this.game.play(move);
    void this.next();
  }

  /** Take back the last move of the person, and what the policy has answered. */
  private takeBack(): void {
    this.lastWords = "";
    do this.game.undo();
    while (this.game.moves.length && this.game.turn !== this.person);
    void this.next();
  }

  /** Evaluate the position; if it is the policy's turn, let it move, and evaluate the position after its move. */
  private async next(): Promise<void> {
    if (!this.ready) return this.draw();
    const turn = ++this.turn;
    this.seen = undefined;
    this.legal = this.game.legal();
    if (!this.legal.length) {
      this.say(this.result());
      return this.draw();
    }
    const yours = this.game.turn === this.person;
    this.say(yours ? "Your move." : `${this.policy.name} is to move.`);
    this.draw();
    try {
      const seen = await evaluate(this.policy.name, this.game);
      if (turn !== this.turn) return;
      if (yours) {
        this.seen = seen;
        this.cost.textContent = `One evaluation of the network took ${Math.max(1, Math.round(seen.milliseconds))} ms here.`;
        this.draw();
        return;
      }
      this.answer(seen);
    } catch (error) {
      if (turn !== this.turn) return;
      this.ready = false; // the button loads the policy again, and the game goes on
      this.say(`${this.policy.name} can't be evaluated: ${(error as Error).message}`);
      return this.draw();
    }
    await this.next();
  }

  /** Play a move of the policy. */
  private answer(seen: Evaluation): void {
    const odds = this.odds(seen);
    let left = random(state.seed, SECTION, this.games, this.game.moves.length)();
    let index = odds.findIndex((probability) => (left -= probability) < 0);
    if (index < 0) index = odds.indexOf(Math.max(...odds)); // the probabilities add up to a little less than 1
    const color = this.game.turn === "white" ? "White" : "Black";
    this.game.play(this.legal[index]!.uci);
    this.lastWords = `${color} played ${this.game.sans.at(-1)}, to which it gave ${percent(odds[index]!)}.`;
  }

  /** The probabilities of the legal moves. The logits are divided by the temperature of the policy already. */
  private odds(seen: Evaluation): number[] {
    return softmax(seen.logits, this.temperature / this.policy.temperature);
  }

  private result(): string {
    const reason = this.game.over;
    if (reason !== "checkmate") return `The game is drawn by ${reason}.`;
    return `Checkmate: ${this.game.turn === this.person ? `${this.policy.name} has won` : "you have won"}.`;
  }

  private say(text: string): void {
    this.status.textContent = `${this.lastWords} ${text}`.trim();
  }

  private draw(): void {
    const { game, seen } = this;
    const shown = this.shown.checked && seen ? seen : undefined;
    const odds = shown ? this.odds(shown) : [];
    const best = this.legal
      .map(({ uci }, index) => ({ move: uci, probability: odds[index] ?? 0 }))
      .sort((a, b) => b.probability - a.probability)
      .slice(0, shown ? SHOWN : 0);
    const last = game.moves.at(-1);
    this.board.show({
      fen: game.fen,
      orientation: this.person,
      legal: this.ready && game.turn === this.person ? this.legal.map((move) => move.uci) : [],
      ...(last ? { lastMove: last } : {}),
      check: game.position.isCheck(),
      likely: best.filter(({ probability }) => probability >= 0.05),
    });
    this.likely.replaceChildren(
      ...Array.from({ length: SHOWN }, (_, row) => {
        const one = best[row];
        const cells = one ? [game.sanOf(one.move), percent(one.probability)] : ["\u00a0", ""];
        return make("tr", {}, make("th", { scope: "row" }, cells[0]!), make("td", {}, cells[1]!));
      }),
    );
    this.drawMeter(shown?.value);
    const { sans } = game;
    const pairs = Array.from({ length: Math.ceil(sans.length / 2) }, (_, k) => sans.slice(2 * k, 2 * k + 2).join(" "));
    this.moves.replaceChildren(...pairs.map((pair) => make("li", {}, pair)));
    this.moves.scrollTop = this.moves.scrollHeight;
    this.begin.textContent = this.ready || !isEnabled(this.begin) ? "New game" : "Load again";
    const first = this.person === "white" ? 0 : 1; // the first move of the person
    enable(this.undo, this.ready && game.moves.length > first);
  }

  /** The expected result as a bar: the share of White. */
  private drawMeter(value: number | undefined): void {
    const white = value === undefined ? undefined : this.game.turn === "white" ? value : -value;
    const text = white === undefined ? "no value" : `${white < 0 ? "−" : "+"}${Math.abs(white).toFixed(2)} for White`;
    this.meter.setAttribute("aria-label", `The result that ${this.policy.name} expects`);
    this.meter.setAttribute("aria-valuenow", String(white ?? 0));
    this.meter.setAttribute("aria-valuetext", text);
    const share = make("span", { class: "white" });
    share.style.width = `${50 + 50 * (white ?? 0)}%`;
    this.meter.replaceChildren(share, make("span", { class: "words" }, text));
  }
}

export { Game, evaluate, open };
