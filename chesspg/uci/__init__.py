"""A policy as a UCI chess engine."""
