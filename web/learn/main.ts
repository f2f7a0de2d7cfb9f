/** The learning page: the log-derivative trick by hand, and tic-tac-toe learned by it. */
import "../board/style.css";
import "./style.css";
import * as policies from "../policies/mount";
import * as bandit from "./bandit";
import { mountBaseline } from "./baseline";
import { mountCode } from "./code";
import { byId, count, showFormulas } from "./dom";
import { mountGamesSection } from "./games";
import { mountOne } from "./one";
import { changed, state } from "./page";
import { mountPlay } from "./play";
import { MAX_SEED, random } from "./random";
import { mountSample } from "./sample";
import * as ticTacToe from "./tictactoe";
import { mountTrain } from "./train";

showFormulas(document);
mountOne();
mountSample();
mountBaseline();
mountGamesSection();
mountCode();
mountTrain();
mountPlay();
policies.mountPolicies(byId("policies-table"));

const seed = byId<HTMLInputElement>("seed");
seed.addEventListener("change", () => {
  const given = seed.value.trim();
  const valid = /^[0-9]{1,10}$/.test(given) && Number(given) <= MAX_SEED;
  byId("seed-error").textContent = valid
    ? ""
    : `The seed must be a whole number from 0 to ${count(MAX_SEED)}, got “${given}”. The page keeps ${state.seed}.`;
  if (!valid || Number(given) === state.seed) return;
  state.seed = Number(given);
  changed("seed");
});

// On disk there is no site, but the files that it is made of.
if (location.protocol === "file:") {
  byId<HTMLAnchorElement>("home").href = "../../README.md";
  byId<HTMLAnchorElement>("derivation").href = "../derivation.md";
}

let width = innerWidth;
addEventListener("resize", () => {
  if (innerWidth !== width) changed("width"); // not when a phone hides its address bar
  width = innerWidth;
});

/** For tests and the curious: what this page computes with. `state` has the parameters that the page shows. */
const chesspg = { bandit, ticTacToe, random, state, policies };
declare global {
  interface Window {
    chesspg: typeof chesspg;
  }
}
window.chesspg = chesspg;
