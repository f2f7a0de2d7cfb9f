"""Benchmarks: where the time goes, and how far each stage is from its limit."""
