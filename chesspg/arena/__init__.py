"""Floor 4: games between players: openings, matches, Elo and the ladder."""
