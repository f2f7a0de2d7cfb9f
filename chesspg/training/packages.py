"""Which of Lightning's two packages a program uses."""

from __future__ import annotations

import sys

from pytorch_lightning.utilities import rank_zero_warn


def check_package() -> None:
    """Warn in a program that has imported `lightning.pytorch`, whose Trainer refuses the classes of this package.

    The packages `lightning` and `pytorch_lightning` hold the same code twice, and each accepts only its own classes.
    """
    if "lightning.pytorch" in sys.modules:
        rank_zero_warn(
            "chesspg's parts are made for `import pytorch_lightning as pl`; the Trainer and the callbacks of "
            "`lightning.pytorch`, which this program has imported, do not accept them"
        )
