"""Rules on where an object comes from: its identity is its source's, unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fluoroinject.dicom.check.condition import values_of
from napari_fluoroinject.dicom.check.elements import texts_of
from napari_fluoroinject.dicom.check.rule import PRODUCT, Found, Rule
from napari_fluoroinject.dicom.check.subject import items_of
from napari_fluoroinject.dicom.header import COPIED
from napari_fluoroinject.dicom.identity import holder as holder_of
from napari_fluoroinject.dicom.moments import zone_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydicom.dataset import Dataset

    from napari_fluoroinject.dicom.check.subject import Subject

_OF_ITS_OWN = {
    "SpecificCharacterSet": "identity.characters",
    "TimezoneOffsetFromUTC": "identity.zone",
    "StudyInstanceUID": "identity.study",
}
_HOW_REMOVED = ("DeidentificationMethod", "DeidentificationMethodCodeSequence")
"""Where source and result were both de-identified, each tells how it was (PS3.15 E.2)."""
_SHORTEST_TELLING = 6
"""Letters of a private text; shorter ones stand everywhere by chance."""


def _different(subject: Subject, keywords: Iterable[str]) -> Iterator[Found]:
    if not subject.sources:
        return
    loop = _whole_loop(subject)
    for keyword in keywords:
        lender = holder_of(loop, keyword)
        expected = None if lender is None else _value(lender, keyword)
        if _value(subject.dataset, keyword) != expected:
            yield Found(keyword, "another value than the source's (not shown)", "the source's")


def _whole_loop(subject: Subject) -> list[Dataset]:
    """Sources in the series of the first: a result may refer to a few frames of its loop."""
    first, around = subject.sources[0], subject.around
    series = first.get("SeriesInstanceUID")
    others = (around.known[uid] for uid in sorted(around.sources))
    return [first, *(one for one in others if one.get("SeriesInstanceUID") == series)]


def _value(dataset: Dataset, keyword: str) -> object:
    """What a data set says, as far as it can be copied; absent and empty are the same."""
    found = dataset.get(keyword)
    if keyword not in dataset or not values_of(dataset, keyword):
        return None
    if dataset[keyword].VR != "SQ":
        return found
    return [_public(item) for item in found]


def _public(item: Dataset) -> list[tuple[int, object]]:
    """Elements of an item without private ones."""
    return [
        (
            int(element.tag),
            [_public(inner) for inner in element.value] if element.VR == "SQ" else element.value,
        )
        for element in item
        if not element.tag.is_private
    ]


def _patient(subject: Subject) -> Iterator[Found]:
    told = [word for word in COPIED if word not in _OF_ITS_OWN]
    everybody = (subject.dataset, *subject.sources)
    if all(str(one.get("PatientIdentityRemoved")) == "YES" for one in everybody):
        told = [word for word in told if word not in _HOW_REMOVED]
    yield from _different(subject, told)


def _study(subject: Subject) -> Iterator[Found]:
    yield from _different(subject, ("StudyInstanceUID",))


def _characters(subject: Subject) -> Iterator[Found]:
    keyword = "SpecificCharacterSet"
    loop = _whole_loop(subject) if subject.sources else []
    own = _value(subject.dataset, keyword)
    if loop and all(_value(one, keyword) != own for one in loop):
        yield Found(keyword, "another value than the source's (not shown)", "the source's")


def _zone(subject: Subject) -> Iterator[Found]:
    """The source's time zone; none where it has none, or what it has is none."""
    if subject.sources and not zone_of(subject.sources[0]):
        if _value(subject.dataset, "TimezoneOffsetFromUTC") is not None:
            seen = "a time zone, of which the source says nothing usable"
            yield Found("TimezoneOffsetFromUTC", seen, "none")
        return
    yield from _different(subject, ("TimezoneOffsetFromUTC",))


def _one_origin(subject: Subject) -> Iterator[Found]:
    """All sources of an object lie in one study of one patient."""
    keywords = ("StudyInstanceUID", "PatientID", "IssuerOfPatientID", "PatientName")
    for keyword in keywords:
        said = [_value(source, keyword) for source in subject.sources]
        if any(value != said[0] for value in said):
            yield Found(keyword, f"{len(said)} sources that differ in it", "one origin")


def _unsourced(subject: Subject) -> Iterator[Found]:
    """An object checked against stated sources comes from one of them."""
    if subject.around.stated and not subject.sources:
        yield Found("", "no reference to a stated source, nor its study", "a result of it")


def _new_uids(subject: Subject) -> Iterator[Found]:
    """A result is a new instance, in a series of its own (PS3.5 9.1)."""
    for source in subject.sources:
        for keyword in ("SOPInstanceUID", "SeriesInstanceUID"):
            if subject.dataset.get(keyword) == source.get(keyword):
                yield Found(keyword, "the source's", "a new one")


def _private_text(subject: Subject) -> Iterator[Found]:
    """No words of the source's private attributes, whatever attribute they stand in."""
    secrets = {text for source in subject.sources for text in _private_texts(source)}
    if not secrets:
        return
    for element in subject.elements:
        if any(secret in text for text in texts_of(element) for secret in secrets):
            yield Found(element.where, "words of a private attribute of the source", "none")


def _private_texts(source: Dataset) -> set[str]:
    """Texts that only private attributes of a header hold."""
    private: set[str] = set()
    public: set[str] = set()
    for holder in (source, *(item for _, item in items_of(source))):
        for element in holder:
            if element.VR == "SQ":
                continue
            texts = {str(value).strip() for value in _texts_in(element.value)}
            (private if element.tag.is_private else public).update(texts)
    said = "\n".join(public)
    return {text for text in private if len(text) >= _SHORTEST_TELLING and text not in said}


def _texts_in(value: object) -> list[object]:
    """Texts of an element's value; none of what is no text."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, (list, tuple)):
        return [one for one in value if isinstance(one, str)]
    if isinstance(value, bytes):  # unknown representation: text if it reads as such
        try:
            return [value.decode("ascii").strip("\0")]
        except UnicodeDecodeError:
            return []
    return []


def _meta(subject: Subject) -> Iterator[Found]:
    """File meta information says the same as the data set (PS3.10 7.1)."""
    for meta, keyword in (
        ("MediaStorageSOPClassUID", "SOPClassUID"),
        ("MediaStorageSOPInstanceUID", "SOPInstanceUID"),
    ):
        if subject.meta.get(meta) != subject.dataset.get(keyword):
            yield Found(meta, str(subject.meta.get(meta)), f"{keyword} of the data set")


def _known_class(subject: Subject) -> Iterator[Found]:
    if subject.object_class is None:
        seen = subject.dataset.get("SOPClassUID")
        name = getattr(seen, "name", str(seen))
        yield Found("SOPClassUID", f"{name}, which this checker does not know", "a known class")


RULES = (
    Rule(id="class.unknown", section=PRODUCT, find=_known_class),
    Rule(id="meta.same", section="PS3.10 7.1", find=_meta),
    Rule(id="identity.source", section=PRODUCT, find=_unsourced),
    Rule(id="identity.one", section=PRODUCT, find=_one_origin),
    Rule(id="identity.patient", section=PRODUCT, find=_patient),
    Rule(id="identity.study", section=PRODUCT, find=_study),
    Rule(id="identity.characters", section=PRODUCT, find=_characters),
    Rule(id="identity.zone", section=PRODUCT, find=_zone),
    Rule(id="identity.new", section="PS3.5 9.1", find=_new_uids),
    Rule(id="private.text", section=PRODUCT, find=_private_text),
)
