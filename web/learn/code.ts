/** Section 5: the program, which of its lines is which part of the formula, and why the value of its loss means nothing. */
import { ascent, expected, pseudoLoss } from "./bandit";
import { drawChart } from "./chart";
import { byId, choice, format, formula, make } from "./dom";
import { draws, state } from "./page";

const RATE = 0.3;
const STEPS = 100;

const TERMS = {
  policy: {
    label: () => formula("π = softmax(θ)"),
    spoken: "the policy",
    text:
      "The policy. Categorical applies the softmax to the logits. θ is the only thing that is learned; requires_grad records " +
      "what is computed from it.",
  },
  sample: {
    label: () => formula("x_i ∼ p(x|θ)"),
    spoken: "the sampled games",
    text:
      "The sample: 64 games by the policy as it is now. Which games come depends on θ, but no gradient flows through " +
      "sample(). The trick is what makes up for that.",
  },
  reward: {
    label: () => formula("f(x_i)"),
    spoken: "the payoff",
    text: "The payoff. For autograd it is a constant. It may come from any rules, and need not be differentiable.",
  },
  log: {
    label: () => formula("log p(x_i|θ)"),
    spoken: "the log-probability",
    text:
      "The log-probability of the moves that were played, which autograd can differentiate. In a longer game it is the " +
      "sum of the log-probabilities of our moves. This is how θ enters the loss.",
  },
  product: {
    label: () => formula("f · log p"),
    spoken: "payoff times log-probability",
    text: "Each game's log-probability is multiplied by its payoff. The derivative of the product is f ∇ log p, because f is a constant.",
  },
  mean: {
    label: () => formula("{1}/{N} Σ_i"),
    spoken: "the mean over the games",
    text: "The mean over the games, which estimates the expected value.",
  },
  nabla: {
    label: () => formula("∇_θ"),
    spoken: "the gradient",
    text: "Here the gradient is computed: theta.grad becomes −ĝ.",
  },
  minus: {
    label: () => formula("−"),
    spoken: "the minus sign",
    text: "Optimizers minimize, and we want E[f] to rise. With the minus sign, a step down the loss is a step along ĝ.",
  },
} as const;
type Term = keyof typeof TERMS;

/** [lines][parts of a line] text, and the terms that it belongs to. */
function program(): [string, ...Term[]][][] {
  const tensor = (values: readonly number[]): string =>
    `[${values.map((value) => (Number.isInteger(value) ? value.toFixed(1) : String(Number(value.toFixed(6))))).join(", ")}]`;
  return [
    [["import torch"]],
    [[`f = torch.tensor(${tensor(state.f)})`, "reward"]],
    [[`theta = torch.tensor(${tensor(state.theta)}, requires_grad=True)`, "policy"]],
    [["optimizer = torch.optim.SGD([theta], lr=0.1)"]],
    [["for update in range(200):"]],
    [["    policy = torch.distributions.Categorical(logits=theta)", "policy"]],
    [["    x = policy.sample((64,))", "sample"]],
    [["    reward = f[x]", "reward"]],
    [["    log_prob = policy.log_prob(x)", "log"]],
    [["    loss = "], ["-", "minus"], ["(log_prob * reward)", "product"], [".mean()", "mean"]],
    [["    optimizer.zero_grad()"]],
    [["    loss.backward()", "nabla"]],
    [["    optimizer.step()", "minus"]],
  ];
}

export function mountCode(): void {
  let term: Term = "log";
  const draw = draws(["bandit", "width"], () => {
    byId("code-lines").replaceChildren(
      ...program().flatMap((parts) => {
        const line = make("span", { class: parts.some(([, ...terms]) => terms.includes(term)) ? "line chosen" : "line" });
        for (const [text, ...terms] of parts) {
          const indent = /^ */.exec(text)![0];
          line.append(indent, terms.includes(term) ? make("mark", {}, text.slice(indent.length)) : text.slice(indent.length));
        }
        return [line, "\n"];
      }),
    );
    byId("code-text").textContent = TERMS[term].text;
    drawLosses();
  });
  const labels = Object.fromEntries(Object.entries(TERMS).map(([name, { label }]) => [name, label()])) as Record<Term, Element>;
  const spoken = Object.fromEntries(Object.entries(TERMS).map(([name, { spoken }]) => [name, spoken])) as Record<Term, string>;
  const choose = (chosen: Term): void => {
    term = chosen;
    draw();
  };
  choice<Term>(byId("code-terms"), "Part of the formula", labels, term, choose, spoken);
}

/** The expected pseudo-loss along the exact gradient, with two payoffs that differ by a constant. */
function drawLosses(): void {
  const shift = Math.ceil(Math.max(...state.f)) + 1;
  byId("code-shift").textContent = format(shift, 0);
  const path = ascent(state.theta, state.f, RATE, STEPS);
  const along = (value: (theta: readonly number[]) => number): [number, number][] => path.map((theta, step) => [step, value(theta)]);
  const E = along((theta) => expected(theta, state.f));
  const plain = along((theta) => pseudoLoss(theta, state.f));
  const shifted = along((theta) => pseudoLoss(theta, state.f, shift));
  const all = [...E, ...plain, ...shifted].map(([, y]) => y);
  const low = Math.min(0, ...all);
  const high = Math.max(0, ...all);
  const room = 0.06 * (high - low || 1);
  const ends = (points: [number, number][]): string => `from ${format(points[0]![1])} to ${format(points.at(-1)![1])}`;
  const text =
    `In ${STEPS} steps E[f] goes ${ends(E)}. The pseudo-loss of the very same run goes ${ends(plain)} with the payoffs f, and ` +
    `${ends(shifted)} with the payoffs f − ${format(shift, 0)}.`;
  drawChart(
    byId("code-losses"),
    { low: 0, high: STEPS, label: "steps" },
    { low: low - room, high: high + room, label: "value", text: (value) => format(value, 1) },
    [
      { name: "E[f]", look: "line", hue: "one", points: E },
      { name: "pseudo-loss with f", look: "dashes", hue: "two", points: plain },
      { name: `pseudo-loss with f − ${format(shift, 0)}`, look: "thin", hue: "three", points: shifted },
    ],
    text,
  );
  byId("code-losses-text").textContent = `${text} So look at E[f], never at the loss.`;
}
