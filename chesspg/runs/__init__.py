"""A run of training from its command line to its exit code."""
