// Build the pages: `npm ci && npm run build` in this folder. The results are committed, so that users need no npm.
import { build } from "esbuild";
import { cp, mkdir, rm } from "node:fs/promises";

const assets = "node_modules/cm-chessboard/assets";

// Each page is a folder here, and a folder that ships.
const pages = [
  {
    from: "play",
    to: "../chesspg/browser/page",
    copies: { [`${assets}/pieces/standard.svg`]: "pieces.svg" },
  },
  {
    from: "learn",
    to: "../docs/learn",
    copies: { [`${assets}/pieces/standard.svg`]: "pieces.svg" },
  },
];

for (const { from, to, copies } of pages) {
  await rm(to, { recursive: true, force: true });
  await mkdir(to, { recursive: true });
  await build({
    entryPoints: [`${from}/main.ts`],
    outfile: `${to}/page.js`,
    bundle: true,
    minify: true,
    format: "iife", // a module can't be loaded from disk
    target: "es2022",
    legalComments: "inline",
    charset: "utf8",
  });
  await cp(`${from}/index.html`, `${to}/index.html`);
  for (const [source, name] of Object.entries(copies)) await cp(source, `${to}/${name}`);
}
