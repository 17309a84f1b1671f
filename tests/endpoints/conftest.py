"""Listeners on loopback at ports that are free, and no thread left behind."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from napari_fluoroinject.endpoints.archive import Archive
from napari_fluoroinject.endpoints.receive import Receiver
from napari_fluoroinject.endpoints.storage_scp import dataset_sha256
from napari_fluoroinject.spool.store import Spool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with Spool(tmp_path / "spool", digest=dataset_sha256) as spool, Receiver(spool) as receiver:
        yield receiver


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with Spool(tmp_path / "archive", digest=dataset_sha256) as spool, Archive(spool) as archive:
        yield archive


@pytest.fixture(autouse=True)
def no_thread_outlives_its_test() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 5.0
    while left := [t for t in threading.enumerate() if t not in before and t.is_alive()]:
        assert time.monotonic() < deadline, f"threads left behind: {left}"
        time.sleep(0.02)


@pytest.fixture
def unused_port() -> int:
    """A port that was free a moment ago, for programs that cannot choose one themselves."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
