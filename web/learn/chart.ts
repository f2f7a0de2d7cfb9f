/** Charts as SVG: lines and dots on linear or logarithmic axes, and pairs of bars. */

import { make, svg } from "./dom";

export interface Axis {
  low: number;
  high: number;
  label: string;
  log?: boolean;
  text?: (value: number) => string;
}

export interface Series {
  name: string;
  look: "line" | "thin" | "dashes" | "dots" | "cloud" | "specks" | "cross" | "ring";
  hue: "one" | "two" | "three" | "plain";
  points: readonly (readonly [number, number])[];
}

/** Draw a chart into a figure, as wide as the figure is. */
export function drawChart(figure: HTMLElement, x: Axis, y: Axis, series: readonly Series[], description: string, height = 280): void {
  const width = Math.max(figure.clientWidth, 200);
  const text = (axis: Axis): ((value: number) => string) => axis.text ?? ((value) => String(value).replace("-", "−"));
  const labels = ticks(y).map(text(y));
  const left = 14 + 7 * Math.max(...labels.map((label) => label.length));
  const box = { left, right: width - 20, top: 26, bottom: height - 42 };
  const toX = scale(x, box.left, box.right);
  const toY = scale(y, box.bottom, box.top);
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": description });
  for (const value of ticks(x)) {
    const at = toX(value);
    picture.append(
      svg("line", { class: "rule", x1: at, x2: at, y1: box.top, y2: box.bottom }),
      svg("text", { x: at, y: box.bottom + 17, "text-anchor": "middle" }, text(x)(value)),
    );
  }
  for (const value of ticks(y)) {
    const at = toY(value);
    picture.append(
      svg("line", { class: "rule", x1: box.left, x2: box.right, y1: at, y2: at }),
      svg("text", { x: box.left - 7, y: at + 4, "text-anchor": "end" }, text(y)(value)),
    );
  }
  picture.append(
    svg("text", { x: box.right, y: height - 6, "text-anchor": "end" }, x.label),
    svg("text", { x: 2, y: 12 }, y.label),
  );
  const inside = ([a, b]: readonly [number, number]): boolean => a >= x.low && a <= x.high && (!y.log || b > 0);
  const clamp = (value: number): number => Math.min(Math.max(toY(value), box.top - 8), box.bottom);
  for (const { look, hue, points } of series) {
    const places = points.filter(inside).map(([a, b]) => [toX(a), clamp(b)] as const);
    picture.append(...marks(look, places).map((mark) => (mark.classList.add(look, `hue-${hue}`), mark)));
  }
  figure.replaceChildren(picture, make("figcaption", {}, ...series.filter(({ name }) => name).map(key)));
}

function marks(look: Series["look"], places: readonly (readonly [number, number])[]): SVGElement[] {
  if (look === "line" || look === "thin" || look === "dashes") {
    return [svg("polyline", { points: places.map(([a, b]) => `${a.toFixed(1)},${b.toFixed(1)}`).join(" ") })];
  }
  if (look === "cross") {
    return places.map(([a, b]) => svg("path", { d: `M${a - 7},${b}H${a + 7}M${a},${b - 7}V${b + 7}` }));
  }
  if (look === "specks") return [svg("path", { d: places.map(([a, b]) => `M${a.toFixed(1)},${b.toFixed(1)}h0`).join("") })];
  const r = { dots: 3.5, cloud: 2.5, ring: 6 }[look];
  return places.map(([cx, cy]) => svg("circle", { cx: cx.toFixed(1), cy: cy.toFixed(1), r }));
}

/** An entry of the legend. */
function key({ name, look, hue }: Series): HTMLElement {
  const sample = svg("svg", { viewBox: "0 0 24 14", width: 24, height: 14, "aria-hidden": "true" });
  const flat = look === "line" || look === "thin" || look === "dashes";
  const places = flat ? ([[1, 7], [23, 7]] as const) : ([[12, 7]] as const);
  for (const mark of marks(look, places)) {
    mark.classList.add(look, `hue-${hue}`);
    sample.append(mark);
  }
  return make("span", { class: "key" }, sample, name);
}

function scale({ low, high, log }: Axis, from: number, to: number): (value: number) => number {
  const position = log ? Math.log : (value: number): number => value;
  return (value) => from + ((position(value) - position(low)) / (position(high) - position(low))) * (to - from);
}

/** Round values: powers of ten, or up to six steps of 1, 2 or 5 times a power of ten. */
function ticks({ low, high, log }: Axis): number[] {
  const found: number[] = [];
  if (log) {
    for (let power = Math.ceil(Math.log10(low) - 1e-9); 10 ** power <= high * (1 + 1e-9); power++) {
      found.push(Number((10 ** power).toPrecision(6)));
    }
    return found;
  }
  const rough = (high - low) / 5;
  const ten = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * ten).find((size) => size >= rough * 0.999) ?? 10 * ten;
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) found.push(Number((i * step).toPrecision(6)));
  return found;
}

/** Bars that start at 0, for each row one of each series. */
export function drawBars(
  figure: HTMLElement,
  rows: readonly string[],
  series: readonly { name: string; hue: Series["hue"]; values: readonly number[] }[],
  limit: number,
  text: (value: number) => string,
  description: string,
): void {
  const width = Math.max(figure.clientWidth, 200);
  const thick = 16;
  const gap = 10;
  const block = thick * series.length + gap;
  const height = block * rows.length + 4;
  const middle = 24 + (width - 24) / 2;
  const reach = (width - 24) / 2 - 52; // room for the numbers
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": description });
  rows.forEach((row, i) => {
    picture.append(svg("text", { x: 2, y: i * block + (block - gap) / 2 + 6, class: "row" }, row));
    series.forEach(({ hue, values }, j) => {
      const value = values[i] ?? 0;
      const length = Math.min(Math.abs(value) / limit, 1) * reach;
      const top = i * block + j * thick + 2;
      const right = value >= 0;
      picture.append(
        svg("rect", { class: `bar hue-${hue}`, x: right ? middle : middle - length, y: top, width: length, height: thick - 3 }),
        svg(
          "text",
          { x: right ? middle + length + 5 : middle - length - 5, y: top + 11, "text-anchor": right ? "start" : "end" },
          text(value),
        ),
      );
    });
  });
  picture.append(svg("line", { class: "axis", x1: middle, x2: middle, y1: 0, y2: height }));
  const legend = series.map(({ name, hue }) => {
    const sample = svg("svg", { viewBox: "0 0 14 14", width: 14, height: 14, "aria-hidden": "true" });
    sample.append(svg("rect", { class: `bar hue-${hue}`, x: 1, y: 1, width: 12, height: 12 }));
    return make("span", { class: "key" }, sample, name);
  });
  figure.replaceChildren(picture, make("figcaption", {}, ...legend));
}
