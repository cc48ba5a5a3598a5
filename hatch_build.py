"""Makes the description on PyPI of the README: there its links must be absolute.

They lead to ``Repository`` in ``[project.urls]`` of pyproject.toml. Without it the
README stays as it is.
"""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_IMAGE = re.compile(r"(!\[[^]]*\]\()(?!https?://)([^)]+)")
_LINK = re.compile(r"(\]\()(?!https?://|#)([^)]+)")


class ReadmeHook(MetadataHookInterface):
    """Sets ``readme``, which pyproject.toml calls dynamic."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the text of the README."""
        text = Path(self.root, "README.md").read_text("utf-8")
        repository = metadata.get("urls", {}).get("Repository")
        if repository is not None:
            text = with_absolute_links(text, repository.rstrip("/"))
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


def with_absolute_links(text: str, repository: str) -> str:
    """The text with links to files of the repository, and images from there.

    ``repository``: its address, without a slash at the end.
    """
    text = _IMAGE.sub(rf"\1{repository}/raw/HEAD/\2", text)
    return _LINK.sub(rf"\1{repository}/blob/HEAD/\2", text)
