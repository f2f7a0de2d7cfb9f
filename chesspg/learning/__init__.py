"""The mathematics of the policy gradient: pure functions of tensors, and nothing else.

    ∇θ E_{x~p(x|θ)}[f(x)] = E_{x~p(x|θ)}[ f(x) ∇θ log p(x|θ) ]          Williams (1992)

x is a whole game, f(x) its reward, and log p(x|θ) = Σₜ log π(aₜ|sₜ) plus a part without θ. `docs/derivation.md` walks
through it.

* `rewards`: f(x), from how a game ended.
* `advantages`: from the rewards of games to the weight Âₜ of each ply.
* `losses`: from log-probabilities and weights to the loss that is minimized.
* `gradients`: how much of a gradient is signal.

Shapes: N plies are stored, of some number of games. An advantage belongs to the mover of its ply, a reward to player 0,
and `game` [N] names the game of each ply. Losses are minimized, entropy is positive.
"""
