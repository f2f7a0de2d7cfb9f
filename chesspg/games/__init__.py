"""The rules of games, their encodings and their capabilities. Uses numpy, python-chess and numba, never torch."""
