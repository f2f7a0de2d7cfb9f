"""Networks over legal actions, the policy made of one, and the policy file."""
