"""The Lightning parts: the module, the self-play data and the callbacks."""
