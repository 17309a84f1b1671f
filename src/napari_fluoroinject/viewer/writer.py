"""What napari saves with us: the report and the segmentation of a run, as they are sent.

Nothing is made here: what is saved is a copy of the result that was written in step 6, so that one
run never has two reports that differ.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_fluoroinject.errors import StorageError
from napari_fluoroinject.spool.disk import write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.viewer.session import Session

_HOW = "analyse the run and write its results in step 6, then save again"


def write_report(path: str, _layers: Sequence[Any]) -> list[str]:
    """Save the measurement report (DICOM SR) of the run that is shown.

    Parameters
    ----------
    path
        Where.
    _layers
        Of the viewer, as napari gives them: none of their pixels is written.

    Raises
    ------
    StorageError
        There is no such result of what is marked now; or it cannot be copied.
    """
    return _save("report", path)


def write_segmentation(path: str, _layers: Sequence[Any]) -> list[str]:
    """Save the segmentation (DICOM SEG) of the run that is shown; otherwise as `write_report`."""
    return _save("segmentation", path)


def result_file(session: Session, name: str) -> Path:
    """Return the kept result of the shown run, if it is of what is marked now.

    Parameters
    ----------
    session
        Of the viewer.
    name
        `report` or `segmentation`.

    Raises
    ------
    StorageError
        There is none; the message says what to do.
    """
    run, kept = session.run, session.kept
    if run is None:
        raise StorageError(f"no run is open; expected one in the FluoroInject dock: {_HOW}")
    if kept is None:
        raise StorageError(f"{run.name} has no results yet; expected written ones: {_HOW}")
    now = session.plan.procedure, session.annotation
    if session.out_of_date or (kept.procedure, kept.annotation) != now:
        raise StorageError(
            f"results of {run.name} are of earlier marks; expected new ones: {_HOW}"
        )
    found = [one for one in kept.files if one.stem == name and one.is_file()]
    if not found:
        raise StorageError(f"the results of {run.name} hold no {name}; expected one: {_HOW}")
    return found[0]


def _save(name: str, path: str) -> list[str]:
    source, copy = result_file(_session(), name), Path(path)
    copy = copy if copy.suffix else copy.with_suffix(".dcm")
    try:
        write_whole(copy, source.read_bytes())
    except OSError as error:
        raise StorageError(
            f"{copy.name} could not be written: {error.strerror}; expected a folder that can be "
            "written to, with room on the disk"
        ) from error
    return [str(copy)]


def _session() -> Session:
    """Of the viewer that is in front; an empty one where the dock was never opened in it."""
    import napari

    from napari_fluoroinject.viewer.session import Session
    from napari_fluoroinject.viewer.workspace import workspace_of

    viewer = napari.current_viewer()
    found = None if viewer is None else workspace_of(viewer)
    return Session() if found is None else found.session
