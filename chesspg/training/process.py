"""What a process that trains sets for itself: less chatter of Lightning, and memory that is kept."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import warnings


def quiet() -> None:
    """Leave out those of Lightning's remarks that are of no use to a user of a command."""
    for library in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(library).setLevel(logging.WARNING)  # unused accelerators, tips, the seed
    for message, category in (
        ("LightningCLI's args parameter", UserWarning),  # ours are the command line
        ("Experiment logs directory", UserWarning),  # ours holds config.yaml, and metrics.csv is carried over
        (r"`isinstance\(treespec, LeafSpec\)`", FutureWarning),  # between Lightning 2.6 and torch
    ):
        warnings.filterwarnings("ignore", message, category)


def keep_memory() -> None:
    """Have glibc, where it is the allocator, keep what torch gives back.

    Each update asks for the tensors that the last one freed. With pages that the system must clear anew it takes a
    sixth longer, and self-play's forward pass half as long again.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        for parameter, value in ((-3, 32 << 20), (-1, 2**31 - 1)):  # M_MMAP_THRESHOLD at its most, M_TRIM_THRESHOLD
            mallopt(parameter, value)
