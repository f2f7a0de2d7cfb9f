"""The ladder: ratings of many players on one scale, from all their games."""
