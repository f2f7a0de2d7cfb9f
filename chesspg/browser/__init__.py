"""A person plays in a browser: the game that all tabs show, and the local server of the page."""
