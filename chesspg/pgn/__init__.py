"""Recorded games of chess as text: PGN and FEN, read and written."""
