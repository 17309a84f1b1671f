"""Frames are decoded by what was asked for, and a result says which it was.

nvImageCodec needs a device, so a module with its face, over the processor's decoders, stands in.
"""

from __future__ import annotations

import sys
import threading
from types import SimpleNamespace

import imagecodecs
import numpy as np
import pytest
from pydicom.uid import (
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)
from small_loops import picture, small_loop, small_object, written

from napari_fluoroinject.dicom import nvimgcodec
from napari_fluoroinject.dicom.decoder import ON_DEVICE, check_decoder
from napari_fluoroinject.dicom.read import read_loop
from napari_fluoroinject.errors import BackendUnavailableError, UnreadableObjectError

DEVICE = "nvimgcodec 0.9.0"
PROCESSOR = f"imagecodecs {imagecodecs.__version__}"


class Image:
    """A picture on a device, columns x rows x 1 as the library shapes it."""

    def __init__(self, samples):
        self._samples = samples[..., None]

    def cpu(self):
        return self._samples


class Library:
    """As much of nvidia.nvimgcodec 0.9 as is used; `spoil` changes what comes out."""

    __version__ = "0.9.0"
    ColorSpec = SimpleNamespace(UNCHANGED="unchanged")
    CodeStream = bytes

    def __init__(self, *, spoil=lambda samples: samples, fault=None):
        self.spoil, self.fault = spoil, fault
        self.batches = []
        self._busy = threading.Lock()

    def DecodeParams(self, **wishes):  # noqa: N802 - the library's own name
        assert wishes == {
            "apply_exif_orientation": False,
            "color_spec": "unchanged",
            "allow_any_depth": True,
        }
        return "params"

    def Decoder(self):  # noqa: N802 - likewise
        if self.fault:
            raise self.fault
        return self

    def decode(self, streams, *, params):
        assert params == "params"
        assert self._busy.acquire(blocking=False), "two threads in one decoder"
        try:
            self.batches.append(len(streams))
            return [self._one(stream) for stream in streams]
        finally:
            self._busy.release()

    def _one(self, stream):
        codec = (
            imagecodecs.jpeg8_decode if stream[:2] == b"\xff\xd8" else imagecodecs.jpeg2k_decode
        )
        try:
            return Image(self.spoil(codec(stream)))
        except Exception:
            return None  # as the library does


@pytest.fixture(autouse=True)
def closed():
    nvimgcodec.open_device.cache_clear()
    yield
    nvimgcodec.open_device.cache_clear()


@pytest.fixture
def installed(monkeypatch):
    def put(library):
        monkeypatch.setitem(sys.modules, "nvidia", SimpleNamespace(nvimgcodec=library))
        monkeypatch.setitem(sys.modules, "nvidia.nvimgcodec", library)
        return library

    return put


def file_of(folder, syntax, frames=40, **options):
    loop = small_loop(12, "linear", stored=picture(12, frames), **options)
    return written(folder, small_object(loop, transfer_syntax=syntax))


@pytest.mark.parametrize("syntax", [JPEGLosslessSV1, JPEG2000Lossless, HTJ2KLossless])
def test_a_device_decodes_in_batches_what_the_processor_decodes(tmp_path, installed, syntax):
    library = installed(Library())
    loop = read_loop(file_of(tmp_path, syntax), decoder="nvimgcodec")
    assert loop.decoder == DEVICE
    library.batches.clear()
    np.testing.assert_array_equal(loop.frames.every(), picture(12, 40))
    assert sorted(library.batches) == [8, 16, 16]
    np.testing.assert_array_equal(loop.frames.frame(-1), picture(12, 40)[-1])


@pytest.mark.parametrize("wish", ["cpu", None])
def test_a_device_that_nobody_asked_for_decodes_nothing(tmp_path, installed, wish):
    library = installed(Library())
    path = file_of(tmp_path, JPEGLosslessSV1)
    loop = read_loop(path) if wish is None else read_loop(path, decoder=wish)
    loop.frames.every()
    assert loop.decoder == PROCESSOR
    assert library.batches == []


def test_frames_that_are_not_coded_have_no_decoder(tmp_path, installed):
    installed(None)
    loop = read_loop(file_of(tmp_path, ExplicitVRLittleEndian), decoder="auto")
    assert loop.decoder is None


def test_without_the_library_the_extra_to_install_is_named(tmp_path, installed):
    installed(None)  # None in sys.modules is an ImportError
    with pytest.raises(BackendUnavailableError, match=r"nvimgcodec13.*--decoder cpu"):
        read_loop(file_of(tmp_path, JPEGLosslessSV1), decoder="nvimgcodec")
    with pytest.raises(BackendUnavailableError, match="nvimgcodec13"):
        check_decoder("nvimgcodec")
    check_decoder("auto")
    assert read_loop(file_of(tmp_path, JPEGLosslessSV1), decoder="auto").decoder == PROCESSOR


def test_a_device_that_cannot_be_used_is_told_in_the_librarys_words(tmp_path, installed):
    installed(Library(fault=RuntimeError("CUDA Runtime failure: '#35'")))
    with pytest.raises(BackendUnavailableError, match=r"no CUDA device.*'#35'.*--decoder cpu"):
        read_loop(file_of(tmp_path, JPEGLosslessSV1), decoder="nvimgcodec")
    assert read_loop(file_of(tmp_path, JPEGLosslessSV1), decoder="auto").decoder == PROCESSOR


@pytest.mark.parametrize("syntax", [JPEGLSLossless, RLELossless])
def test_a_syntax_that_the_device_does_not_decode_is_refused_or_left(tmp_path, installed, syntax):
    installed(Library())
    path = file_of(tmp_path, syntax)
    assert syntax not in ON_DEVICE
    with pytest.raises(UnreadableObjectError, match=f"{syntax.name}.*--decoder cpu"):
        read_loop(path, decoder="nvimgcodec")
    assert read_loop(path, decoder="auto").decoder == PROCESSOR


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda samples: samples + 1, "other samples than the processor's"),
        (lambda samples: samples << 4, "other samples"),
        (lambda samples: samples[:-1], "a picture of shape"),
        (lambda samples: samples.astype(np.uint8), "samples of uint8"),
    ],
)
def test_a_device_that_decodes_otherwise_than_the_processor_is_not_taken(
    tmp_path, installed, spoil, told
):
    installed(Library(spoil=spoil))
    path = file_of(tmp_path, JPEGLosslessSV1)
    with pytest.raises(UnreadableObjectError, match=f"{DEVICE}.*{told}"):
        read_loop(path, decoder="nvimgcodec")
    loop = read_loop(path, decoder="auto")
    assert loop.decoder == PROCESSOR
    np.testing.assert_array_equal(loop.frames.every(), picture(12, 40))


def test_a_frame_of_a_batch_that_the_device_cannot_decode_is_named(tmp_path, installed):
    bad = picture(12, 20)[17]

    def fail(samples):
        if np.array_equal(samples, bad):
            raise ValueError
        return samples

    installed(Library(spoil=fail))
    loop = read_loop(file_of(tmp_path, JPEGLosslessSV1, 20), decoder="nvimgcodec")
    with pytest.raises(UnreadableObjectError, match="frame number 18: nvImageCodec cannot"):
        loop.frames.every()
    np.testing.assert_array_equal(loop.frames.frame(16), picture(12, 20)[16])
