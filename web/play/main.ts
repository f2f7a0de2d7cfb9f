/** The page of `chesspg play --browser`: it shows the game of the server, and sends what the person does. */
import "../board/style.css";
import "./play.css";
import { enable, isEnabled } from "../board/buttons";
import { ChessBoard } from "../board/chess";
import { GridBoard } from "../board/grid";
import { act, newest, opinionOf, type Likely, type Move, type Opinion, type Position, type State } from "./state";

const MOST_BYTES = 1_000_000; // of a file; the server takes a little more
const SHOWN = 3; // most arrows

const $ = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const all = <T extends HTMLElement>(selector: string) => [...document.querySelectorAll<T>(selector)];

/** A setting that is remembered, as far as the browser allows it. */
function remember(name: string, value: string): void {
  try {
    localStorage.setItem(`chesspg.${name}`, value);
  } catch {
    // Without a storage the setting holds until the page is closed.
  }
}

function remembered(name: string): string | null {
  try {
    return localStorage.getItem(`chesspg.${name}`);
  } catch {
    return null;
  }
}

let state: State;
let ply = 0; // how many plies the position that is shown stands after
let flipped = false;
let over = false; // whether the server has ended
let opinion: Opinion | null = null; // of the position that is shown
const show: Record<string, boolean> = {};

/** A board of any kind. */
interface Shown {
  show(position: Position, legal: readonly Move[], likely: readonly Likely[]): void;
}

class ShownChess implements Shown {
  private readonly board = new ChessBoard($("board"), (uci) => void send("move", { move: uci }));

  show(position: Position, legal: readonly Move[], likely: readonly Likely[]): void {
    this.board.show({
      fen: position.fen!,
      orientation: (state.seat === 1) !== flipped ? "black" : "white",
      legal: legal.map((move) => move.uci!),
      showTargets: show.targets,
      lastMove: show.last ? position.move?.uci : undefined,
      check: show.last && position.check,
      likely: likely.map(({ uci, probability }) => ({ move: uci!, probability })),
    });
  }
}

class ShownGrid implements Shown {
  private board: GridBoard | undefined;
  private turned = false;

  show(position: Position, legal: readonly Move[], likely: readonly Likely[]): void {
    const { shape } = state;
    if (shape.kind !== "grid" || position.cells === undefined) return;
    const cells = [...position.cells];
    const turn = (square: number) => (flipped ? cells.length - 1 - square : square);
    if (!this.board || this.turned !== flipped) {
      const reversed = <T>(names: readonly T[]) => (flipped ? [...names].reverse() : names);
      this.turned = flipped;
      this.board = new GridBoard(
        $("board"),
        {
          ...shape,
          squares: reversed(shape.squares),
          rowNames: reversed(shape.rowNames),
          columnNames: reversed(shape.columnNames),
        },
        (square) => this.chosen(turn(square)),
      );
    }
    const free = (move: Move) => move.squares!.filter((square) => cells[square] === shape.empty).at(-1);
    this.board.show({
      cells: (flipped ? [...cells].reverse() : cells).join(""),
      last: show.last ? position.last!.map(turn) : [],
      targets: legal.flatMap((move) => move.squares ?? []).map(turn),
      showTargets: show.targets,
      likely: likely
        .filter((move) => move.squares)
        .map((move) => ({ square: turn(free(move) ?? move.squares![0]!), probability: move.probability })),
    });
  }

  private chosen(square: number): void {
    const move = legalNow().find((one) => one.squares?.includes(square));
    if (move) void send("move", { move: move.name });
  }
}

class ShownText implements Shown {
  private readonly text = document.createElement("pre");

  constructor() {
    this.text.className = "plain";
    $("board").replaceChildren(this.text);
  }

  show(position: Position): void {
    this.text.textContent = position.text ?? "";
  }
}

let board: Shown | undefined;

/** Whether the newest position is shown. */
const atEnd = () => ply === state.positions.length - 1;
/** The moves that the person can make now. */
const legalNow = () => (atEnd() && !over && !state.result && state.mover === state.seat ? state.legal : []);
/** The player without its options, which the title shows. */
const playerName = () => state.player.split("?", 1)[0]!;
const nameOf = (seat: number) => (seat === state.seat ? "You" : playerName());

/** Take a state from the server. A person who looks at an earlier position keeps looking at it. */
function take(next: State): void {
  if (state && next.update < state.update) return; // an answer that was overtaken
  const first = !state;
  const followed = first || atEnd();
  const changed = first || next.revision !== state.revision;
  state = next;
  over ||= next.ended;
  if (over) lose("The server has ended. Board, moves and game stay here until you close the page.");
  if (followed || ply >= state.positions.length) ply = state.positions.length - 1;
  if (first) prepare();
  if (changed) $("problem").textContent = "";
  draw();
}

/** Set up what depends on the game. */
function prepare(): void {
  document.querySelector("main")!.hidden = false; // only now, so that nothing moves
  const { shape, game, player, seats } = state;
  document.title = `${game} against ${player} – chesspg`;
  board = shape.kind === "chess" ? new ShownChess() : shape.kind === "grid" ? new ShownGrid() : new ShownText();
  $("flip").hidden = shape.kind === "text" || (shape.kind === "grid" && shape.columnar === true);
  const text = shape.kind === "text"; // without a board there is nothing to mark
  for (const input of all<HTMLInputElement>(".checks input[type=checkbox]")) {
    input.parentElement!.hidden =
      (["arrows", "list", "value"].includes(input.name) && !state.policy) ||
      (["arrows", "targets", "last"].includes(input.name) && text);
  }
  $("show").hidden = text && !state.policy;
  if (shape.kind !== "chess") $("last-name").textContent = "last move";
  $("position-name").textContent = shape.kind === "chess" ? "Position (FEN)" : "Position";
  if (shape.kind === "chess") $("text-name").textContent = "From a FEN or a PGN (empty: from the start)";
  seats.forEach((name, seat) => addSide(String(seat), `${name}${seat ? "" : ", who moves first"}`));
  addSide("random", "either, at random");
}

function addSide(value: string, name: string): void {
  const label = document.createElement("label");
  const input = document.createElement("input");
  input.type = "radio";
  input.name = "side";
  input.value = value;
  label.append(input, name);
  $("sides").append(label);
}

function draw(): void {
  const position = state.positions[ply]!;
  $("title").textContent = `${state.game[0]!.toUpperCase()}${state.game.slice(1)} against ${state.player}`;
  opinion = atEnd() ? state.opinion : null;
  drawBoard();
  drawSides();
  drawLine();
  drawOthers();
  drawOpinion();
  drawMoves();
  const yours = state.mover === state.seat && !state.result;
  const busy = over || state.status === "thinking" || (state.status === "loading" && !yours);
  for (const button of all<HTMLButtonElement>("[data-action]")) enable(button, !busy && possible(button));
  for (const button of all("[data-step]")) {
    const back = ["first", "back"].includes(button.dataset.step!);
    enable(button, back ? ply > 0 : !atEnd());
  }
  const focused = document.activeElement as HTMLElement | null;
  $("continue").hidden = !(state.paused && atEnd() && !state.result);
  $("here").hidden = atEnd() || over;
  if (focused?.hidden) $("moves").focus({ preventScroll: true });
  for (const id of ["fresh", "here"]) enable($(id), !busy);
  for (const form of ["typed", "warmth"]) {
    for (const control of all(`#${form} button`)) enable(control, form === "typed" ? legalNow().length > 0 : !busy);
  }
  $("warmth").hidden = !state.policy;
  const temperature = $<HTMLInputElement>("temperature");
  if (state.temperature !== null && document.activeElement !== temperature) temperature.value = String(state.temperature);
  $<HTMLInputElement>("position").value = state.position;
  $<HTMLTextAreaElement>("pgn").value = state.pgn;
  $("save-sgf").hidden = state.sgf === null;
  if (state.policy && !["loading", "failed"].includes(state.status) && !opinion && !over && !(atEnd() && state.mover !== state.seat) && (show.list || show.arrows || show.value)) {
    void lookUp(position);
  }
}

/** Ask what the policy says of an earlier position. */
async function lookUp(position: Position): Promise<void> {
  const found = await opinionOf(ply).catch(() => null);
  if (!found || state.positions[ply] !== position) return;
  opinion = found;
  drawBoard();
  drawOpinion();
}

function drawBoard(): void {
  const arrows = show.arrows && opinion ? opinion.likely.slice(0, SHOWN).filter((move) => move.probability >= 0.01) : [];
  board?.show(state.positions[ply]!, legalNow(), arrows);
}

/** Whether a button's action can do something now. */
function possible(button: HTMLButtonElement): boolean {
  const yours = !state.result && state.mover === state.seat;
  const undo = state.result !== "" || state.movers.includes(state.seat);
  return { undo, go: yours, switch: !state.result, resign: !state.result }[button.dataset.action!] ?? true;
}

function drawSides(): void {
  const { seat, seats, shape } = state;
  const ownBelow = !(shape.kind === "chess" && flipped);
  for (const [id, who] of [["top", ownBelow ? 1 - seat : seat], ["bottom", ownBelow ? seat : 1 - seat]] as const) {
    const color = shape.kind === "chess" ? ["#fff", "#111"][who] : shape.kind === "grid" ? shape.stones[["x", "o"][who]!]?.color : undefined;
    const side = $(id);
    side.textContent = `${nameOf(who)} (${seats[who]})`;
    if (color) side.style.setProperty("--seat", color);
    side.classList.toggle("turn", state.mover === who);
  }
}

/** The line that says what happened and who moves; screen readers read it aloud. */
function drawLine(): void {
  const { status, seat, mover } = state;
  const player = playerName();
  const last = state.positions.at(-1)!;
  const who = state.movers.at(-1);
  const moved = last.move && who !== undefined && !state.paused ? `${nameOf(who)} played ${last.move.name}. ` : "";
  const check = last.check ? "Check. " : "";
  const turn =
    mover === seat
      ? `Your turn${status === "loading" ? ` (${player} is still loading)` : ""}.`
      : { loading: `${player} is loading…`, thinking: `${player} is thinking…`, ready: "", failed: "" }[status];
  const text = !atEnd()
    ? `Position ${ply} of ${state.positions.length - 1}${state.positions[ply]!.move ? `, after ${state.positions[ply]!.move!.name}` : ""}.`
    : state.result
      ? `${moved}${state.verdict}`
      : state.paused
        ? "The game is loaded. Step through it, or play on from any of its positions."
        : `${moved}${check}${turn}`;
  if ($("line").textContent !== text) $("line").textContent = text;
  if (state.message) $("problem").textContent = state.message;
}

/** Buttons for moves that belong to no square. */
function drawOthers(): void {
  const legal = legalNow().flatMap((move) => (move.uci || move.squares ? [] : [move.name]));
  const words = state.shape.kind === "grid" ? state.shape.words : []; // such as pass; they keep their place
  const names = [...new Set([...words, ...legal])];
  const group = $("others");
  const focused = group.contains(document.activeElement) ? document.activeElement : null;
  const before = [...group.children].map((button) => button.textContent);
  if (names.join("\n") !== before.join("\n")) {
    const buttons = names.map((name) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      button.addEventListener("click", () => void send("move", { move: name }));
      return button;
    });
    group.replaceChildren(...buttons);
  }
  const buttons = [...group.children] as HTMLElement[];
  for (const button of buttons) enable(button, legal.includes(button.textContent!));
  if (!focused || buttons.includes(focused as HTMLElement)) return;
  // Its button is gone. Where there is none, such as during the move of the player, the group keeps the focus.
  const usable = buttons.filter(isEnabled);
  (usable.find((button) => button.textContent === focused.textContent) ?? usable[0] ?? group).focus({ preventScroll: true });
}

function drawOpinion(): void {
  $("opinion").hidden = !show.list || !state.policy;
  const rows = (opinion?.likely ?? []).map(({ name, probability }) => {
    const row = document.createElement("li");
    const [move, share, bar] = [document.createElement("span"), document.createElement("span"), document.createElement("i")];
    move.textContent = name;
    share.textContent = `${(100 * probability).toFixed(1)}%`;
    bar.style.width = `${100 * probability}%`;
    row.append(move, share, bar);
    return row;
  });
  $("likely").replaceChildren(...rows);
  const value = opinion?.value ?? null;
  const meter = $("meter");
  meter.hidden = !show.value || !state.policy || (opinion !== null && value === null);
  meter.classList.toggle("unknown", value === null);
  const percent = value === null ? 50 : Math.round(50 * (1 + Math.max(-1, Math.min(1, value))));
  const [first, second] = meter.children as unknown as [HTMLElement, HTMLElement];
  first.style.flexGrow = String(percent);
  second.style.flexGrow = String(100 - percent);
  first.textContent = percent >= 25 ? `${state.seats[0]} ${percent}%` : "";
  second.textContent = percent <= 75 ? `${state.seats[1]} ${100 - percent}%` : "";
  meter.ariaLabel = `Score that the policy expects for ${state.seats[0]}`;
  meter.ariaValueNow = String(percent);
  meter.ariaValueText = value === null ? "unknown" : `${percent}%`;
}

let listed: readonly Position[] | undefined; // the positions of the list of moves

function drawMoves(): void {
  const list = $("moves");
  if (listed !== state.positions) {
    const focused = list.contains(document.activeElement);
    list.replaceChildren(...moveRows());
    if (focused) list.focus({ preventScroll: true });
    listed = state.positions;
  }
  list.querySelectorAll("button").forEach((button, index) => (button.ariaCurrent = index + 1 === ply ? "true" : null));
  const current = list.querySelector<HTMLElement>("[aria-current]");
  if (current) list.scrollTop = current.offsetTop - list.offsetTop - list.clientHeight / 2;
}

function moveRows(): HTMLLIElement[] {
  const rows: HTMLLIElement[] = [];
  let row: HTMLLIElement | undefined;
  let had = 1;
  state.movers.forEach((seat, index) => {
    if (!row || seat <= had) {
      row = document.createElement("li");
      const number = document.createElement("span");
      number.textContent = `${state.number + rows.length}.`;
      row.append(number);
      rows.push(row);
    }
    had = seat;
    const button = document.createElement("button");
    button.type = "button";
    button.tabIndex = -1; // the list has the focus, and its arrow keys step through the game
    button.textContent = state.positions[index + 1]!.move!.name;
    button.classList.toggle("second", seat === 1);
    button.addEventListener("click", () => go(index + 1));
    row.append(button);
  });
  return rows;
}

/** Show the position after this many plies. */
function go(to: number): void {
  ply = Math.max(0, Math.min(to, state.positions.length - 1));
  draw();
}

/** Carry out an action on the server and show the state after it. Returns why it was not possible, or "". */
async function send(action: string, more: object = {}): Promise<string> {
  if (over) return "The server has ended.";
  $("problem").textContent = "";
  try {
    const answer = await act(action, state.revision, more);
    if ("update" in answer) {
      if (action !== "back" || !answer.error) take(answer);
      if (!answer.error && action !== "temperature") go(state.positions.length - 1);
    }
    draw(); // puts back a piece that could not move
    const problem = answer.error ?? "";
    $("problem").textContent = problem || state.message;
    return problem;
  } catch {
    lose("The server does not answer. The page tries again.");
    draw();
    return "The server does not answer.";
  }
}

function lose(line: string): void {
  $("lost").textContent = line;
  $("lost").hidden = false;
}

/** Keep the page at the newest state. A page that nobody sees does not ask, because browsers allow few connections. */
async function follow(): Promise<void> {
  while (!over) {
    if (document.hidden) await new Promise((seen) => document.addEventListener("visibilitychange", seen, { once: true }));
    try {
      const next = await newest(state?.update);
      $("lost").hidden = true;
      take(next);
    } catch {
      lose("The server does not answer; it may have ended. Board, moves and game stay here.");
      await new Promise((later) => setTimeout(later, 2000));
    }
  }
}

function download(name: string, text: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

async function copy(from: HTMLInputElement | HTMLTextAreaElement, button: HTMLButtonElement, label: string): Promise<void> {
  from.select();
  const copied = await navigator.clipboard.writeText(from.value).then(
    () => true,
    () => document.execCommand("copy"),
  );
  const said = document.createElement("span"); // a new one, so that the same words are read out again
  said.textContent = button.textContent = copied ? "Copied" : "Press Ctrl-C";
  $("copied").replaceChildren(said);
  setTimeout(() => {
    said.remove();
    button.textContent = label;
  }, 1500);
}

function listen(): void {
  for (const input of all<HTMLInputElement>(".checks input[type=checkbox]")) {
    show[input.name] = input.checked = remembered(input.name) !== "off";
    input.addEventListener("change", () => {
      show[input.name] = input.checked;
      remember(input.name, input.checked ? "on" : "off");
      draw();
    });
  }
  for (const button of all("[data-action]")) button.addEventListener("click", () => void send(button.dataset.action!));
  $("here").addEventListener("click", () => void send("back", { ply }));
  $("flip").addEventListener("click", () => {
    flipped = !flipped;
    draw();
  });
  for (const button of all("[data-step]")) button.addEventListener("click", () => step(button.dataset.step!));
  $("moves").addEventListener("keydown", (event) => {
    const way = { ArrowLeft: "back", ArrowUp: "back", ArrowRight: "on", ArrowDown: "on", Home: "first", End: "last" }[event.key];
    if (!way) return;
    event.preventDefault();
    step(way);
  });
  $("typed").addEventListener("submit", (event) => {
    event.preventDefault();
    const input = $<HTMLInputElement>("move");
    void send("move", { move: input.value.trim() }).then((problem) => {
      if (!problem) input.value = "";
      input.focus();
    });
  });
  $("warmth").addEventListener("submit", (event) => {
    event.preventDefault();
    void send("temperature", { temperature: $<HTMLInputElement>("temperature").value.trim() });
  });
  for (const button of all<HTMLButtonElement>("[data-copy]")) {
    const label = button.textContent!;
    button.addEventListener("click", () => void copy($<HTMLInputElement>(button.dataset.copy!), button, label));
  }
  $("save").addEventListener("click", () => download("game.pgn", state.pgn));
  $("save-sgf").addEventListener("click", () => download("game.sgf", state.sgf ?? ""));
  listenToStart();
}

function listenToStart(): void {
  const dialog = $<HTMLDialogElement>("start");
  const problem = $("start-problem");
  $("fresh").addEventListener("click", () => {
    problem.textContent = "";
    for (const side of all<HTMLInputElement>("[name=side]")) side.checked = side.value === String(state.seat);
    dialog.showModal();
  });
  $("cancel").addEventListener("click", () => dialog.close());
  $("file").addEventListener("change", (event) => {
    const file = (event.target as HTMLInputElement).files?.[0];
    if (!file) return;
    problem.textContent = file.size > MOST_BYTES ? `A file must have at most ${MOST_BYTES.toLocaleString("en")} bytes, this has ${file.size.toLocaleString("en")}.` : "";
    if (file.size <= MOST_BYTES) void file.text().then((text) => ($<HTMLTextAreaElement>("text").value = text));
  });
  $("start-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const side = all<HTMLInputElement>("[name=side]").find((one) => one.checked)?.value ?? "";
    const text = $<HTMLTextAreaElement>("text").value;
    void send("new", { side, text }).then((line) => {
      problem.textContent = line;
      $("problem").textContent = "";
      if (line) return;
      $<HTMLTextAreaElement>("text").value = "";
      dialog.close();
    });
  });
}

function step(way: string): void {
  go({ first: 0, back: ply - 1, on: ply + 1, last: state.positions.length - 1 }[way] ?? ply);
}

listen();
void follow();
