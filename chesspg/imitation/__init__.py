"""A policy learns the moves of recorded games."""
