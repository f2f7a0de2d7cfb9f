"""A policy as a chess engine that speaks UCI."""
