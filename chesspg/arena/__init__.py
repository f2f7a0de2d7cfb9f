"""Games between players: openings, matches, Elo and the ladder."""
