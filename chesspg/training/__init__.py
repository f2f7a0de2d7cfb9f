"""Floor 5: the Lightning parts: the module, the self-play data, the callbacks."""
