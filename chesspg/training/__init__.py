"""The Lightning parts: the module, the self-play data module, the callbacks, and a command's run."""
