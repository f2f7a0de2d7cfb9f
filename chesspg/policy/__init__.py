"""Floor 2: networks over legal actions, the policy made of one, and the policy file."""
