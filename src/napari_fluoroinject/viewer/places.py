"""Where the viewer keeps what it writes: in the user's own data folder, for nobody else to read."""

from __future__ import annotations

from pathlib import Path

from platformdirs import user_data_path

APPLICATION = "fluoroinject"


def data_folder() -> Path:
    """The user's data folder of this program; it need not exist."""
    return user_data_path(APPLICATION, appauthor=False)


def private(folder: Path) -> Path:
    """Make a folder that its owner alone may read, and return it; one that is there stays as it is.

    Raises
    ------
    OSError
        It cannot be made.
    """
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)  # whatever the umask took away
    return folder
