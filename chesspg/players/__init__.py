"""Who chooses moves: random, greedy, minimax, policies and UCI engines, each named by one string."""
