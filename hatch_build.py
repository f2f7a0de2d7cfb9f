"""Metadata that depends on where a release is built: addresses, and a README whose links work on PyPI."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class Addresses(MetadataHookInterface):
    """Takes the address of the repository from GitHub Actions; anywhere else, links stay as they are."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the readme and, if the repository's address is known, the project's addresses."""
        readme = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        if "GITHUB_REPOSITORY" in os.environ:
            repository = f"{os.environ['GITHUB_SERVER_URL']}/{os.environ['GITHUB_REPOSITORY']}"
            ref = os.environ["GITHUB_REF_NAME"]  # the tag of a release
            readme = re.sub(r"(!\[[^]]*\]\()(?!\w+:|#)", rf"\g<1>{repository}/raw/{ref}/", readme)
            readme = re.sub(r"((?<!!)\[[^]]*\]\()(?!\w+:|#)", rf"\g<1>{repository}/blob/{ref}/", readme)
            metadata["urls"] = {
                "Repository": repository,
                "Changelog": f"{repository}/blob/{ref}/CHANGELOG.md",
                "Issues": f"{repository}/issues",
            }
        metadata["readme"] = {"content-type": "text/markdown", "text": readme}
