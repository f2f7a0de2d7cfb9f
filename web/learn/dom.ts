/** Small helpers for what the page shows: elements, numbers, formulas. Text is always text, never HTML. */

/** The element with this id, which index.html has. */
export function byId<T extends Element = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (!element) throw new Error(`index.html has no element ${id}`);
  return element as unknown as T;
}

type Child = Node | string;

/** A new element with attributes and children. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string | number> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** A new SVG element. */
export function svg(tag: string, attributes: Record<string, string | number> = {}, ...children: Child[]): SVGElement {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** A number with a true minus sign, and without one where it rounds to 0. */
export function format(value: number, digits = 3): string {
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? `−${text}` : text;
}

/** A whole number with commas. */
export function count(value: number): string {
  return value.toLocaleString("en-US");
}

/** A fraction in %. */
export function percent(value: number, digits = 1): string {
  return `${format(100 * value, digits)} %`;
}

/** A number as a factor of a product: in parentheses if it is negative. */
export function factor(value: number, digits = 3): string {
  const text = format(value, digits);
  return text.startsWith("−") ? `(${text})` : text;
}

const MATHML = "http://www.w3.org/1998/Math/MathML";

/**
 * A formula in MathML from text such as `E[f] = Σ_x π(x|θ) f(x)`.
 *
 * `_` and `^` take one symbol or a group in braces, `{A}/{B}` is a fraction, `√{A}` a root. Letters in a row are one
 * upright word.
 */
export function formula(text: string, display: "inline" | "block" = "inline"): Element {
  const tokens = text.match(/[a-zA-Z]+|(?<=^|\(|= |· )−[0-9.,]+|[0-9][0-9.,]*|\S/gu) ?? [];
  const element = (tag: string, ...children: Child[]): Element => {
    const made = document.createElementNS(MATHML, tag);
    made.append(...children);
    return made;
  };
  const symbol = (): Element => {
    const token = tokens.shift() ?? "";
    if (token === "{") {
      const row = sequence("}");
      tokens.shift();
      return row;
    }
    if (token === "√") return element("msqrt", symbol());
    if (/[0-9]$/.test(token)) return element("mn", token);
    if (token === "ĝ") {
      const hat = element("mover", element("mi", "g"), element("mo", "^"));
      hat.setAttribute("accent", "true");
      return hat;
    }
    if (/^\p{L}/u.test(token) && token !== "Σ") return element("mi", token);
    if (token === "∇" || token === "∂") {
      const upright = element("mi", token);
      upright.setAttribute("mathvariant", "normal");
      return upright;
    }
    const operator = element("mo", token === "Σ" ? "∑" : token);
    if ("()[]|‖".includes(token)) operator.setAttribute("stretchy", "false");
    if (token === "|" || token === "‖") for (const side of ["lspace", "rspace"]) operator.setAttribute(side, "0");
    return operator;
  };
  const thinSpace = (): Element => {
    const space = element("mspace");
    space.setAttribute("width", "0.17em");
    return space;
  };
  const sequence = (end?: string): Element => {
    const row = element("mrow");
    while (tokens.length && tokens[0] !== end) {
      const grouped = tokens[0] === "{";
      if (row.lastElementChild && tokens[0] === "∇") row.append(thinSpace());
      const word = /^[a-z]{2,}$/i.test(tokens[0] ?? "") && tokens[1] !== "(";
      let item = symbol();
      if (grouped && tokens[0] === "/") {
        tokens.shift();
        item = element("mfrac", item, symbol());
      }
      while (tokens[0] === "_" || tokens[0] === "^") {
        const mark = tokens.shift();
        const under = mark === "_" && item.textContent === "∑";
        item = element(under ? "munder" : mark === "_" ? "msub" : "msup", item, symbol());
      }
      row.append(item);
      if (word) row.append(thinSpace());
    }
    return row;
  };
  const math = element("math", sequence());
  math.setAttribute("display", display);
  return math;
}

/** Replace the text of every `.formula` by the formula that it spells; a `div` becomes a displayed one. */
export function showFormulas(root: ParentNode): void {
  for (const place of root.querySelectorAll<HTMLElement>(".formula")) {
    place.replaceChildren(formula(place.textContent ?? "", place.tagName === "DIV" ? "block" : "inline"));
  }
}

/** A slider with its label, what a screen reader calls it, and its value. */
export function slider(
  label: Child,
  spoken: string,
  { min, max, step, value, text }: { min: number; max: number; step: number; value: number; text: (value: number) => string },
  onInput: (value: number) => void,
): { row: HTMLElement; set(value: number): void } {
  const input = make("input", { type: "range", min, max, step, value, "aria-label": spoken });
  const output = make("span", { class: "value" });
  const show = (to: number): void => {
    output.textContent = text(to);
    input.setAttribute("aria-valuetext", text(to));
  };
  input.addEventListener("input", () => {
    show(input.valueAsNumber);
    onInput(input.valueAsNumber);
  });
  show(value);
  return {
    row: make("label", { class: "slider" }, make("span", {}, label), input, output),
    set(to: number) {
      if (input.valueAsNumber !== to) input.valueAsNumber = to;
      show(to);
    },
  };
}

/** A choice of one of a few values. A screen reader gets the options that are formulas in words. */
export function choice<T extends string>(
  place: HTMLElement,
  legend: string,
  options: Record<T, Child>,
  first: T,
  onChange: (value: T) => void,
  spoken?: Record<T, string>,
): void {
  const name = `choice-${place.id}`;
  const labels = (Object.entries(options) as [T, Child][]).map(([value, text]) => {
    const input = make("input", { type: "radio", name, value });
    input.checked = value === first;
    if (spoken) input.ariaLabel = spoken[value];
    input.addEventListener("change", () => onChange(value));
    return make("label", {}, input, make("span", {}, text));
  });
  place.replaceChildren(make("fieldset", { class: "choice" }, make("legend", {}, legend), ...labels));
}

/** The rows of a table: the first cell of each is its header. */
export function fillRows(body: HTMLElement, rows: readonly (readonly Child[])[]): void {
  body.replaceChildren(
    ...rows.map(([head, ...cells]) =>
      make("tr", {}, make("th", { scope: "row" }, head ?? ""), ...cells.map((cell) => make("td", {}, cell))),
    ),
  );
}

/** Call `draw` in the next frame, once, however often it is asked for. */
export function inNextFrame(draw: () => void): () => void {
  let waits = false;
  return () => {
    if (waits) return;
    waits = true;
    requestAnimationFrame(() => {
      waits = false;
      draw();
    });
  };
}

export const stillness = matchMedia("(prefers-reduced-motion: reduce)");
