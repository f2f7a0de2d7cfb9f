"""Who is how strong: ratings of many players from all their games."""
