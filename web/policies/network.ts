/** Policies that run in the page: their files, and the worker that evaluates them. */
import type { Game, Input } from "./encoding";

/** What policies/index.js has about each policy; `python web/policies.py` writes it. */
export interface Description {
  name: string;
  /** Elo on the shipped ladder. */
  rating: number;
  /** The temperature by which the logits in its file are divided already. */
  temperature: number;
  /** The size of its script. */
  bytes: number;
}

/** The runtime comes first, then a policy, then its positions. */
export type Request = { id: number } & (
  | { kind: "start"; runtime: string }
  | { kind: "open"; name: string; policy: string }
  | ({ kind: "run"; name: string } & Input)
);

export interface Answer {
  id: number;
  error?: string;
  logits?: Float32Array;
  value?: number;
  milliseconds?: number;
}

/** What a policy says about a position. */
export interface Evaluation {
  logits: number[]; // of the legal moves, in their order
  value: number; // what the mover can expect, −1 to 1
  milliseconds: number;
}

declare global {
  var chesspgPolicies: Description[] | undefined;
  var chesspgFiles: Record<string, string> | undefined;
}
/** The source of worker.ts, which build.mjs puts here. */
declare const WORKER: string;

const FOLDER = "policies/";

/** Load a classic script of this page, which works from disk too, where nothing can be fetched. */
function load(name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `${FOLDER}${name}.js`;
    script.onload = () => (script.remove(), resolve());
    script.onerror = () => (script.remove(), reject(new Error(`${script.src} can't be loaded`)));
    document.head.append(script);
  });
}

/** A file in base64 that a script put down; it is taken, so that the page keeps no copy. */
async function file(name: string): Promise<string> {
  await load(name);
  const text = globalThis.chesspgFiles?.[name];
  if (!text) throw new Error(`${FOLDER}${name}.js has no file of this name`);
  delete globalThis.chesspgFiles![name];
  return text;
}

/** The policies that this copy of the page has; none if they were not made. */
export async function descriptions(): Promise<Description[]> {
  try {
    await load("index");
  } catch {
    return [];
  }
  return globalThis.chesspgPolicies ?? [];
}

let worker: Worker | undefined;
let runtime: Promise<unknown> | undefined; // settled once the worker has the runtime
let count = 0;
const waiting = new Map<number, { resolve: (answer: Answer) => void; reject: (error: Error) => void }>();
const opened = new Map<string, Promise<void>>();

/** End the worker, because onnxruntime can't be used after some errors. The next policy that is opened starts another. */
function end(error: Error): void {
  worker?.terminate();
  worker = runtime = undefined;
  opened.clear();
  for (const { reject } of waiting.values()) reject(error);
  waiting.clear();
}

type Unnumbered = Request extends infer R ? (R extends Request ? Omit<R, "id"> : never) : never;

function ask(request: Unnumbered): Promise<Answer> {
  if (!worker) {
    const url = URL.createObjectURL(new Blob([WORKER], { type: "text/javascript" }));
    worker = new Worker(url);
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      if (data.error !== undefined) return end(new Error(data.error));
      waiting.get(data.id)!.resolve(data);
      waiting.delete(data.id);
    };
    worker.onerror = (event) => end(new Error(event.message || "the worker can't be started"));
  }
  const id = count++;
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject });
    worker!.postMessage({ ...request, id });
  });
}

/** Load the runtime into the worker, which every policy needs. Further calls wait for the first. */
function start(): Promise<unknown> {
  if (!runtime) {
    runtime = file("runtime").then((text) => ask({ kind: "start", runtime: text }));
    runtime.catch(() => (runtime = undefined));
  }
  return runtime;
}

/** Load a policy, and before the first one the runtime. Further calls wait for the first. */
export function open(name: string): Promise<void> {
  const known = opened.get(name);
  if (known) return known;
  const loaded = (async () => {
    const policy = await file(name);
    await start();
    await ask({ kind: "open", name, policy });
  })();
  opened.set(name, loaded);
  loaded.catch(() => opened.delete(name));
  return loaded;
}

/** Evaluate the position of a game that goes on, by a policy that is open. */
export async function evaluate(name: string, game: Game): Promise<Evaluation> {
  const { logits, value, milliseconds } = await ask({ kind: "run", name, ...game.input() });
  return { logits: [...logits!], value: value ?? 0, milliseconds: milliseconds! };
}
