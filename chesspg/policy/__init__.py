"""A network over legal actions as a policy, and the file that holds one."""
