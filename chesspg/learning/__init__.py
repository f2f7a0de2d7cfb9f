"""Floor 4: from log-probabilities and rewards to a loss. Tensors only: no game, no network."""
