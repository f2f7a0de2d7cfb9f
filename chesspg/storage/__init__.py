"""Floor 1: files: written whole, locked, where runs and shipped files lie."""
