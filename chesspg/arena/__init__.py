"""Floor 4: players meet: rosters, openings, matches, ratings and PGN."""
