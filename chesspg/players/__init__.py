"""Who chooses moves: policies, random, greedy, minimax and UCI engines, and the strings that name them."""
