"""Floor 3: who chooses moves, and the one loop in which they meet."""
