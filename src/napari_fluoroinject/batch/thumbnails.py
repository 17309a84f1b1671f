"""The overview of each loop made small, kept beside the results."""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING

from napari_fluoroinject.rendering.thumbnail import thumbnail
from napari_fluoroinject.spool.disk import write_whole

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)


def keep_thumbnail(out: Path, folder: str) -> str | None:
    """Make the small picture of a loop unless a newer one is there; its path relative to `out`.

    None where the loop's overview cannot be read.

    Parameters
    ----------
    out, folder
        Folder of the batch, and of the loop's results in it.
    """
    # ten thousand files in one folder are slow on some file systems
    part = hashlib.sha256(folder.encode()).hexdigest()[:2]
    name = f"thumbnails/{part}/{folder}.png"
    overview, path = out / folder / "overview.png", out / name
    try:
        if not path.exists() or path.stat().st_mtime_ns <= overview.stat().st_mtime_ns:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, thumbnail(overview.read_bytes()))
    except (OSError, SyntaxError) as error:  # Pillow's word for a broken PNG is SyntaxError
        log.warning("the overview of a loop has no thumbnail: %s", type(error).__name__)
        return None
    return name
