"""For the site alone: what lies outside the pages is named by its path, not linked."""

from __future__ import annotations

import posixpath
import re
from typing import Any

_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((\.\./[^)#\s]+)(?:#[^)]*)?\)")


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Replace links that leave the pages; mkdocs calls it for each page."""
    folder = posixpath.dirname(page.file.src_uri)

    def named(link: re.Match[str]) -> str:
        words, target = link.groups()
        path = posixpath.normpath(posixpath.join("docs", folder, target))
        if path.startswith("docs/"):
            return link.group()
        bare = words.strip("`")
        return f"`{path}`" if path.endswith(bare) else f"{words} (`{path}` of the source)"

    return _LINK.sub(named, markdown)
