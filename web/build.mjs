// Build the pages: `npm ci && npm run build` in this folder. The results are committed, so that users need no npm.
import { build } from "esbuild";
import { cp, mkdir, readdir, rm } from "node:fs/promises";

// Each page is a folder here, and a folder that ships.
const pages = [
  { from: "play", to: "../chesspg/browser/page" },
  { from: "learn", to: "../docs/learn" },
];

const options = {
  bundle: true,
  minify: true,
  format: "iife", // a module can't be loaded from disk
  target: ["es2023", "chrome123", "firefox121", "safari17.5"], // which know light-dark() in style sheets
  legalComments: "inline",
  charset: "utf8",
};
// The worker that runs policies is part of the page as text, because a page on disk can't load one.
const worker = await build({
  ...options,
  entryPoints: ["policies/worker.ts"],
  write: false,
  define: { "import.meta.url": '""' }, // it loads nothing
});
const define = { WORKER: JSON.stringify(worker.outputFiles[0].text) };

for (const { from, to } of pages) {
  await mkdir(to, { recursive: true });
  for (const name of await readdir(to)) {
    if (name !== "policies") await rm(`${to}/${name}`, { recursive: true }); // which policies.py wrote
  }
  await build({
    ...options,
    define,
    entryPoints: [`${from}/main.ts`], // the style sheets that it imports become page.css
    outfile: `${to}/page.js`,
  });
  await cp(`${from}/index.html`, `${to}/index.html`);
}
