"""A run, or a file of games, as one page."""
