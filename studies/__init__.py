"""Studies that the project ran, with their results. They are not part of the package."""
