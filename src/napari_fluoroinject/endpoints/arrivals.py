"""The row of an object that is found in a spool without one, after a crash or a lost database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fluoroinject.dicom.scan import SERIES_UID, STUDY_UID, check_series, scan
from napari_fluoroinject.endpoints.storage_scp import dataset_sha256
from napari_fluoroinject.spool.index import Arrival

if TYPE_CHECKING:
    from pathlib import Path


def found_arrival(path: Path) -> Arrival:
    """Return the row of a kept file, for `Index.reconcile`; its sender is not known any more.

    Raises
    ------
    UnreadableObjectError
        Not a whole DICOM object that names its series.
    """
    structure = scan(path)
    check_series(structure)
    kept = path.stat()
    return Arrival(
        sop_instance_uid=structure.sop_instance_uid,
        sop_class_uid=structure.sop_class_uid,
        study_instance_uid=structure.text(STUDY_UID),
        series_instance_uid=structure.text(SERIES_UID),
        sha256=dataset_sha256(path),
        size_bytes=kept.st_size,
        caller="",
        address="",
        received_s=kept.st_mtime,
        path=path,
    )
