"""Settings of a process that trains: fewer of Lightning's remarks, and memory that is kept."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import warnings


def quiet() -> None:
    """Silence those of Lightning's remarks that do not help the user of a command."""
    for library in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(library).setLevel(logging.WARNING)  # unused accelerators, tips, the seed
    for message, category in (
        ("LightningCLI's args parameter", UserWarning),  # they are those of the command line
        ("Experiment logs directory", UserWarning),  # a run's holds config.yaml, and its metrics.csv is continued
        (r"`isinstance\(treespec, LeafSpec\)`", FutureWarning),  # between Lightning 2.6 and torch
    ):
        warnings.filterwarnings("ignore", message, category)


def keep_memory() -> None:
    """Make glibc, where it is the allocator, keep the memory that torch frees.

    Each update allocates the tensors that the last one freed. If the system must clear their pages again, an update
    takes a sixth longer, and the forward pass of self-play takes half as long again.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        for parameter, value in ((-3, 32 << 20), (-1, 2**31 - 1)):  # M_MMAP_THRESHOLD at its most, M_TRIM_THRESHOLD
            mallopt(parameter, value)
