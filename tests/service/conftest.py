"""One analysed loop for all tests of the service, and a spool that has received it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from received import Received, open_received

from napari_fluoroinject.phantom import PhantomSettings
from napari_fluoroinject.workflow import AnalysisRequest, analyze_received, make_phantom_files

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Analysed:
    """A loop, and the files of its results."""

    loop: Path
    uid: str
    files: tuple[Path, ...]


@pytest.fixture(scope="session")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> Analysed:
    out = tmp_path_factory.mktemp("analysed")
    loop, *_ = make_phantom_files("mbb_lumbar", PhantomSettings(size=128, frames=16), out=out)
    request = AnalysisRequest(procedure="mbb_lumbar")
    result = analyze_received((loop,), request, out=out / "results")
    uid = result.summary["source"]["sop_instance_uid"]
    return Analysed(loop=loop, uid=uid, files=result.files)


@pytest.fixture
def received(tmp_path: Path) -> Iterator[Received]:
    one = open_received(tmp_path / "spool")
    yield one
    one.trail.close()
    one.database.close()
    one.spool.close()
