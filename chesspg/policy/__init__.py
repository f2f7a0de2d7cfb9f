"""Floor 2: a network over legal actions as a policy, and the file it travels in."""
