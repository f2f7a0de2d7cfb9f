"""Games in which stones are placed on a board: one batch, one device and one set of texts for all of them."""
