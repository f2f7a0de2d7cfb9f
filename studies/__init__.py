"""Studies that the project ran, with what they found: not part of the package."""
