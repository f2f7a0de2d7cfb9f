"""What commands share: arguments, signals, progress, a board as text."""
