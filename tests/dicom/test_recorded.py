"""A recorded run as a DICOM object: valid, honest, under the worklist's patient and no other."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from validators import complaints

from napari_fluoroinject.dicom.ordered import the_order
from napari_fluoroinject.dicom.read import read_loop
from napari_fluoroinject.dicom.recorded import encode_recorded
from napari_fluoroinject.errors import EncodingError, IdentityMismatchError, UncalibratedError
from napari_fluoroinject.model.cine import IntensityScale
from napari_fluoroinject.model.recorded import FeedGeometry, KnownLength, RecordedRun
from napari_fluoroinject.recording import unknown_scale

GEOMETRY = FeedGeometry(
    source_detector_mm=1000,
    source_patient_mm=700,
    detector_mm_per_px=0.4,
    radiation="SC",
    primary_angle_deg=-12.0,
)


def item(accession: str = "A7", study: str = "1.2.3.44", patient: str = "P7", steps=("S7",)):
    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    made.PatientName, made.PatientID, made.StudyInstanceUID = "Muster^Jürgen", patient, study
    made.AccessionNumber, made.RequestedProcedureID = accession, "R7"
    made.RequestedProcedureDescription = "Epidural"
    made.ScheduledProcedureStepSequence = []
    for name in steps:
        step = Dataset()
        step.ScheduledProcedureStepID, step.ScheduledProcedureStepStartDate = name, "20260102"
        step.ScheduledProcedureStepStartTime = "0800"
        made.ScheduledProcedureStepSequence.append(step)
    return made


def run(dtype: str = "uint8", **said) -> RecordedRun:
    rng = np.random.default_rng(1)
    steps = np.concatenate([[0.0], rng.uniform(0.06, 0.09, 5)])
    return RecordedRun(
        **{
            "stored": rng.integers(0, 200, (6, 32, 40)).astype(dtype),
            "times_s": np.cumsum(steps),
            "intensity": unknown_scale(dtype),
            "began": datetime(2026, 1, 2, 8, 3, tzinfo=UTC),
            "clock": "sender",
            "source": "igtl",
            "sha256": "ab" * 32,
            "number": 2,
        }
        | said
    )


@pytest.mark.validator
@pytest.mark.parametrize(
    ("dtype", "geometry", "name"),
    [
        ("uint8", None, "Multi-frame Grayscale Byte"),
        ("uint16", None, "Multi-frame Grayscale Word"),
        ("int16", GEOMETRY, "Multi-frame Grayscale Word"),
        ("uint8", GEOMETRY, "X-Ray Angiographic"),
    ],
)
@pytest.mark.parametrize("known", [None, KnownLength(mm_per_px=0.3, told="needle of 22 gauge")])
def test_outside_validators_and_our_own_check_accept_it(tmp_path, dtype, geometry, name, known):
    from napari_fluoroinject.dicom.check.run import check_files

    path = tmp_path / "run.dcm"
    order = the_order([item()])
    encoded = encode_recorded(run(dtype), order, geometry=geometry, known=known)
    path.write_bytes(encoded.content)
    assert encoded.dataset.SOPClassUID.name.startswith(name)
    assert complaints(path) == ()
    assert [one for file in check_files([path]) for one in file.faults] == []


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_pixels_and_times_come_back_as_they_were_recorded(tmp_path, dtype):
    made = run(dtype)
    path = tmp_path / "run.dcm"
    path.write_bytes(encode_recorded(made, the_order([item()])).content)
    loop = read_loop(path)
    np.testing.assert_array_equal(loop.frames.every(), made.stored)
    np.testing.assert_allclose(loop.times_s, made.times_s, atol=1e-6)
    assert not loop.intensity.quantitative


def test_patient_and_study_are_those_of_the_worklist_item_and_private_data_stays_behind():
    order = item()
    order.add_new(0x00091001, "LO", "secret")
    dataset = encode_recorded(run(), the_order([order])).dataset
    assert (dataset.PatientID, str(dataset.PatientName)) == ("P7", "Muster^Jürgen")
    assert (dataset.StudyInstanceUID, dataset.AccessionNumber) == ("1.2.3.44", "A7")
    assert dataset.RequestAttributesSequence[0].ScheduledProcedureStepID == "S7"
    assert (dataset.StudyDate, dataset.SeriesDate) == ("20260102", "20260102")
    assert not [one for one in dataset if one.tag.is_private]


@pytest.mark.parametrize(
    ("answers", "asked", "words"),
    [
        ([], {}, "no worklist item matches"),
        ([item("A8")], {"accession": "A7"}, "no worklist item matches"),
        ([item(), item(patient="P8")], {"accession": "A7"}, "2 orders"),
        ([item(), item(study="1.2.9")], {"accession": "A7"}, "2 orders"),
        ([item(steps=("S1", "S2"))], {"accession": "A7"}, "2 steps"),
        ([item(steps=("S1", "S2"))], {"step": "S3"}, "no worklist item matches"),
        ([item(patient="")], {}, "no PatientID"),
        ([item(study="")], {}, "no StudyInstanceUID"),
    ],
)
def test_an_ambiguous_or_incomplete_match_is_refused_and_names_nobody(answers, asked, words):
    with pytest.raises(IdentityMismatchError, match=words) as refused:
        the_order(answers, **asked)
    assert "Muster" not in str(refused.value)


def test_a_step_chooses_among_several():
    order = the_order([item(steps=("S1", "S2"))], accession="A7", step="S2")
    dataset = encode_recorded(run(), order).dataset
    assert dataset.RequestAttributesSequence[0].ScheduledProcedureStepID == "S2"


def test_without_an_order_it_is_visibly_nobodys():
    dataset = encode_recorded(run(), None).dataset
    assert str(dataset.PatientName) == "Nobody^Local Research"
    assert str(dataset.PatientID).startswith("RESEARCH-")


def test_the_same_run_has_the_same_bytes_and_another_order_another_uid():
    one, again = (encode_recorded(run(), the_order([item()])) for _ in range(2))
    assert one.content == again.content
    other = encode_recorded(run(), the_order([item(study="1.2.9")]))
    assert other.dataset.SOPInstanceUID != one.dataset.SOPInstanceUID


@pytest.mark.parametrize(("lossy", "said"), [(None, None), (True, "01"), (False, "00")])
def test_loss_on_the_way_is_said_only_where_it_is_known(lossy, said):
    dataset = encode_recorded(run(lossy=lossy), None).dataset
    assert dataset.get("LossyImageCompression") == said
    assert ("not known" in dataset.DerivationDescription) == (lossy is None)


def test_text_may_be_burned_in_unless_somebody_knows_better():
    assert encode_recorded(run(), None).dataset.BurnedInAnnotation == "YES"
    assert encode_recorded(run(burned_in=False), None).dataset.BurnedInAnnotation == "NO"


def test_what_was_processed_for_display_is_marked_as_not_quantitative():
    assert "NOT QUANTITATIVE" in encode_recorded(run(), None).dataset.ImageComments


def test_pixel_spacing_is_written_only_where_a_person_gave_it():
    plain = encode_recorded(run(), None, geometry=GEOMETRY).dataset
    assert "PixelSpacing" not in plain
    known = KnownLength(mm_per_px=0.3, told="known object")
    dataset = encode_recorded(run(), None, geometry=GEOMETRY, known=known).dataset
    assert dataset.PixelSpacingCalibrationType == "FIDUCIAL"
    assert list(dataset.PixelSpacing) == [0.3, 0.3]
    assert "ImagerPixelSpacing" not in dataset


def test_geometry_gives_the_millimetres_that_a_reader_finds(tmp_path):
    path = tmp_path / "run.dcm"
    path.write_bytes(encode_recorded(run(), None, geometry=GEOMETRY).content)
    assert read_loop(path).mm_per_px == pytest.approx(GEOMETRY.mm_per_px)


def test_values_that_fall_with_the_beam_are_turned_over_and_that_is_said():
    scale = unknown_scale("uint8")
    falling = IntensityScale(
        relationship="display", ln_beam=scale.ln_beam[::-1], scale_known=False
    )
    made = run(intensity=falling)
    dataset = encode_recorded(made, None).dataset
    shown = np.frombuffer(dataset.PixelData, np.uint8)[: made.stored.size]
    np.testing.assert_array_equal(shown, 255 - made.stored.ravel())
    assert "turned over" in dataset.DerivationDescription


def test_a_single_exposure_is_no_run():
    one = run()
    with pytest.raises(EncodingError, match="a run of 1 fresh"):
        encode_recorded(replace(one, stored=one.stored[:1], times_s=one.times_s[:1]), None)


def test_a_patient_behind_the_detector_and_a_length_of_nothing_are_refused():
    with pytest.raises(UncalibratedError, match="patient before the detector"):
        replace(GEOMETRY, source_patient_mm=1200)
    with pytest.raises(UncalibratedError, match="above 0"):
        KnownLength(mm_per_px=0.0, told="known object")


def test_what_is_written_opens_as_a_file(tmp_path):
    path = tmp_path / "run.dcm"
    path.write_bytes(encode_recorded(run(), None).content)
    assert dcmread(path).NumberOfFrames == 6
