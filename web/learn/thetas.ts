/** The sliders of θ_a, θ_b and θ_c, which sections 2 and 3 repeat. */
import { byId, format, formula, slider } from "./dom";
import { changed, draws, MOVES, state } from "./page";

export const RANGE = { min: -4, max: 4, step: 0.1 };

export function mountThetas(id: string): void {
  const sliders = MOVES.map((move, k) =>
    slider(formula(`θ_${move}`), `theta of ${move}`, { ...RANGE, value: state.theta[k]!, text: (theta) => format(theta, 1) }, (theta) => {
      state.theta = state.theta.with(k, theta);
      changed("bandit");
    }),
  );
  byId(id).replaceChildren(...sliders.map(({ row }) => row));
  draws(["bandit"], () => sliders.forEach(({ set }, k) => set(state.theta[k]!)));
}

/** A slider of the number of games N, in steps of a doubling or a part of one. */
export function mountGames(
  id: string,
  { from, to, parts, value }: { from: number; to: number; parts: number; value: number },
  onInput: (N: number) => void,
): (N: number) => void {
  const games = (position: number): number => Math.round(2 ** (position / parts));
  const N = slider(
    formula("N"),
    "number of games",
    {
      min: Math.log2(from) * parts,
      max: Math.log2(to) * parts,
      step: 1,
      value: Math.log2(value) * parts,
      text: (position) => `${games(position).toLocaleString("en-US")} ${games(position) === 1 ? "game" : "games"}`,
    },
    (position) => onInput(games(position)),
  );
  byId(id).replaceChildren(N.row);
  return (games) => N.set(Math.round(Math.log2(games) * parts));
}
