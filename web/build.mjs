// Build the pages: `npm ci && npm run build` in this folder. The results are committed, so that users need no npm.
import { build } from "esbuild";
import { cp, mkdir, rm } from "node:fs/promises";

// Each page is a folder here, and a folder that ships.
const pages = [
  { from: "play", to: "../chesspg/browser/page" },
  { from: "learn", to: "../docs/learn" },
];

for (const { from, to } of pages) {
  await rm(to, { recursive: true, force: true });
  await mkdir(to, { recursive: true });
  await build({
    entryPoints: [`${from}/main.ts`], // the style sheets that it imports become page.css
    outfile: `${to}/page.js`,
    bundle: true,
    minify: true,
    format: "iife", // a module can't be loaded from disk
    target: ["es2023", "chrome123", "firefox121", "safari17.5"], // which know light-dark() in style sheets
    legalComments: "inline",
    charset: "utf8",
  });
  await cp(`${from}/index.html`, `${to}/index.html`);
}
