"""Which files under folders are cine loops, and which single frames make one together."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pydicom.uid import UID, XRayRadiationDoseSRStorage

from napari_fluoroinject.dicom.attributes import only_text, texts
from napari_fluoroinject.dicom.identity import sha256_of
from napari_fluoroinject.dicom.intensity import MACRO as INTENSITY
from napari_fluoroinject.dicom.opened import (
    CINE_CLASSES,
    OpenedObject,
    announced_class,
    one_error,
    open_object,
)
from napari_fluoroinject.dicom.order import in_order
from napari_fluoroinject.dicom.result import is_result
from napari_fluoroinject.dicom.study import read_dose_report, recorded
from napari_fluoroinject.errors import UnreadableObjectError
from napari_fluoroinject.model.cine import LoopReference
from napari_fluoroinject.model.study import DoseReport, Recorded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydicom.dataset import Dataset

log = logging.getLogger(__name__)

OTHER_DOCUMENTS = frozenset(
    (
        *(".md", ".txt", ".rst", ".pdf", ".html", ".htm", ".css", ".js", ".py", ".sh", ".log"),
        *(".json", ".toml", ".yaml", ".yml", ".xml", ".csv", ".ini", ".lock", ".sqlite"),
        *(".png", ".jpg", ".jpeg", ".gif", ".svg", ".tif", ".tiff", ".bmp", ".mp4", ".avi"),
        *(".npz", ".npy", ".parquet", ".zip", ".gz", ".tar", ".part", ".partial"),
    )
)
"""Files of a folder that do not claim to be DICOM. Everything else does: archives name objects by
their UID or not at all."""
FETCHED_CLASSES = CINE_CLASSES | {XRayRadiationDoseSRStorage}
"""SOP classes that are looked at here: what an analysis asks an archive for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopFiles:
    """The files of one loop, in the order of its frames, what DICOM calls it, what headers say."""

    paths: tuple[Path, ...]
    reference: LoopReference
    recorded: Recorded = field(default_factory=Recorded)


def find_loops(
    paths: Iterable[Path],
    *,
    skipped: Counter[str] | None = None,
    doses: list[DoseReport] | None = None,
) -> Iterator[LoopFiles | UnreadableObjectError]:
    """Find the cine loops among files and below folders.

    Single frames of one series, of the same class, size and plane, are one loop. An image that
    was made from another one of them is not the next frame; it stands alone, as does a frame
    without fellows. What cannot be read is an item too, so that the rest is found.

    Parameters
    ----------
    paths
        Files and folders. A file that is named by itself and is no loop is an error; one that
        merely lies in a folder is skipped when it does not claim to be one.
    skipped
        Counts what was skipped, by what it is.
    doses
        Collects the radiation dose reports that lie among them.

    Yields
    ------
    Loops in the order of their paths, then those of single frames; errors where they occur.
    """
    yield from loops_among(files_of(paths), skipped=skipped, doses=doses)


def loops_among(
    files: Iterable[tuple[Path, bool]],
    *,
    skipped: Counter[str] | None = None,
    doses: list[DoseReport] | None = None,
) -> Iterator[LoopFiles | UnreadableObjectError]:
    """Find the cine loops among these files; see `find_loops`.

    Parameters
    ----------
    files
        Each with whether it was named by itself, as `files_of` gives them.
    skipped, doses
        As there.
    """
    search = _Search(
        Counter() if skipped is None else skipped, doses=[] if doses is None else doses
    )
    for path, named in files:
        found = search.look(path, named=named)
        if found is not None:
            yield found
    yield from search.joined()
    if search.skipped:
        log.info("skipped: %s", ", ".join(f"{n} x {what}" for what, n in search.skipped.items()))


def files_of(paths: Iterable[Path]) -> Iterator[tuple[Path, bool]]:
    """Yield files, and whether each was named by itself; hidden files of folders are left alone.

    Parameters
    ----------
    paths
        Files and folders.
    """
    for path in paths:
        if not path.is_dir():
            yield path, True
            continue
        for below in sorted(path.rglob("*")):
            hidden = any(part.startswith(".") for part in below.relative_to(path).parts)
            if below.is_file() and not hidden:
                yield below, False


def reference_of(objects: tuple[OpenedObject, ...]) -> LoopReference:
    """Return what DICOM calls the loop of these objects, given in the order of its frames."""
    first = objects[0]
    uids = tuple(one.structure.sop_instance_uid for one in objects)
    return LoopReference(
        study_instance_uid=str(first.header.StudyInstanceUID),
        series_instance_uid=str(first.header.SeriesInstanceUID),
        sop_instance_uid=uids[0],
        sop_class_uid=first.sop_class_uid,
        frame_instance_uids=uids if len(uids) > 1 else (),
    )


def fellowship(one: OpenedObject) -> tuple[object, ...]:
    """What single frames must have in common to be one loop."""
    return (
        str(one.header.StudyInstanceUID),
        str(one.header.SeriesInstanceUID),
        one.sop_class_uid,
        one.frames.shape[1:],
        one.pixels.bits_stored,
        one.pixels.signed,
        one.pixels.photometric,
        only_text(one.header, INTENSITY, "PixelIntensityRelationship"),
        _plane(one.header),
    )


class _Search:
    """What was found so far."""

    def __init__(self, skipped: Counter[str], *, doses: list[DoseReport]) -> None:
        self.skipped = skipped
        self.doses = doses
        self._seen: dict[str, Path] = {}
        self._single: dict[tuple[object, ...], list[tuple[OpenedObject, set[str]]]] = {}

    def look(self, path: Path, *, named: bool) -> LoopFiles | UnreadableObjectError | None:
        """Judge one file; None when it was skipped, or kept until its fellows are known."""
        try:
            if (not named and self._skip(path)) or self._is_dose(path):
                return None
            one = open_object(path)
            with one_error(path.name):
                return self._take(one, named=named)
        except UnreadableObjectError as error:
            return error

    def joined(self) -> Iterator[LoopFiles | UnreadableObjectError]:
        """Yield the loops of single frames."""
        for fellows in self._single.values():
            uids = {one.structure.sop_instance_uid for one, _ in fellows}
            frames = tuple(one for one, sources in fellows if not sources & uids)
            alone = [(one,) for one, sources in fellows if sources & uids]
            yield from (_joined(objects) for objects in (frames, *alone) if objects)

    def _skip(self, path: Path) -> bool:
        if path.suffix.lower() in OTHER_DOCUMENTS:
            self.skipped["not DICOM"] += 1
            return True
        uid = announced_class(path)
        if uid and uid not in CINE_CLASSES and uid != XRayRadiationDoseSRStorage:
            self.skipped[UID(uid).name] += 1
            return True
        return False

    def _is_dose(self, path: Path) -> bool:
        """Whether the file is a radiation dose report; then it is kept."""
        if announced_class(path) != XRayRadiationDoseSRStorage:
            return False
        report = read_dose_report(path)
        if report is not None:
            self.doses.append(report)
        return True

    def _take(self, one: OpenedObject, *, named: bool) -> LoopFiles | None:
        if is_result(one.header, frames=one.pixels.frames):
            if named:
                raise UnreadableObjectError(
                    one.path.name, seen="the result of an analysis", expected="an acquired loop"
                )
            self.skipped["result"] += 1
            return None
        uid = one.structure.sop_instance_uid
        if uid in self._seen:
            _check_copy(self._seen[uid], one)
            self.skipped["copy"] += 1
            return None
        self._seen[uid] = one.path
        if one.pixels.frames > 1:
            return _loop((one,))
        self._single.setdefault(fellowship(one), []).append((one, _sources(one.header)))
        return None


def _check_copy(first: Path, one: OpenedObject) -> None:
    if sha256_of([open_object(first)]) != sha256_of([one]):
        raise UnreadableObjectError(
            one.path.name,
            seen=f"the SOP Instance UID of {first.name} with other content",
            expected="one content for one UID",
        )


def _joined(objects: tuple[OpenedObject, ...]) -> LoopFiles | UnreadableObjectError:
    try:
        with one_error(objects[0].path.name):
            return _loop(in_order(objects))
    except UnreadableObjectError as error:
        return error


def _loop(objects: tuple[OpenedObject, ...]) -> LoopFiles:
    return LoopFiles(
        paths=tuple(one.path for one in objects),
        reference=reference_of(objects),
        recorded=recorded(objects),
    )


def _plane(header: Dataset) -> str:
    """Third value of Image Type: the plane of a biplane system (PS3.3 C.8.7.1.1.1)."""
    kinds = texts(header, "ImageType")
    return kinds[2] if len(kinds) > 2 else ""


def _sources(header: Dataset) -> set[str]:
    items = header.get("SourceImageSequence") or ()
    return {str(item.get("ReferencedSOPInstanceUID")) for item in items}
