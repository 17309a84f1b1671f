"""Which loop a result belongs to: its source read afresh, and UIDs and dates derived from it."""

from __future__ import annotations

import hashlib
import json
import os
import time
import uuid
import warnings
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import TYPE_CHECKING

from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset
from pydicom.uid import UID

from napari_fluoroinject.dicom.content import inflate, mapped, open_content
from napari_fluoroinject.dicom.moments import zone_of
from napari_fluoroinject.dicom.opened import OpenedObject, open_object
from napari_fluoroinject.errors import IdentityMismatchError, UnreadableObjectError
from napari_fluoroinject.model.report import Provenance, Report

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pydicom.dataelem import DataElement
    from pydicom.tag import BaseTag

    from napari_fluoroinject.model.cine import CineLoop

NAMESPACE = uuid.UUID("6d9ef4c2-9e2f-5b5c-8a54-1f0b8c7d3e21")
"""Namespace of every UID derived here; changing it would make every result anew."""

UNKNOWN_MOMENT = datetime(1900, 1, 1)
"""Content date where the source tells none: the attribute is of type 1 and cannot be empty."""

_SETTLED_NS = 3_000_000_000
"""Times of files step by two seconds at most (FAT)."""
_MOST_REMEMBERED = 4096
"""Digests of a few loops whose frames are files of their own."""

_PATIENT = ("PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex")
"""What tells one patient from another; it is never told in a message."""

_REQUEST = ("AccessionNumber", "StudyID")
"""What tells one request from another within a study."""

_MOMENTS = (
    ("ContentDate", "ContentTime"),
    ("AcquisitionDate", "AcquisitionTime"),
    ("AcquisitionDateTime", None),
    ("SeriesDate", "SeriesTime"),
    ("StudyDate", "StudyTime"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageReference:
    """One image, or one frame of it, as DICOM points to it.

    `frame_number` counts from 1 and is None where the instance has one frame or all are meant.
    """

    sop_class_uid: str
    sop_instance_uid: str
    frame_number: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Identity:
    """What every result of one report shares.

    Attributes
    ----------
    headers
        The source's data sets without pixels, one per instance, in the order of the frames.
    frames
        Number of frames of the loop.
    seed
        Digest of all that the results depend on: the same seed, the same bytes.
    moment
        Content date and time of every result, in the source's own time zone.
    provenance
        What made the results.
    """

    headers: tuple[Dataset, ...]
    frames: int
    seed: str
    moment: datetime
    provenance: Provenance

    @property
    def source(self) -> Dataset:
        """The data set of the first (or only) instance."""
        return self.headers[0]

    def uid(self, *names: str) -> UID:
        """Return the UID of that name among the results: same inputs, same UID (PS3.5 B.2)."""
        return derived_uid(self.seed, *names)

    def tracking_uid(self, *names: str) -> UID:
        """Return a UID that stays the same over versions and parameters, for one loop."""
        return derived_uid(str(self.source.SOPInstanceUID), *names)

    def whole(self) -> tuple[ImageReference, ...]:
        """Return references to the whole loop, one per instance."""
        return tuple(_reference(header, None) for header in self.headers)

    def frame(self, index: int) -> ImageReference:
        """Return the reference to one frame, counted from 0."""
        if len(self.headers) > 1:
            return _reference(self.headers[index], None)
        return _reference(self.source, index + 1 if self.frames > 1 else None)


def identify(
    report: Report, source_paths: Sequence[Path], *, content_time: datetime | None = None
) -> Identity:
    """Read the source again, check that it is the loop of the report, and derive the identity.

    Parameters
    ----------
    report
        The analysed loop.
    source_paths
        The file of the loop; for a loop of single frames one file per frame, in any order.
    content_time
        When the results were made. None takes the source's own date, so that the same input gives
        the same bytes and a retry is not a second report. A time with a zone is turned into the
        source's zone where that is known.

    Raises
    ------
    IdentityMismatchError
        The files are not those that the report was made from, or do not belong together.
    """
    return identify_loop(
        report.loop,
        source_paths,
        provenance=report.provenance,
        made_by=(repr(report.procedure), repr(report.annotation)),
        content_time=content_time,
    )


def identify_loop(
    loop: CineLoop,
    source_paths: Sequence[Path],
    *,
    provenance: Provenance,
    made_by: tuple[str, ...],
    content_time: datetime | None = None,
) -> Identity:
    """The same for what was made of a loop without a report.

    Parameters
    ----------
    loop, source_paths, content_time
        As above.
    provenance
        What made the results.
    made_by
        What they depend on beside the source and the provenance.

    Raises
    ------
    IdentityMismatchError
        As above.
    """
    headers = _fresh_headers(loop, source_paths)
    moment = _moment_of(headers[0]) if content_time is None else _local(content_time, headers[0])
    depends_on = (loop.reference.sop_instance_uid, loop.sha256, repr(provenance), *made_by)
    return Identity(
        headers=headers,
        frames=loop.shape[0],
        seed=_seed(depends_on, content_time),
        moment=moment,
        provenance=provenance,
    )


def derived_uid(*names: str) -> UID:
    """Return the UID that belongs to these names, for ever (PS3.5 B.2, a UUID as an integer)."""
    return UID(f"2.25.{uuid.uuid5(NAMESPACE, chr(0).join(names)).int}")


def said(header: Dataset, keyword: str) -> tuple[object, ...]:
    """Return the values of an attribute, to be compared; absent and empty are the same.

    Items are compared without private attributes.
    """
    return _values(header[keyword]) if keyword in header else ()


def holder(headers: Sequence[Dataset], keyword: str) -> Dataset | None:
    """Return the header whose value of an attribute is that of the loop.

    None where none has the attribute, or the instances contradict one another: what is said of
    the whole loop is then unknown.
    """
    telling = [header for header in headers if said(header, keyword)]
    if len({said(header, keyword) for header in telling}) > 1:
        return None
    return next((one for one in (*telling, *headers) if keyword in one), None)


def sha256_of(objects: Sequence[OpenedObject]) -> str:
    """Hash the data sets of a loop: one's own SHA-256, or that over the digests of several.

    File meta information and group lengths do not count: they are their writer's, and a copy that
    came over the network is the same loop.
    """
    digests = [_sha256(one) for one in objects]
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256("".join(digests).encode("ascii")).hexdigest()


def _fresh_headers(loop: CineLoop, source_paths: Sequence[Path]) -> tuple[Dataset, ...]:
    reference = loop.reference
    wanted = reference.frame_instance_uids or (reference.sop_instance_uid,)
    found = {}
    for path in source_paths:
        one = _opened(path)
        found[one.structure.sop_instance_uid] = (one, _understood_header(one))
    if set(found) != set(wanted) or len(source_paths) != len(wanted):
        raise IdentityMismatchError(
            f"the source files hold {len(found)} instances beginning with "
            f"{min(found, default='none')}, the report was made from {len(wanted)} beginning with "
            f"{wanted[0]}; give the files that were analysed"
        )
    ordered = [found[uid] for uid in wanted]
    headers = tuple(header for _, header in ordered)
    _check_place(loop, headers)
    _check_patient(headers)
    _check_request(headers)
    frames = sum(one.pixels.frames for one, _ in ordered)
    if frames != loop.shape[0]:
        raise IdentityMismatchError(
            f"the source has {frames} frames, the report was made from {loop.shape[0]}"
        )
    seen = sha256_of([one for one, _ in ordered])
    if seen != loop.sha256:
        raise IdentityMismatchError(
            f"{ordered[0][0].path.name} has SHA-256 {seen}, the analysed loop had "
            f"{loop.sha256}: the file changed since; analyse it again"
        )
    return headers


def _opened(path: Path) -> OpenedObject:
    """Open a source as the reader does, with its checks."""
    try:
        return open_object(path)
    except (OSError, UnreadableObjectError) as error:
        raise IdentityMismatchError(
            f"{path.name} cannot be read again ({error}); results are only written into the "
            "study of a source that is still there"
        ) from error


def _understood_header(one: OpenedObject) -> Dataset:
    """Keep what can be understood of a header."""
    header = one.header
    # pydicom warns and logs by quoting values, which may be a patient's.
    with disable_value_validation(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for tag in list(header.keys()):
            if tag.is_private or not _understood(header, tag):
                del header[tag]
    return header


def _understood(header: Dataset, tag: BaseTag) -> bool:
    """Convert an element from its bytes; a value that cannot be understood cannot be copied."""
    try:
        element = header[tag]
        for item in element.value or () if element.VR == "SQ" else ():
            item.remove_private_tags()
            for _ in item.iterall():
                pass
    except Exception:  # a border: pydicom raises what the conversion of that value raises
        return False
    return True


def _check_place(loop: CineLoop, headers: Sequence[Dataset]) -> None:
    """All instances are of the study, series and class that the report names."""
    reference = loop.reference
    for keyword, name, wanted in (
        ("StudyInstanceUID", "studies", reference.study_instance_uid),
        ("SeriesInstanceUID", "series", reference.series_instance_uid),
        ("SOPClassUID", "classes", reference.sop_class_uid),
    ):
        seen = {str(header.get(keyword)) for header in headers}
        if seen != {wanted}:
            raise IdentityMismatchError(
                f"the source lies in {len(seen)} {name} beginning with {min(seen)}, the report "
                f"was made from {wanted}"
            )


def _check_patient(headers: Sequence[Dataset]) -> None:
    """All instances belong to one patient: results copy what the first one says."""
    patients = len({tuple(said(h, word) for word in _PATIENT) for h in headers})
    if patients > 1:
        raise IdentityMismatchError(
            f"the frames of one loop name {patients} patients; expected one"
        )


def _check_request(headers: Sequence[Dataset]) -> None:
    """All instances were made for one request: results go to the one that they name."""
    for keyword in _REQUEST:
        told = len({said(header, keyword) for header in headers} - {()})
        if told > 1:
            raise IdentityMismatchError(
                f"the frames of one loop have {told} values of {keyword}; expected one, as they "
                "lie in one study: correct the headers, or analyse the frames of each apart"
            )


def _values(element: DataElement) -> tuple[object, ...]:
    if element.is_empty:
        return ()
    if element.VR == "SQ":
        return tuple(
            tuple((int(one.tag), _values(one)) for one in item if not one.tag.is_private)
            for item in element.value
        )
    return tuple(map(str, element.value if element.VM > 1 else [element.value]))


def _sha256(one: OpenedObject) -> str:
    """Digest of one data set; a file that was not touched since is not read again for it."""
    given = one.path.absolute(), one.structure.start, one.structure.group_lengths
    stamp = _settled_stamp(one.path)
    return _digest(*given) if stamp is None else _digest_of_untouched(stamp, *given)


def _settled_stamp(path: Path) -> tuple[int, ...] | None:
    """What changes with every change of a file; None where a change might leave it as it is.

    Such are a file that was changed just now, whose next change could have the same time, and
    systems that keep no time of change beside that of the content, which everybody can set.
    """
    if os.name != "posix":
        return None
    seen = path.stat()
    if time.time_ns() - max(seen.st_mtime_ns, seen.st_ctime_ns) < _SETTLED_NS:
        return None
    return seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns


@lru_cache(maxsize=_MOST_REMEMBERED)
def _digest_of_untouched(
    _stamp: tuple[int, ...], path: Path, start: int, left_out: tuple[tuple[int, int], ...]
) -> str:
    return _digest(path, start, left_out)


def _digest(path: Path, start: int, left_out: tuple[tuple[int, int], ...]) -> str:
    """SHA-256 of a file's data set from `start` on, without the bytes of each (start, end)."""
    digest = hashlib.sha256()
    with (
        mapped(path) as mapping,
        memoryview(inflate(open_content(mapping, path.name)).data) as data,
    ):
        for stop, after in (*left_out, (len(data), len(data))):
            with data[start:stop] as part:
                digest.update(part)
            start = after
    return digest.hexdigest()


def _seed(depends_on: tuple[str, ...], content_time: datetime | None) -> str:
    """Digest of everything that can change a byte of the results."""
    moment = None if content_time is None else content_time.isoformat()
    return hashlib.sha256(json.dumps((*depends_on, moment)).encode("utf-8")).hexdigest()


def _reference(header: Dataset, frame_number: int | None) -> ImageReference:
    return ImageReference(
        sop_class_uid=str(header.SOPClassUID),
        sop_instance_uid=str(header.SOPInstanceUID),
        frame_number=frame_number,
    )


def _moment_of(source: Dataset) -> datetime:
    """Return the first date that the source tells, the most specific first."""
    for date_keyword, time_keyword in _MOMENTS:
        date = str(source.get(date_keyword) or "")
        time = str(source.get(time_keyword) or "") if time_keyword else date[8:]
        moment = _parsed(date[:8], time)
        if moment is not None:
            return moment
    return UNKNOWN_MOMENT


def _parsed(date: str, time: str) -> datetime | None:
    """Read DA and TM (PS3.5 table 6.2-1); a time that cannot be read is midnight."""
    try:
        day = datetime.strptime(date, "%Y%m%d")
    except ValueError:
        return None
    clock = time.split("+")[0].split("-")[0].split(".")
    digits = (clock[0] + "000000")[:6]
    fraction = (clock[1] if len(clock) > 1 else "") + "000000"
    try:
        return datetime.strptime(date + digits + fraction[:6], "%Y%m%d%H%M%S%f")
    except ValueError:
        return day


def _local(moment: datetime, source: Dataset) -> datetime:
    """Return `moment` in the source's time zone, without the zone."""
    offset = zone_of(source)
    if moment.tzinfo is not None and offset:  # &ZZXX
        sign = -1 if offset[0] == "-" else 1
        shift = sign * timedelta(hours=int(offset[1:3]), minutes=int(offset[3:5]))
        moment = moment.astimezone(timezone(shift))
    return moment.replace(tzinfo=None)
