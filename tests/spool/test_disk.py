"""A file is written whole or not at all, whatever the disk does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from napari_fluoroinject.spool.disk import write_whole

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_that_cannot_be_written_leaves_nothing_and_is_named(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "inside").write_text("of others")
    with pytest.raises(OSError) as caught:  # noqa: PT011 - its file name is what is asked
        write_whole(taken, b"content")
    assert caught.value.filename == str(taken)
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="limits of files are of POSIX")
def test_a_full_disk_leaves_no_part_of_a_file(tmp_path: Path) -> None:
    import resource
    import signal

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match=r"page\.md"):
            write_whole(tmp_path / "page.md", bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert not list(tmp_path.iterdir())
