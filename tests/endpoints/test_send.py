"""Objects go as they are where the peer takes them, decompressed where it does not."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import imagecodecs
import numpy as np
import pytest
from network_loops import make_loop, write
from others import serving
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
    SecondaryCaptureImageStorage,
    XRayAngiographicImageStorage,
)
from pynetdicom import AE, evt

from napari_fluoroinject.endpoints.base import NotSent, Receipt
from napari_fluoroinject.endpoints.dimse import CONTEXTS_PER_ASSOCIATION
from napari_fluoroinject.endpoints.sending import _groups, _Offer
from napari_fluoroinject.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydicom import Dataset

    from napari_fluoroinject.endpoints.pacs import Pacs

pytestmark = pytest.mark.network


@contextmanager
def taker(*syntaxes: str, got: list[Dataset]) -> Iterator[Pacs]:
    """Keeps angiography and captures in these transfer syntaxes, and remembers what came."""

    def store(event: evt.Event) -> int:
        kept = dcmread(event.dataset_path)
        list(kept.iterall())  # read before the file goes
        got.append(kept)
        return 0x0000

    ae = AE("TAKER")
    for sop_class in (XRayAngiographicImageStorage, SecondaryCaptureImageStorage):
        ae.add_supported_context(sop_class, list(syntaxes))
    with serving(ae, (evt.EVT_C_STORE, store)) as pacs:
        yield pacs


def loop_in(syntax: str) -> Dataset:
    """A grey loop of 12 bits in a compressed transfer syntax."""
    loop = make_loop()
    pixels = loop.pixel_array
    encoders = {
        JPEG2000Lossless: lambda frame: imagecodecs.jpeg2k_encode(
            frame, codecformat="j2k", reversible=True, bitspersample=12
        ),
        JPEGLSLossless: imagecodecs.jpegls_encode,
    }
    if syntax == RLELossless:
        loop.compress(RLELossless, generate_instance_uid=False)
    elif syntax in encoders:
        loop.PixelData = encapsulate([encoders[syntax](frame) for frame in pixels])
        loop["PixelData"].VR = "OB"
    loop.file_meta.TransferSyntaxUID = syntax
    return loop


@pytest.mark.parametrize("taken", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
@pytest.mark.parametrize(
    "syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless, DeflatedExplicitVRLittleEndian]
)
def test_what_a_peer_does_not_take_is_decompressed_without_loss(tmp_path: Path, syntax, taken):
    path = write(loop_in(syntax), tmp_path / "loop.dcm")
    got: list[Dataset] = []
    with taker(taken, got=got) as pacs:
        (receipt,) = pacs.store([path])
    (kept,) = got
    plain = make_loop()
    assert receipt.sop_instance_uid == kept.SOPInstanceUID == plain.SOPInstanceUID
    assert kept.file_meta.TransferSyntaxUID == taken
    assert np.array_equal(kept.pixel_array, plain.pixel_array)
    assert [e for e in kept if e.keyword != "PixelData"] == [
        e for e in plain if e.keyword != "PixelData"
    ]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless])
def test_what_a_peer_takes_goes_as_it_stands(tmp_path: Path, syntax):
    loop = loop_in(syntax)
    got: list[Dataset] = []
    with taker(ExplicitVRLittleEndian, syntax, got=got) as pacs:
        pacs.store([write(loop, tmp_path / "loop.dcm")])
    assert got[0].file_meta.TransferSyntaxUID == syntax
    assert got[0].PixelData == loop.PixelData


@pytest.mark.parametrize(
    ("syntax", "coded"), [(JPEGBaseline8Bit, "YBR_FULL_422"), (JPEG2000, "YBR_ICT")]
)
def test_colour_that_was_coded_comes_as_rgb_and_stays_called_lossy(tmp_path: Path, syntax, coded):
    ramp = np.linspace(0, 255, 64, dtype=np.uint8)
    picture = np.stack(np.broadcast_arrays(ramp[None, :], ramp[:, None], np.uint8(90)), axis=-1)
    capture = make_loop(frames=1)
    capture.SOPClassUID = capture.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    capture.SamplesPerPixel, capture.PlanarConfiguration = 3, 0
    capture.PhotometricInterpretation = coded
    capture.BitsAllocated, capture.BitsStored, capture.HighBit = 8, 8, 7
    capture.LossyImageCompression = "01"
    encoded = (
        imagecodecs.jpeg8_encode(picture, level=95)
        if syntax == JPEGBaseline8Bit
        else imagecodecs.jpeg2k_encode(picture, codecformat="j2k", level=50, mct=True)
    )
    capture.PixelData = encapsulate([encoded])
    capture["PixelData"].VR = "OB"
    capture.file_meta.TransferSyntaxUID = syntax
    got: list[Dataset] = []
    with taker(ExplicitVRLittleEndian, got=got) as pacs:
        pacs.store([write(capture, tmp_path / "capture.dcm")])
    (kept,) = got
    assert kept.PhotometricInterpretation == "RGB"
    assert kept.PlanarConfiguration == 0
    assert kept.LossyImageCompression == "01"
    assert np.abs(kept.pixel_array.astype(int) - picture).mean() < 3


def test_frames_that_cannot_be_decoded_are_named_and_the_rest_goes(tmp_path: Path):
    bad = tmp_path / "bad.dcm"
    bad.write_bytes(
        write(loop_in(JPEGLSLossless), bad).read_bytes().replace(b"\xff\xf7", b"\xff\x00")
    )
    good = write(make_loop(seed=1), tmp_path / "good.dcm")
    note = tmp_path / "note.txt"
    note.write_text("no DICOM")
    got: list[Dataset] = []
    with taker(ExplicitVRLittleEndian, got=got) as pacs:
        told = list(pacs.send([bad, note, good]))
    assert [type(one) for one in told] == [NotSent, NotSent, Receipt]
    assert [one.item for one in told[:2]] == [bad, note]
    assert len(got) == 1


def test_a_peer_that_takes_no_such_class_refuses_each_by_name(tmp_path: Path):
    path = write(make_loop(), tmp_path / "loop.dcm")
    ae = AE("ECHO")
    ae.add_supported_context("1.2.840.10008.1.1")
    with serving(ae) as pacs:
        (told,) = pacs.send([path])
        assert isinstance(told, NotSent)
        assert isinstance(told.error, RefusedError)
        with pytest.raises(RefusedError):
            pacs.store([path])


def test_more_contexts_than_an_association_holds_are_split_and_nothing_is_left_out():
    offers = [
        _Offer(item=None, sop_class=f"1.2.{n}", syntax=RLELossless, instance=f"1.3.{n}")
        for n in range(100)
    ]
    groups = list(_groups(offers))
    assert [offer for group in groups for offer in group] == offers
    for group in groups:
        contexts = {pair for offer in group for pair in offer.contexts}
        assert len(contexts) <= CONTEXTS_PER_ASSOCIATION
