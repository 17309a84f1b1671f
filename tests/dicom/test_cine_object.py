"""Written loops are valid DICOM, the same bytes every time, and read back as what they were."""

from __future__ import annotations

import re
import subprocess
import time
from dataclasses import replace

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.uid import (
    JPEG2000,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)
from small_loops import REFERENCE, identity, picture, scale, small_loop, small_object, written
from validators import complaints, dciodvfy, need

from napari_fluoroinject.dicom import shutter
from napari_fluoroinject.dicom.cine_object import (
    encode_cine,
    encode_series,
    phantom_identity,
    write_cine,
)
from napari_fluoroinject.dicom.read import read_loop
from napari_fluoroinject.errors import EncodingError
from napari_fluoroinject.model.arrays import read_only
from napari_fluoroinject.model.cine import ArrayFrames, IntensityScale
from napari_fluoroinject.model.geometry import Calibration, View

XRF_MODALITY = re.compile(r"Error - Unrecognized enumerated value <RF> .*<Modality>")
"""The tool's table knows XA alone; PS3.3 A.48.3.1 demands RF of an enhanced XRF image."""

UNEVEN = np.array([0.0, 0.05, 0.11, 0.2, 0.4])
OPEN = shutter.rectangle(24, 32, (2, 23, 3, 30))
ROUND = shutter.circle(24, 32, (12, 16), 13) & shutter.rectangle(24, 32, (1, 24, 3, 29))

WHOLE_OBJECTS = {
    "xa_linear": (small_loop(), "xa"),
    "xa_log": (small_loop(10, "log", times_s=UNEVEN), "xa"),
    "xa_display": (small_loop(8, "display"), "xa"),
    "xa_shutter": (small_loop(open_field=OPEN, laterality="left", body_part="KNEE"), "xa"),
    "xa_round": (small_loop(16, open_field=ROUND), "xa"),
    "xa_magnified": (small_loop(calibration=Calibration(mm_per_px=0.3, basis="iso_ermf")), "xa"),
    "xa_fiducial": (
        small_loop(calibration=Calibration(mm_per_px=0.3, basis="pixel_spacing_fiducial")),
        "xa",
    ),
    "xa_bare": (
        small_loop(calibration=None, detector_mm_per_px=None, kvp=None, view=View()),
        "xa",
    ),
    "xa_single": (small_loop(stored=picture()[:1]), "xa"),
    "rf": (small_loop(14), "rf"),
    "enhanced_xa": (small_loop(open_field=OPEN), "enhanced_xa"),
    "enhanced_xa_log": (small_loop(12, "log", laterality="right"), "enhanced_xa"),
    "enhanced_xa_somewhere": (small_loop(body_part=None, kvp=None), "enhanced_xa"),
    "enhanced_xrf": (small_loop(times_s=UNEVEN), "enhanced_xrf"),
    "sc": (small_loop(8, "unknown", stored=picture(8)[:1]), "sc"),
    "sc_bit": (small_loop(1, "unknown", stored=picture(1)), "sc_bit"),
    "sc_byte": (small_loop(8, "display"), "sc_byte"),
    "sc_word": (small_loop(10, "display"), "sc_word"),
    "sc_word_untimed": (small_loop(10, "display", times_s=None), "sc_word"),
    "sc_color": (small_loop(8, "display"), "sc_color"),
}


def as_object(name, **options):
    loop, kind = WHOLE_OBJECTS[name]
    return small_object(loop, kind=kind, **options)


@pytest.mark.validator
@pytest.mark.parametrize("name", WHOLE_OBJECTS)
def test_every_kind_of_object_is_valid(tmp_path, name):
    found = complaints(written(tmp_path, as_object(name)))
    if name == "enhanced_xrf":
        found = tuple(one for one in found if not XRF_MODALITY.match(one.text))
    assert found == ()


@pytest.mark.validator
@pytest.mark.parametrize(
    "syntax",
    [
        ImplicitVRLittleEndian,
        JPEGLosslessSV1,
        JPEGLSLossless,
        JPEG2000Lossless,
        JPEG2000,
        JPEGExtended12Bit,
        RLELossless,
    ],
)
def test_compressed_objects_are_valid(tmp_path, syntax):
    assert complaints(written(tmp_path, as_object("xa_linear", transfer_syntax=syntax))) == ()


@pytest.mark.validator
def test_a_loop_compressed_by_jpeg_baseline_is_valid(tmp_path):
    path = written(tmp_path, as_object("xa_display", transfer_syntax=JPEGBaseline8Bit))
    assert complaints(path) == ()


@pytest.mark.validator
def test_a_phantom_with_its_contrast_agent_is_valid(tmp_path):
    loop = WHOLE_OBJECTS["xa_linear"][0]
    dataset = encode_cine(loop, identity=phantom_identity("esi_il_lumbar", 7))
    assert complaints(written(tmp_path, dataset)) == ()


@pytest.mark.validator
def test_single_frames_are_valid(tmp_path):
    dataset = encode_series(small_loop(), identity=identity())[2]
    assert complaints(written(tmp_path, dataset)) == ()


@pytest.mark.validator
@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PixelIntensityRelationship", None),
        ("FrameIncrementPointer", None),
        ("ImageType", ["ORIGINAL", "PRIMARY"]),
        ("PositionerPrimaryAngle", None),
        ("KVP", None),
    ],
)
def test_the_validator_complains_where_something_is_missing(tmp_path, keyword, value):
    dataset = as_object("xa_linear")
    if value is None:
        delattr(dataset, keyword)
    else:
        setattr(dataset, keyword, value)
    assert any(one.level == "error" for one in dciodvfy(written(tmp_path, dataset)))


@pytest.mark.validator
def test_dcmtk_decodes_the_same_pixels(tmp_path):
    need("dcmdjpeg")
    packed = written(tmp_path, as_object("xa_linear", transfer_syntax=JPEGLosslessSV1))
    plain = tmp_path / "plain.dcm"
    subprocess.run(["dcmdjpeg", str(packed), str(plain)], check=True, timeout=60)
    assert np.array_equal(pydicom.dcmread(plain).pixel_array, picture())


@pytest.mark.parametrize("name", WHOLE_OBJECTS)
def test_the_same_loop_gives_the_same_bytes(tmp_path, name):
    first = written(tmp_path, as_object(name), "first.dcm").read_bytes()
    time.sleep(0.01)
    assert written(tmp_path, as_object(name), "second.dcm").read_bytes() == first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.dcm", "second.dcm"]


@pytest.mark.parametrize("name", WHOLE_OBJECTS)
def test_what_is_written_is_read_back(tmp_path, name):
    loop, kind = WHOLE_OBJECTS[name]
    read = read_loop(written(tmp_path, as_object(name)))
    assert np.array_equal(read.frames.every(), loop.frames.every())
    if loop.times_s is None or loop.shape[0] == 1:
        assert read.times_s is None
    else:
        assert read.times_s == pytest.approx(loop.times_s, abs=2e-6)
    if kind.startswith("sc"):
        assert not read.intensity.quantitative
        return
    assert read.intensity.relationship == loop.intensity.relationship
    assert read.intensity.quantitative == loop.intensity.quantitative
    if loop.calibration is None:
        assert read.calibration is None
    else:
        assert read.calibration.basis == loop.calibration.basis
        assert read.mm_per_px == pytest.approx(loop.mm_per_px, rel=1e-6)
    assert read.detector_mm_per_px == pytest.approx(loop.detector_mm_per_px)
    assert read.laterality == loop.laterality
    assert (read.open_field is None) == (loop.open_field is None)
    assert loop.open_field is None or np.array_equal(read.open_field, loop.open_field)
    if kind != "rf" and loop.kvp is not None:
        assert read.view == loop.view
        assert read.kvp == loop.kvp


def test_the_instance_keeps_its_uid_only_where_its_class_is_kept():
    assert small_object(kind="xa").SOPInstanceUID == REFERENCE.sop_instance_uid
    other = {small_object(kind=kind).SOPInstanceUID for kind in ("rf", "enhanced_xa", "sc_word")}
    assert len(other) == 3
    assert REFERENCE.sop_instance_uid not in other
    loop = small_loop(reference=replace(REFERENCE, frame_instance_uids=("1.2.1", "1.2.2")))
    loop = replace(loop, frames=ArrayFrames(picture()[:2]), times_s=[0.0, 0.1])
    uids = [one.SOPInstanceUID for one in encode_series(loop, identity=identity())]
    assert uids == ["1.2.1", "1.2.2"]


def test_a_phantom_is_nobody_and_the_same_seed_is_the_same_nobody():
    first, second = (phantom_identity("esi_il_lumbar", seed) for seed in (7, 8))
    assert first == phantom_identity("esi_il_lumbar", 7)
    assert first.patient_id != second.patient_id
    dataset = encode_cine(small_loop(), identity=first)
    assert str(dataset.PatientName).startswith("Phantom^")
    assert dataset.ContrastBolusAgent == "Iohexol"
    assert "no patient" in dataset.StudyDescription


@st.composite
def loops(draw):
    """Any loop that an XA object can hold."""
    bits = draw(st.integers(8, 16))
    frames, rows, columns = (draw(st.integers(1, n)) for n in (6, 9, 9))
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    stored = random.integers(0, 1 << bits, (frames, rows, columns))
    steps = draw(st.lists(st.floats(1e-3, 2.0), min_size=frames, max_size=frames))
    times = np.cumsum(steps) if draw(st.booleans()) else np.arange(frames) * steps[0]
    basis = draw(st.sampled_from(["iso_sid_sod", "iso_ermf", "pixel_spacing_fiducial", None]))
    detector = draw(st.floats(0.05, 1.0))
    size = detector * draw(st.floats(0.3, 0.999))
    angles = st.none() | st.floats(-180, 180).map(lambda x: round(x, 3))
    return small_loop(
        bits,
        draw(st.sampled_from(["linear", "log", "display"])),
        stored=stored.astype(np.uint8 if bits == 8 else np.uint16),
        times_s=times - times[0],
        calibration=basis and Calibration(mm_per_px=size, basis=basis),
        detector_mm_per_px=detector,
        view=View(primary_angle_deg=draw(angles), secondary_angle_deg=draw(angles)),
        kvp=draw(st.none() | st.integers(40, 125).map(float)),
        laterality=draw(st.sampled_from([None, "left", "right", "bilateral"])),
    )


LOSSLESS = st.sampled_from(
    [None, JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless, HTJ2KLossless, RLELossless]
)


@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(loop=loops(), syntax=LOSSLESS, single=st.booleans())
def test_any_loop_survives_writing_and_reading(tmp_path, loop, syntax, single):
    options = {} if syntax is None else {"transfer_syntax": syntax}
    if single:
        objects = encode_series(loop, identity=identity(), **options)
    else:
        objects = [small_object(loop, **options)]
    read = read_loop(*(written(tmp_path, one, f"{k}.dcm") for k, one in enumerate(objects)))
    assert np.array_equal(read.frames.every(), loop.frames.every())
    if loop.shape[0] > 1:
        assert read.times_s == pytest.approx(loop.times_s, abs=3e-6)
    assert read.intensity.relationship == loop.intensity.relationship
    assert read.intensity.quantitative == loop.intensity.quantitative
    if loop.intensity.quantitative:
        # a table entry is rounded to 1 / 65535 of full scale; the darkest LOG value is exp(-5)
        ln = loop.intensity.ln_beam
        told = read.intensity.ln_beam[: len(ln)]
        assert told - told[-1] == pytest.approx(ln - ln[-1], abs=2e-3)
    if loop.calibration is None:
        assert read.calibration is None
    else:
        assert read.calibration.basis == loop.calibration.basis
        assert read.mm_per_px == pytest.approx(loop.mm_per_px, rel=1e-9)
    assert (read.view.primary_angle_deg, read.view.secondary_angle_deg) == (
        loop.view.primary_angle_deg,
        loop.view.secondary_angle_deg,
    )
    assert (read.kvp, read.laterality) == (loop.kvp, loop.laterality)


@pytest.mark.parametrize("relationship", ["display", "linear", "log"])
def test_a_falling_scale_is_written_and_read_as_falling(tmp_path, relationship):
    rising = scale(12, relationship)
    loop = small_loop(intensity=replace(rising, ln_beam=read_only(rising.ln_beam[::-1], "f4")))
    read = read_loop(written(tmp_path, small_object(loop)))
    assert read.intensity.ln_beam[0] > read.intensity.ln_beam[-1]
    assert read.intensity.quantitative == (relationship == "log")


def test_signed_captures_are_written_and_read(tmp_path):
    stored = (picture()[:1].astype(int) - 2048).astype(np.int16)
    signed = IntensityScale(relationship="unknown", ln_beam=np.arange(4096), first_stored=-2048)
    loop = small_loop(stored=stored, intensity=signed)
    read = read_loop(written(tmp_path, small_object(loop, kind="sc")))
    assert np.array_equal(read.frames.every(), stored)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kind": "ct"}, "kind is 'ct'"),
        ({"kind": "sc"}, "holds one frame; this loop has 5"),
        ({"kind": "sc_byte"}, "pixel values of 12 bits"),
        (
            {"kind": "xa", "transfer_syntax": "1.2.840.10008.1.2.4.100"},
            "cannot be written as MPEG2",
        ),
        ({"kind": "xa", "transfer_syntax": JPEGBaseline8Bit}, "JPEG baseline holds 8 bits"),
    ],
)
def test_kinds_and_syntaxes_that_cannot_hold_the_loop_are_refused(options, words):
    with pytest.raises(EncodingError, match=words):
        small_object(**options)


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"times_s": None}, "xa", "needs the times"),
        ({"times_s": None}, "enhanced_xa", "needs times"),
        ({"calibration": None}, "enhanced_xa", "a calibration from distances"),
        ({"view": View()}, "enhanced_xa", "a primary angle, a secondary angle"),
        ({"intensity": scale(12, "unknown")}, "xa", "write a loop of unknown"),
        ({"intensity": scale(10)}, "xa", "the intensity scale has 10 bits"),
        ({"open_field": np.eye(24, 32, dtype=bool)}, "xa", "neither a rectangle nor a circle"),
    ],
)
def test_loops_that_lack_what_an_object_needs_are_refused(changes, kind, words):
    with pytest.raises(EncodingError, match=words):
        small_object(small_loop(**changes), kind=kind)


def test_more_than_12_bits_do_not_fit_into_extended_jpeg():
    with pytest.raises(EncodingError, match="JPEG extended holds 12 bits"):
        small_object(small_loop(16), transfer_syntax=JPEGExtended12Bit)


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [({}, "enhanced_xa", "single frames are one of"), ({"times_s": None}, "xa", "need times")],
)
def test_series_that_cannot_be_written_are_refused(changes, kind, words):
    with pytest.raises(EncodingError, match=words):
        encode_series(small_loop(**changes), kind=kind, identity=identity())


def test_an_unusable_calibration_basis_is_left_out(tmp_path):
    loop = small_loop(calibration=Calibration(mm_per_px=0.3, basis="needle_gauge"))
    assert read_loop(written(tmp_path, small_object(loop))).calibration is None


def test_a_file_that_cannot_be_written_leaves_nothing_whole(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        write_cine(small_object(), tmp_path / "none" / "loop.dcm")
    assert list(tmp_path.iterdir()) == []
