"""Games in which stones are placed on a board: the code for batches, devices and texts that they share."""
