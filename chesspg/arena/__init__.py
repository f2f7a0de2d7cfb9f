"""Players meet: openings, matches, Elo and the ladder."""
