"""Files: written whole, locked, and where runs and shipped files are."""
