"""Comments beside fields and attributes as their documentation, since arrays have their shapes there."""

from __future__ import annotations

from typing import Any

import griffe


class Comments(griffe.Extension):
    """An attribute without a docstring is documented by the comment behind it, or else by the one above it."""

    def on_attribute_instance(self, *, node: Any, attr: griffe.Attribute, **options: Any) -> None:
        """Use the comment of an attribute that was just read."""
        if attr.docstring or attr.lineno is None or attr.endlineno is None:
            return
        lines = attr.module.lines
        _, found, text = lines[attr.endlineno - 1].partition("  # ")
        if not found:
            above = attr.lineno - 1
            while above and lines[above - 1].lstrip().startswith("# "):
                above -= 1
            text = " ".join(line.lstrip().removeprefix("# ") for line in lines[above : attr.lineno - 1])
        if text:
            attr.docstring = griffe.Docstring(text.partition("  # noqa")[0], parent=attr)
