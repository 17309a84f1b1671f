"""What is asked of a PACS before a run can be fetched, and what its answers mean."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from napari_fluoroinject.dicom.class_names import class_name
from napari_fluoroinject.dicom.opened import CINE_CLASSES
from napari_fluoroinject.errors import (
    EndpointError,
    FluoroinjectError,
    RefusedError,
    UnreachableError,
)
from napari_fluoroinject.transfer import find_objects

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_fluoroinject.settings import Settings

Wanted = Literal["XA or RF", "XA", "RF", "any"]
WANTED: tuple[Wanted, ...] = ("XA or RF", "XA", "RF", "any")
MOST_STUDIES = 200
"""Studies that a list shows: whoever has more is asked for less."""
_NO_PICTURES = ("SR", "SEG", "PR", "KO", "DOC", "RWV")
_RESULTS = "Research: "
"""How the descriptions of all series begin that this software writes."""
_DAY = re.compile(r"\d{4}-?\d{2}-?\d{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What studies must match; an empty text matches everything. Days are `YYYY-MM-DD`."""

    patient_id: str = ""
    name: str = ""
    accession: str = ""
    first_day: str = ""
    last_day: str = ""
    modality: Wanted = "XA or RF"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRow:
    """A study as it is listed. It names the patient: only the table on the screen shows it."""

    uid: str
    patient: str
    day: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A run of a study that can be fetched: one object, or a series of single pictures.

    `sop_instance_uid` is empty for a series; `frames` None where the PACS does not tell.
    """

    study_uid: str
    series_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    modality: str
    frames: int | None
    description: str

    @property
    def result(self) -> bool:
        """Whether it is a picture that this software made of a run, and no run itself."""
        return self.description.startswith(_RESULTS)

    @property
    def words(self) -> str:
        """Modality and frames; of a result, of what."""
        if self.result:
            return f"Result: {self.description.removeprefix(_RESULTS)}"
        frames = "frames not told" if self.frames is None else f"{self.frames} frames"
        return f"{self.modality or 'Run'}, {frames}"

    @property
    def what(self) -> str:
        """The series' description, and the class in words."""
        kind = (
            class_name(self.sop_class_uid).removesuffix(" Storage") if self.sop_class_uid else ""
        )
        return " · ".join(part for part in (self.description, kind) if part)

    def address(self, endpoint: str) -> str:
        """The endpoint with the UIDs of this run behind it, as `fetch_objects` takes it."""
        uids = {
            "StudyInstanceUID": self.study_uid,
            "SeriesInstanceUID": self.series_uid,
            "SOPInstanceUID": self.sop_instance_uid,
        }
        told = "&".join(f"{key}={uid}" for key, uid in uids.items() if uid)
        return f"{endpoint.partition('?')[0]}?{told}"


def origin_of(endpoint: str) -> str:
    """What a person is told that runs come from: the endpoint's name, or the host of its URL."""
    named = endpoint.partition("?")[0]
    return (urlsplit(named).hostname or named) if "://" in named else named


def fault(filters: Filters) -> str:
    """Why nothing can be asked like that, and what to do; empty where it can."""
    for name, text in (("from", filters.first_day), ("to", filters.last_day)):
        if text and _day(text) is None:
            return f"Date {name}: seen {text!r}; expected a day such as 2026-01-31, or nothing."
    first, last = _day(filters.first_day), _day(filters.last_day)
    if first and last and first > last:
        return "The first day lies after the last one; expected from-to in this order."
    if not any(
        (filters.patient_id, filters.name, filters.accession, filters.first_day, filters.last_day)
    ):
        return (
            "Nothing is given: that would ask for the whole archive. Give a patient ID, a name, "
            "an accession number or a date."
        )
    return ""


def days_back(days: int, *, today: date) -> tuple[str, str]:
    """First and last day of the last so many days, today among them."""
    return (today - timedelta(days=days - 1)).isoformat(), today.isoformat()


def keys_of(filters: Filters) -> tuple[dict[str, str], ...]:
    """The keys of each query that is needed: one for each modality, since a key takes but one."""
    first, last = _day(filters.first_day), _day(filters.last_day)
    period = f"{first:%Y%m%d}" if first else ""
    if first != last:
        period += "-" + (f"{last:%Y%m%d}" if last else "")
    name = filters.name.strip()
    keys = {
        "PatientID": filters.patient_id.strip(),
        # names are seldom typed whole; a star matches the rest (PS3.4 C.2.2.2.4)
        "PatientName": name if not name or "*" in name else f"{name}*",
        "AccessionNumber": filters.accession.strip(),
        "StudyDate": period,
    }
    asked = {key: text for key, text in keys.items() if text}
    wanted = {"any": ("",), "XA or RF": ("XA", "RF")}.get(filters.modality, (filters.modality,))
    return tuple(asked | ({"ModalitiesInStudy": one} if one else {}) for one in wanted)


def find_studies(endpoint: str, filters: Filters, settings: Settings) -> tuple[StudyRow, ...]:
    """Ask for studies, the newest first.

    Raises
    ------
    FluoroinjectError
        Nobody answers, the query is refused, or there are more than a list can show.
    """
    rows: dict[str, StudyRow] = {}
    for keys in keys_of(filters):
        _, found = find_objects(endpoint, keys, level="STUDY", settings=settings)
        rows |= {one["StudyInstanceUID"]: _study(one) for one in found}
    if len(rows) > MOST_STUDIES:
        raise EndpointError(
            f"{len(rows)} studies match; expected {MOST_STUDIES} at most: give a shorter time or "
            "a patient"
        )
    return tuple(sorted(rows.values(), key=lambda row: row.day, reverse=True))


def find_study_runs(endpoint: str, study_uid: str, settings: Settings) -> tuple[RunRow, ...]:
    """Ask for the runs of a study.

    Raises
    ------
    FluoroinjectError
        Nobody answers, or the query is refused.
    """
    keys = {"StudyInstanceUID": study_uid}
    _, series = find_objects(endpoint, keys, level="SERIES", settings=settings)
    _, objects = find_objects(endpoint, keys, level="IMAGE", settings=settings)
    names = {
        one.get("SeriesInstanceUID", ""): (
            one.get("SeriesDescription", ""),
            one.get("Modality", ""),
        )
        for one in series
    }
    return runs_among(objects, study_uid, names)


def runs_among(
    objects: Sequence[Mapping[str, str]],
    study_uid: str,
    series: Mapping[str, tuple[str, str]],
) -> tuple[RunRow, ...]:
    """The runs that objects hold: several single pictures of a series are one; results come last.

    Parameters
    ----------
    objects
        Answers at image level.
    study_uid
        Their study.
    series
        Description and modality of each series.
    """
    kept: dict[tuple[str, str, bool], list[Mapping[str, str]]] = {}
    every: dict[str, int] = {}
    for number, one in enumerate(objects):
        uid, told = one.get("SeriesInstanceUID", ""), one.get("SOPClassUID", "")
        every[uid] = every.get(uid, 0) + 1
        modality = one.get("Modality") or series.get(uid, ("", ""))[1]
        if (told and told not in CINE_CLASSES) or (not told and modality in _NO_PICTURES):
            continue
        single = _count(one) == 1
        kept.setdefault((uid, told if single else str(number), single), []).append(one)
    rows = []
    for (uid, _, single), found in kept.items():
        # a series of nothing else is asked for as one, and not picture by picture
        whole = single and len(found) == every[uid] and len(found) > 1
        for one in found[:1] if whole else found:
            description, modality = series.get(uid, ("", ""))
            rows.append(
                RunRow(
                    study_uid=study_uid,
                    series_uid=uid,
                    sop_instance_uid="" if whole else one.get("SOPInstanceUID", ""),
                    sop_class_uid=one.get("SOPClassUID", ""),
                    modality=one.get("Modality") or modality,
                    frames=len(found) if whole else _count(one),
                    description=description,
                )
            )
    return tuple(sorted(rows, key=lambda row: row.result))


def advice(error: FluoroinjectError, endpoint: str) -> str:
    """What happened, in the error's own words, and what a person can do."""
    if isinstance(error, UnreachableError):
        what = (
            f"Check that {endpoint} is written rightly, that the PACS runs, and that the network "
            "lets this machine through; then find again."
        )
    elif isinstance(error, RefusedError):
        what = (
            "The PACS knows this station by its AE title: have it entered there, and check the "
            "title in the endpoint's address."
        )
    elif isinstance(error, EndpointError):
        what = "Ask for less: a patient, an accession number, or fewer days."
    else:
        what = "Check the endpoint's entry in the settings."
    told = str(error).rstrip(".")
    return f"{told[:1].upper()}{told[1:]}. {what}"


def _study(one: Mapping[str, str]) -> StudyRow:
    name = one.get("PatientName", "").replace("^", " ").strip()
    number = one.get("PatientID", "")
    day = one.get("StudyDate", "")
    found = _day(day)
    parts = (
        one.get("ModalitiesInStudy", "").replace("\\", ", "),
        one.get("StudyDescription", ""),
        one.get("AccessionNumber", ""),
    )
    return StudyRow(
        uid=one["StudyInstanceUID"],
        patient=f"{name or 'no name'} ({number or 'no ID'})",
        day=found.isoformat() if found else day,
        what=" · ".join(part for part in parts if part),
    )


def _day(text: str) -> date | None:
    if not _DAY.fullmatch(text.strip()):
        return None
    try:
        return datetime.strptime(text.strip().replace("-", ""), "%Y%m%d").date()
    except ValueError:
        return None


def _count(one: Mapping[str, str]) -> int | None:
    text = one.get("NumberOfFrames", "")
    if text.isdigit():
        return int(text)
    # classes of one picture have no such attribute at all
    return None
