"""What leaves the house names nobody, is valid, and still refers to itself."""

from __future__ import annotations

import stat
import subprocess
import sys
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pydicom
import pytest
import sources
import validators
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag

from napari_fluoroinject.dicom.deidentify import tables
from napari_fluoroinject.dicom.deidentify.clean import Rules
from napari_fluoroinject.dicom.deidentify.dates import EPOCH, DatePolicy, moment, shifted
from napari_fluoroinject.dicom.deidentify.export import export
from napari_fluoroinject.dicom.deidentify.person import person_of
from napari_fluoroinject.dicom.deidentify.pseudonyms import Pseudonyms, fresh, kept_in
from napari_fluoroinject.errors import (
    EncodingError,
    IdentityMismatchError,
    StorageError,
)

PSEUDONYMS = Pseudonyms(secret=b"k" * 32)
MARK = "GEHEIM"
"""Stands in every text of a hostile object."""
DATE, CLOCK = "19771231", "235817"
HOSTILE_UID = "1.2.999.777"


def rules(dates=None, **options):
    return Rules(pseudonyms=PSEUDONYMS, dates=dates or DatePolicy(), **options)


def exported(paths, out, dates=None, *, allow_burned_in=True, **options):
    done = export(paths, rules(dates, **options), out=out, allow_burned_in=allow_burned_in)
    assert done.failures == ()
    return {path.stem: pydicom.dcmread(path) for path in done.written}


def only(objects):
    (one,) = objects.values()
    return one


def written(dataset, folder, name="one.dcm"):
    folder.mkdir(parents=True, exist_ok=True)
    dataset.save_as(folder / name, enforce_file_format=True)
    return folder / name


def known_vr(tag):
    try:
        return dictionary_VR(tag)
    except KeyError:
        return None


def hostile_value(vr):
    texts = {
        "DA": DATE,
        "DT": DATE + CLOCK,
        "TM": CLOCK,
        "UI": HOSTILE_UID,
        "AS": "077Y",
        "PN": f"{MARK}^{MARK}",
        "UR": f"http://{MARK}.example",
        "DS": "77.7",
        "IS": "777",
        "AT": 0x00100010,
    }
    if vr in texts:
        return texts[vr]
    if vr in ("OB", "UN", "OW", "OF", "OD", "OL", "OV"):
        return (MARK + "__").encode()
    if vr in ("US", "SS", "UL", "SL", "FL", "FD", "SV", "UV", "US or SS"):
        return 7
    return MARK


DEEP = ("SourceImageSequence", "VerifyingObserverSequence", "ContentSequence")
"""Of these every item holds every attribute, too; the rest would only take longer."""


def fill(dataset, *, deep=True):
    """Put every attribute of the table, and private ones, into a data set."""
    for tag in tables.every_tag():
        if tag in (0x00080018, 0x00020003) or tag >> 16 in (0, 2) or tag >= 0xFFFA0000:
            continue
        try:
            vr = dictionary_VR(tag)
        except KeyError:  # newer than the dictionary
            dataset.add(DataElement(tag, "LO", MARK))
            continue
        if vr == "SQ":
            nested = deep and keyword_for_tag(tag) in DEEP
            dataset.add(DataElement(tag, "SQ", Sequence(hostile_items(deep=nested))))
        else:
            dataset.add(DataElement(tag, vr, hostile_value(vr)))
    for group in (0x5000, 0x6000, 0x6002):
        dataset.add(DataElement(Tag(group, 0x3000), "OW", MARK.encode() * 2))
        dataset.add(DataElement(Tag(group, 0x4000), "LT", MARK))
    dataset.add(DataElement(Tag(0x6000, 0x0022), "LO", MARK))
    block = dataset.private_block(0x0011, MARK, create=True)
    block.add_new(0x01, "LO", MARK)
    block.add_new(0x02, "SQ", [sources.item(PatientName=MARK)])
    dataset.add(DataElement(Tag(0x0008, 0xFEDC), "LO", MARK))  # no standard knows it
    return dataset


def hostile_items(*, deep):
    item = fill(Dataset(), deep=False) if deep else sources.item(PatientName=MARK, TextValue=MARK)
    if deep:
        item.ReferencedSOPInstanceUID = HOSTILE_UID
    return [item]


def hostile(kind):
    (dataset, *_) = sources.SOURCES[kind]()
    fill(dataset)
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID
    dataset.ReferencedSeriesSequence = hostile_items(deep=True)  # not in the table: stays
    dataset.file_meta.SourceApplicationEntityTitle = MARK
    dataset.file_meta.PrivateInformationCreatorUID = HOSTILE_UID
    dataset.file_meta.PrivateInformation = MARK.encode()
    dataset.preamble = (MARK * 30).encode()[:128]
    return dataset


HOSTILE_KINDS = ("xa", "enhanced_xa", "sc_word", "rf")


@pytest.mark.parametrize("kind", HOSTILE_KINDS)
def test_of_a_hostile_object_no_text_date_or_uid_is_left_in_any_byte(kind, tmp_path):
    path = written(hostile(kind), tmp_path / "in")
    cleaned = only(exported([path], tmp_path / "out"))
    raw = (tmp_path / "out" / f"{cleaned.SOPInstanceUID}.dcm").read_bytes()
    before = raw[: raw.index(cleaned.PixelData)]
    for secret in (MARK, DATE, CLOCK, HOSTILE_UID, "077Y", "Synthé", "FLUORO01", "private text"):
        assert secret.encode() not in before, secret
    assert cleaned.ReferencedSeriesSequence[0].ReferencedSOPInstanceUID.startswith("2.25.")


@pytest.mark.parametrize("kind", HOSTILE_KINDS)
def test_words_stay_away_when_dates_are_kept_or_moved(kind, tmp_path):
    path = written(hostile(kind), tmp_path / "in")
    for dates in (DatePolicy(deed="keep"), DatePolicy(deed="shift", days=11)):
        out = tmp_path / dates.deed
        cleaned = only(exported([path], out, dates))
        raw = (out / f"{cleaned.SOPInstanceUID}.dcm").read_bytes()
        before = raw[: raw.index(cleaned.PixelData)]
        for secret in (MARK, HOSTILE_UID, "077Y"):
            assert secret.encode() not in before, secret
        assert (DATE.encode() in before) == (dates.deed == "keep")
        assert (b"19780111" in before) == (dates.deed == "shift")
        assert cleaned.PatientBirthDate == ""


TEXT_TAGS = [
    tag
    for tag in tables.every_tag()
    if tag > 0x00030000 and str(known_vr(tag)) in ("LO", "SH", "LT", "ST", "UT", "PN", "UC")
]


@given(
    st.lists(st.sampled_from(TEXT_TAGS), min_size=1, max_size=12),
    st.lists(
        st.sampled_from(
            ["ReferencedSeriesSequence", "SourceImageSequence", "AnatomicRegionSequence"]
        ),
        max_size=4,
    ),
    st.integers(0, 10**12),
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_words_in_any_attribute_of_the_table_go_wherever_it_stands(tmp_path, tags, nested, number):
    secret = f"W{number:x}RT"
    dataset = Dataset()
    for tag in tags:
        dataset.add(DataElement(tag, known_vr(tag), secret))
    for keyword in nested:
        dataset = sources.item(**{keyword: [dataset]}, PatientComments=secret)
    loop = sources.xa()
    loop.update(dataset)
    path = written(loop, tmp_path / "in")
    new = only(exported([path], tmp_path / "out"))
    raw = (tmp_path / "out" / f"{new.SOPInstanceUID}.dcm").read_bytes()
    assert secret.encode() not in raw


REPORT_TEXTS = st.text(
    st.characters(codec="latin-1", exclude_categories=["Cc"]), min_size=1, max_size=40
)


@given(REPORT_TEXTS)
@settings(max_examples=30, deadline=None)
def test_no_text_of_a_report_gets_through_unless_the_software_always_writes_it(text):
    from napari_fluoroinject.dicom.deidentify.sr_items import clean_text

    item = sources.item(ValueType="TEXT", TextValue=f"{MARK} {text}")
    clean_text(item)
    assert item.TextValue == "REMOVED"


@pytest.mark.validator
def test_an_object_that_misses_what_it_needs_would_be_complained_about(tmp_path):
    path = written(sources.xa(), tmp_path / "in")
    cleaned = only(exported([path], tmp_path / "out"))
    del cleaned.PatientID
    assert validators.complaints(written(cleaned, tmp_path))


def test_dates_are_moved_by_the_same_days_and_times_stay(tmp_path):
    path = written(sources.enhanced(), tmp_path / "in")
    new = only(exported([path], tmp_path / "out", DatePolicy(deed="shift", days=-400)))
    assert (new.StudyDate, new.StudyTime) == ("20241127", "101500.123")
    assert new.AcquisitionDateTime == "20241127101500.123"
    assert new.TimezoneOffsetFromUTC == "+0100"
    assert new.PatientBirthDate == ""
    assert new.LongitudinalTemporalInformationModified == "MODIFIED"
    said = [one.CodeValue for one in new.DeidentificationMethodCodeSequence]
    assert said == ["113100", "113107"]


def test_kept_dates_are_kept_but_the_day_of_birth(tmp_path):
    path = written(sources.xa(), tmp_path / "in")
    new = only(exported([path], tmp_path / "out", DatePolicy(deed="keep")))
    assert (new.StudyDate, new.ContentTime) == ("20260101", "101500.123")
    assert new.PatientBirthDate == ""
    assert new.LongitudinalTemporalInformationModified == "UNMODIFIED"


def test_frame_times_without_dates_keep_what_lies_between_them(tmp_path):
    path = written(sources.enhanced(), tmp_path / "in")
    new = only(exported([path], tmp_path / "out"))
    moments = [
        moment(frame.FrameContentSequence[0].FrameReferenceDateTime)
        for frame in new.PerFrameFunctionalGroupsSequence
    ]
    assert moments[0] == EPOCH
    apart = [(b - a) / timedelta(seconds=1) for a, b in pairwise(moments)]
    np.testing.assert_allclose(apart, 1 / 15, atol=1e-5)


def test_a_date_that_would_leave_the_calendar_is_named(tmp_path):
    path = written(sources.xa(), tmp_path / "in")
    moved = DatePolicy(deed="shift", days=-10_000_000)
    ((_, why),) = export([path], rules(moved), out=tmp_path / "out").failures
    assert "expected fewer days" in why


@given(st.dates(), st.integers(-3000, 3000))
def test_a_date_moved_forth_and_back_is_the_same(day, days):
    text = day.strftime("%Y%m%d").zfill(8)
    try:
        moved = shifted("DA", text, days)
    except EncodingError:
        return
    assert shifted("DA", moved, -days) == text


@pytest.mark.parametrize("text", ["1977", "197712", "19771301", "UNKNOWN", "1977-12-31"])
def test_what_is_no_full_date_is_not_moved(text):
    assert shifted("DT", text, 3) is None
    assert shifted("DA", text, 3) is None


def test_a_uid_map_gives_the_same_uids_in_every_run_and_another_map_gives_others(tmp_path):
    path, out = tmp_path / "map.json", tmp_path / "out"
    first = kept_in(path, outside=out)
    assert kept_in(path, outside=out) == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert fresh().uid("1.2.3") != first.uid("1.2.3")
    assert first.secret.hex() not in repr(first)


@given(st.from_regex(r"[0-2](\.(0|[1-9][0-9]{0,8})){1,6}", fullmatch=True))
def test_a_new_uid_is_valid_and_keeps_nothing_of_the_old_but_the_standards_own(uid):
    new = PSEUDONYMS.uid(uid)
    assert pydicom.uid.UID(new).is_valid
    assert new.startswith("2.25.") or pydicom.uid.UID(uid).name != uid
    assert PSEUDONYMS.uid(uid + "\0") == new
    assert PSEUDONYMS.uid("1.2.840.10008.5.1.4.1.1.7") == "1.2.840.10008.5.1.4.1.1.7"


def test_a_uid_map_that_others_read_lies_in_the_export_or_is_none_is_refused(tmp_path):
    path = tmp_path / "map.json"
    kept_in(path, outside=tmp_path / "out")
    path.chmod(0o644)
    with pytest.raises(StorageError, match="chmod 600"):
        kept_in(path, outside=tmp_path / "out")
    with pytest.raises(StorageError, match="given away"):
        kept_in(path, outside=tmp_path)
    other = tmp_path / "other"
    other.write_text("{}")
    other.chmod(0o644)
    with pytest.raises(StorageError, match="no UID map"):
        kept_in(other, outside=tmp_path / "out")
    with pytest.raises(StorageError, match="cannot be read or made"):
        kept_in(tmp_path / "no" / "map", outside=tmp_path / "out")


def test_one_id_for_several_patients_is_refused_and_for_one_it_is_taken(tmp_path):
    other = sources.xa("other")
    other.PatientID = "ANOTHER"
    paths = [written(sources.xa(), tmp_path / "in"), written(other, tmp_path / "in", "two.dcm")]
    with pytest.raises(IdentityMismatchError, match="several patients"):
        exported(paths, tmp_path / "out", patient_id="S-001")
    new = only(exported(paths[:1], tmp_path / "out", patient_id="S-001"))
    assert (new.PatientID, str(new.PatientName)) == ("S-001", "S-001^")


def test_two_patients_get_two_ids_and_none_stays_none(tmp_path):
    other, nobody = sources.xa("other"), sources.xa("nobody")
    other.PatientID, nobody.PatientID, nobody.PatientName = "ANOTHER", "", ""
    paths = [
        written(one, tmp_path / "in", f"{k}.dcm")
        for k, one in enumerate((sources.xa(), other, nobody))
    ]
    ids = {str(new.PatientID) for new in exported(paths, tmp_path / "out").values()}
    assert len(ids) == 3
    assert "" in ids


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            {"PatientID": "1", "IssuerOfPatientID": "A"},
            {"PatientID": "1", "IssuerOfPatientID": "B"},
        ),
        ({"PatientID": "1", "PatientName": "A^A"}, {"PatientID": "1", "PatientName": "B^B"}),
        (
            {"PatientID": "", "PatientBirthDate": "19500101"},
            {"PatientID": "", "PatientBirthDate": "19900101"},
        ),
        ({"PatientID": "DOE", "PatientName": "X"}, {"PatientID": "", "PatientName": "DOE"}),
        ({"PatientID": ["A", "B"]}, {"PatientID": "['A', 'B']"}),
    ],
)
def test_what_differs_in_issuer_name_or_birth_is_another_patient(one, other, tmp_path):
    paths = []
    for k, told in enumerate((one, other)):
        loop = sources.xa(f"p{k}")
        for keyword, value in told.items():
            setattr(loop, keyword, value)
        paths.append(written(loop, tmp_path / "in", f"{k}.dcm"))
    bare = sources.xa("bare")
    bare.PatientID, bare.PatientName, bare.PatientBirthDate = "", "", ""
    paths.append(written(bare, tmp_path / "in", "bare.dcm"))
    assert len({new.PatientID for new in exported(paths, tmp_path / "out").values()}) == 3
    for order in (paths, paths[::-1]):
        with pytest.raises(IdentityMismatchError, match="several patients"):
            exported(order, tmp_path / "other", patient_id="S-001")


def test_an_item_that_tells_less_of_the_same_patient_is_of_the_same(tmp_path):
    loop = sources.xa()
    loop.ReferencedSeriesSequence = [
        sources.item(PatientID=loop.PatientID),
        sources.item(PatientID="ANOTHER"),
    ]
    new = only(exported([written(loop, tmp_path / "in")], tmp_path / "out"))
    same, another = (one.PatientID for one in new.ReferencedSeriesSequence)
    assert same == new.PatientID
    assert another not in ("", same, "ANOTHER")


def burned(**attributes):
    dataset = sources.secondary_capture(sources.SC_WORD, bits=12, key="burned")
    for keyword, value in attributes.items():
        if value is None:
            dataset.pop(keyword)
        else:
            setattr(dataset, keyword, value)
    return dataset


def test_a_picture_with_text_is_written_only_if_that_was_allowed(tmp_path):
    path = written(burned(BurnedInAnnotation="YES"), tmp_path / "in")
    refused = export([path], rules(), out=tmp_path / "out")
    assert refused.written == ()
    ((name, why),) = refused.failures
    assert name == path.name
    assert "--allow-burned-in" in why
    allowed = export([path], rules(), out=tmp_path / "out", allow_burned_in=True)
    assert len(allowed.written) == 1
    assert len(allowed.doubts) == 1


@pytest.mark.parametrize(
    "attributes",
    [{"BurnedInAnnotation": None}, {"RecognizableVisualFeatures": "YES"}],
)
def test_a_picture_that_may_identify_is_written_and_named(attributes, tmp_path):
    path = written(burned(**attributes), tmp_path / "in")
    done = export([path], rules(), out=tmp_path / "out")
    assert len(done.written) == 1
    assert [name for name, _ in done.doubts] == [path.name]


def test_a_converted_loop_and_an_overlay_in_the_pixels_are_named(tmp_path):
    loop = sources.xa()
    loop.pop("BurnedInAnnotation")
    path = written(loop, tmp_path / "in")
    assert export([path], rules(), out=tmp_path / "out").doubts == ()
    loop.ConversionType = "DI"
    loop[0x60000102] = DataElement(0x60000102, "US", 12)
    path = written(loop, tmp_path / "in")
    assert len(export([path], rules(), out=tmp_path / "out").doubts) == 2
    del loop[0x60000102]
    loop[0x60200102] = DataElement(0x60200102, "US", 12)
    path = written(loop, tmp_path / "in")
    assert len(export([path], rules(), out=tmp_path / "out").doubts) == 2


@pytest.mark.parametrize("syntax", ["implicit", "deflated", "rle"])
def test_pixels_are_bit_equal_in_every_transfer_syntax(syntax, tmp_path):
    dataset = sources.xa()
    if syntax == "implicit":
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
    elif syntax == "deflated":
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    else:
        dataset.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
    path = written(dataset, tmp_path / "in")
    old, new = pydicom.dcmread(path), only(exported([path], tmp_path / "out"))
    assert new.file_meta.TransferSyntaxUID == old.file_meta.TransferSyntaxUID
    assert new.PixelData == old.PixelData
    np.testing.assert_array_equal(new.pixel_array, old.pixel_array)
    assert new.PatientID == PSEUDONYMS.patient(person_of(old).key)


def test_what_stands_behind_the_pixels_is_left_out(tmp_path):
    dataset = sources.xa()
    dataset.DigitalSignaturesSequence = [sources.item(CertificateOfSigner=MARK.encode())]
    dataset.DataSetTrailingPadding = (MARK * 2).encode()
    path = written(dataset, tmp_path / "in")
    new = only(exported([path], tmp_path / "out"))
    assert new.PixelData == dataset.PixelData
    assert "DigitalSignaturesSequence" not in new
    assert "DataSetTrailingPadding" not in new


HIDDEN = b"ZZSECRET"
ITEM, END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0\0\0\0\0"


@pytest.mark.parametrize("syntax", ["ImplicitVRLittleEndian", "DeflatedExplicitVRLittleEndian"])
def test_bytes_behind_the_last_frame_are_cut_off(syntax, tmp_path):
    loop = sources.xa()
    loop.file_meta.TransferSyntaxUID = getattr(pydicom.uid, syntax)
    frames = loop.PixelData
    loop.PixelData += HIDDEN
    new = only(exported([written(loop, tmp_path / "in")], tmp_path / "out"))
    assert new.PixelData == frames


def run_lengths():
    loop = sources.xa()
    loop.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
    return loop


def doubts_of(path, out):
    done = export([path], rules(), out=out)
    assert done.failures == ()
    return [reason for _, reason in done.doubts], pydicom.dcmread(done.written[0])


def test_an_offset_table_of_words_is_emptied_and_a_delimiter_has_no_length(tmp_path):
    path = written(run_lengths(), tmp_path / "in")
    frames = pydicom.dcmread(path).pixel_array
    raw = path.read_bytes()
    table = raw.index(ITEM, raw.rindex(b"\xe0\x7f\x10\x00OB"))
    length = int.from_bytes(raw[table + 4 : table + 8], "little")
    words = ITEM + (48).to_bytes(4, "little") + HIDDEN * 6
    last = raw.rindex(END)
    path.write_bytes(raw[:table] + words + raw[table + 8 + length : last] + END)
    doubts, new = doubts_of(path, tmp_path / "out")
    assert doubts == []
    assert HIDDEN not in new.PixelData
    np.testing.assert_array_equal(new.pixel_array, frames)


def test_fragments_and_words_that_belong_to_no_frame_are_named(tmp_path):
    from pydicom.encaps import encapsulate, generate_frames

    loop = run_lengths()
    assert doubts_of(written(loop, tmp_path / "in"), tmp_path / "out")[0] == []
    frames = list(generate_frames(loop.PixelData, number_of_frames=int(loop.NumberOfFrames)))
    loop.PixelData = encapsulate([*frames, HIDDEN])
    assert "other fragments" in doubts_of(written(loop, tmp_path / "in"), tmp_path / "a")[0][0]
    loop.PixelData = encapsulate([*frames[:-1], frames[-1] + HIDDEN])
    assert (
        "no part of a picture" in doubts_of(written(loop, tmp_path / "in"), tmp_path / "b")[0][0]
    )


def test_a_comment_in_a_jpeg_picture_is_named(tmp_path):
    import imagecodecs
    from pydicom.encaps import encapsulate

    loop = sources.xa(bits=8)
    picture = imagecodecs.jpeg_encode(np.zeros((loop.Rows, loop.Columns), np.uint8))
    comment = b"\xff\xfe" + (2 + len(HIDDEN)).to_bytes(2) + HIDDEN
    loop.file_meta.TransferSyntaxUID = pydicom.uid.JPEGBaseline8Bit
    for one, told in ((picture, []), (picture[:2] + comment + picture[2:], ["comment"])):
        loop.PixelData = encapsulate([one] * int(loop.NumberOfFrames))
        loop["PixelData"].VR, loop["PixelData"].is_undefined_length = "OB", True
        doubts, _ = doubts_of(written(loop, tmp_path / "in"), tmp_path / "out")
        assert len(doubts) == len(told)
        assert all(word in doubt for word, doubt in zip(told, doubts, strict=True))


def test_bits_that_a_picture_does_not_show_are_named(tmp_path):
    loop = sources.xa()
    samples = np.frombuffer(loop.PixelData, "<u2")
    loop.PixelData = (samples | 0x5000).tobytes()
    assert "bits beside" in doubts_of(written(loop, tmp_path / "in"), tmp_path / "out")[0][0]


def test_a_source_is_never_replaced_and_its_own_export_is_no_source(tmp_path):
    path = written(sources.xa(), tmp_path)
    before = path.read_bytes()
    done = export([tmp_path], rules(), out=tmp_path / "out")
    again = export([tmp_path], rules(), out=tmp_path / "out")
    assert path.read_bytes() == before
    assert again.written == done.written
    assert again.skipped == {"in the folder of the export": 1}


def test_copies_are_written_once_and_the_same_uid_with_other_content_fails(tmp_path):
    loop, other = sources.xa(), sources.xa()
    other.KVP = "99"
    paths = [
        written(loop, tmp_path / "in", "a.dcm"),
        written(loop, tmp_path / "in", "b.dcm"),
        written(other, tmp_path / "in", "c.dcm"),
    ]
    done = export(paths, rules(), out=tmp_path / "out")
    assert len(done.written) == 1
    assert done.skipped == {"copy": 1}
    assert [name for name, _ in done.failures] == ["c.dcm"]


def test_what_is_damaged_or_cannot_be_cleaned_is_named_and_the_rest_is_written(tmp_path):
    folder = tmp_path / "in"
    written(sources.xa(), folder)
    (folder / "noise").write_bytes(b"no DICOM")
    cut = written(sources.xa("cut"), folder, "cut.dcm")
    cut.write_bytes(cut.read_bytes()[:-99])
    document = sources.xa("pdf")
    document.SOPClassUID = document.file_meta.MediaStorageSOPClassUID = (
        "1.2.840.10008.5.1.4.1.1.104.1"
    )
    written(document, folder, "pdf.dcm")
    (folder / "notes.txt").write_text(MARK)
    done = export([folder], rules(), out=tmp_path / "out")
    assert len(done.written) == 1
    assert {name for name, _ in done.failures} == {"noise", "cut.dcm"}
    assert sorted(done.skipped) == [
        "encapsulated documents, whose text cannot be cleaned; references to them stay",
        "not a DICOM object",
    ]
    named = export([folder / "pdf.dcm"], rules(), out=tmp_path / "out")
    ((name, why),) = named.failures
    assert name == "pdf.dcm"
    assert "encapsulated document" in why
    assert not list((tmp_path / "out").glob(".*"))


def test_standard_text_that_the_table_does_not_name_stays(tmp_path):
    loop = sources.xa()
    loop.ManufacturerModelName, loop.SeriesNumber = "Zeichen \u00fc", 17
    new = only(exported([written(loop, tmp_path / "in")], tmp_path / "out"))
    assert (new.ManufacturerModelName, new.SeriesNumber) == ("Zeichen \u00fc", 17)
    assert new.SpecificCharacterSet == "ISO_IR 192"


def test_names_dates_addresses_and_uids_that_the_table_does_not_name_go_as_well(tmp_path):
    loop = sources.xa()
    loop.RetrieveURL, loop.EvaluatorName = f"http://{MARK}", f"{MARK}^A"
    loop.StudyUpdateDateTime, loop.TargetFrameOfReferenceUID = DATE + CLOCK, HOSTILE_UID
    loop[0x00209312] = DataElement(0x00209312, "LO", HOSTILE_UID)  # a UID as another type
    path = written(loop, tmp_path / "in")
    new = only(exported([path], tmp_path / "out"))
    raw = (tmp_path / "out" / f"{new.SOPInstanceUID}.dcm").read_bytes()
    for secret in (MARK, DATE, HOSTILE_UID):
        assert secret.encode() not in raw
    assert new.TargetFrameOfReferenceUID == PSEUDONYMS.uid(HOSTILE_UID)


def test_overlays_and_curves_of_every_group_and_what_is_of_no_data_set_go(tmp_path):
    loop = sources.xa()
    secret = MARK + "__"
    for group in (0x6020, 0x60FE):
        loop[group << 16 | 0x3000] = DataElement(group << 16 | 0x3000, "OW", secret.encode())
        loop[group << 16 | 0x4000] = DataElement(group << 16 | 0x4000, "LT", secret)
    loop[0x50202500] = DataElement(0x50202500, "LO", secret)
    loop[0x50203000] = DataElement(0x50203000, "OW", secret.encode())
    loop[0x7F020010] = DataElement(0x7F020010, "OW", secret.encode())
    loop[0x00203102] = DataElement(0x00203102, "CS", secret)
    loop[0x00041500] = DataElement(0x00041500, "CS", secret)
    new = only(exported([written(loop, tmp_path / "in")], tmp_path / "out"))
    assert MARK.encode() not in (tmp_path / "out" / f"{new.SOPInstanceUID}.dcm").read_bytes()


@pytest.mark.parametrize("tag", [0x00100033, 0x00100034, 0x00181803, 0x00401006, 0x00401007])
def test_identifiers_that_the_table_forgets_go_as_well(tag, tmp_path):
    loop = sources.xa()
    loop[tag] = DataElement(tag, dictionary_VR(tag), MARK)
    loop.ReferencedSeriesSequence = [sources.item(HL7InstanceIdentifier=MARK)]
    new = only(exported([written(loop, tmp_path / "in")], tmp_path / "out"))
    assert tag not in new
    assert new.ReferencedSeriesSequence[0].HL7InstanceIdentifier == "REMOVED"


def test_digits_and_dots_are_a_version_only_where_a_version_stands():
    from napari_fluoroinject.dicom.deidentify.sr_items import clean_text

    def cleaned(code, text):
        name = sources.code(code, "DCM", "a name")
        item = sources.item(ValueType="TEXT", TextValue=text, ConceptNameCodeSequence=[name])
        clean_text(item)
        return item.TextValue

    assert cleaned("111003", "0.4.1") == "0.4.1"
    assert [cleaned("121106", one) for one in ("10.1.2.3", "24.12.60")] == ["REMOVED"] * 2
    assert cleaned("111003", "24.12.1960") == "REMOVED"


def test_an_element_that_pretends_to_be_of_another_kind_is_removed(tmp_path):
    loop = sources.xa()
    loop[0x00081115] = DataElement(0x00081115, "LT", MARK)  # Referenced Series Sequence
    loop[0x00180060] = DataElement(0x00180060, "LT", MARK)  # KVP
    new = only(exported([written(loop, tmp_path / "in")], tmp_path / "out"))
    assert "ReferencedSeriesSequence" not in new
    assert "KVP" not in new


def test_every_compound_action_ends_in_what_the_type_asks_for():
    act = tables.Action(deeds=("X", "Z", "D"))
    assert [tables.chosen(act, one) for one in ("3", "2", "2C", "1", "1C", None)] == list("XZZDDD")
    assert tables.chosen(tables.Action(deeds=("X", "Z", "U")), "3") == "U"
    assert tables.chosen(tables.Action(deeds=("Z", "D")), "3") == "Z"


def test_the_table_is_whole():
    """As many rows as the edition has, less repeating groups and private attributes."""
    tags = tables.every_tag()
    assert len(tags) == 653
    assert tables.action_of(0x00100010).deeds == ("Z",)
    assert tables.action_of(0x0020000D).deeds == ("U",)
    assert tables.action_of(0x60023000).deeds == ("X",)
    assert tables.action_of(0x00080060) is None
    assert keyword_for_tag(tags[0])
    assert tables.type_of(sources.XA, "StationName") == "3"
    assert tables.type_of("1.2.3", "StationName") is None


def test_a_dates_option_does_not_reach_what_has_no_such_option():
    assert tables.action_of(0x00100030).temporal is False
    assert tables.action_of(0x00080020).temporal


def test_a_large_loop_costs_little_memory(tmp_path):
    size = 100 << 20
    path = written(sources.xa(), tmp_path / "in")
    loop = pydicom.dcmread(path)
    loop.Rows = loop.Columns = 1024
    loop.NumberOfFrames = size // (2 * 1024 * 1024)
    loop.PixelData = bytes(size)
    loop["PixelData"].VR = "OW"
    written(loop, tmp_path / "in")
    del loop
    code = (
        "import sys, resource\nfrom pathlib import Path\n"
        "from napari_fluoroinject.exchange import Deidentification, deidentify_sources\n"
        "import napari_fluoroinject.dicom.deidentify.export\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "done = deidentify_sources([sys.argv[1]], Deidentification(), out=Path(sys.argv[2]))\n"
        "assert len(done.written) == 1, done\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, str(path), str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(told.stdout) < 40 << 10  # KiB: far less than the loop
    assert Path(path).stat().st_size > size
