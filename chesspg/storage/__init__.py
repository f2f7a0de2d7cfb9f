"""Files: atomic writes, locks, run folders, files that ship, and parsing."""
