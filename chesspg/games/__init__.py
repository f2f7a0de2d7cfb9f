"""The rules of games, their encoding and what they offer besides. numpy, python-chess and numba, never torch."""
