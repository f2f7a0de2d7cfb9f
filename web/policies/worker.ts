/** The worker that runs policies: onnxruntime-web on one thread. It gets files as text and loads nothing itself. */
import * as ort from "onnxruntime-web/wasm";
import type { Answer, Request } from "./network";

ort.env.wasm.numThreads = 1; // more would need a page that is isolated from other origins
ort.env.logLevel = "error";
const sessions = new Map<string, ort.InferenceSession>();

/** The content of a file that was compressed by gzip and written in base64. */
async function unpacked(base64: string): Promise<ArrayBuffer> {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

async function answer(request: Request): Promise<Omit<Answer, "id">> {
  if (request.kind === "start") {
    ort.env.wasm.wasmBinary = await unpacked(request.runtime);
    return {};
  }
  if (request.kind === "open") {
    sessions.set(request.name, await ort.InferenceSession.create(new Uint8Array(await unpacked(request.policy))));
    return {};
  }
  const begin = performance.now();
  const results = await sessions.get(request.name)!.run({
    planes: new ort.Tensor("float32", request.planes, [1, request.planes.length / 64, 8, 8]),
    scalars: new ort.Tensor("float32", request.scalars, [1, request.scalars.length]),
    legal: new ort.Tensor("int32", request.legal, [1, request.legal.length]),
  });
  const milliseconds = performance.now() - begin;
  const logits = results.logits!.data as Float32Array;
  const value = results.value?.data[0] as number | undefined;
  return { logits, ...(value === undefined ? {} : { value }), milliseconds };
}

self.onmessage = async ({ data }: MessageEvent<Request>) => {
  try {
    self.postMessage({ id: data.id, ...(await answer(data)) });
  } catch (error) {
    self.postMessage({ id: data.id, error: String(error) });
  }
};
