"""Runs and files of games as one HTML page."""
