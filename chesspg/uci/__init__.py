"""A policy as a chess engine."""
