"""nvImageCodec, which decodes frames on an NVIDIA device."""

from __future__ import annotations

import threading
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluoroinject.errors import BackendUnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.dicom.decode import Samples
    from napari_fluoroinject.dicom.pixels import PixelFormat

_INSTEAD = "take --decoder cpu, which decodes the same"


class DeviceDecoder:
    """Decodes on the first CUDA device; `name` is what provenance tells."""

    def __init__(self, library: Any) -> None:
        self.name = f"nvimgcodec {library.__version__}"
        self._library = library
        # Samples as they are coded: neither scaled to 8 bits nor turned into colour.
        self._params = library.DecodeParams(
            apply_exif_orientation=False,
            color_spec=library.ColorSpec.UNCHANGED,
            allow_any_depth=True,
        )
        self._decoder = library.Decoder()
        self._lock = threading.Lock()

    def decode(self, encoded: Sequence[bytes], pixels: PixelFormat) -> list[Samples]:
        """Decode several grey frames at once, (rows, columns) each.

        Raises
        ------
        ValueError
            One of them cannot be decoded, or not to the declared size; the library raises kinds
            of its own.
        """
        with self._lock:
            streams = [self._library.CodeStream(one) for one in encoded]
            images = self._decoder.decode(streams, params=self._params)
            return [_samples(image, pixels) for image in images]


@cache
def open_device() -> DeviceDecoder:
    """Load nvImageCodec and open its decoder, once per process.

    Raises
    ------
    BackendUnavailableError
        The library or a device that it can use is not there.
    """
    try:
        library = import_module("nvidia.nvimgcodec")
    except ImportError as error:
        raise BackendUnavailableError(
            "nvImageCodec is not installed: pip install 'napari-fluoroinject[nvimgcodec13]' (or "
            f"[nvimgcodec12], after the CUDA version that nvidia-smi shows); or {_INSTEAD}"
        ) from error
    try:
        return DeviceDecoder(library)
    except RuntimeError as error:
        raise BackendUnavailableError(
            f"nvImageCodec {library.__version__} finds no CUDA device that it can use ({error}); "
            f"{_INSTEAD}"
        ) from error


def _samples(image: Any, pixels: PixelFormat) -> Samples:
    if image is None:
        raise ValueError("nvImageCodec cannot decode it")
    decoded = np.asarray(image.cpu())
    size = (pixels.rows, pixels.columns)
    if decoded.shape not in (size, (*size, 1)):
        raise ValueError(f"a picture of shape {decoded.shape} where {size} was declared")
    if decoded.dtype != pixels.sample_dtype:
        raise ValueError(f"samples of {decoded.dtype} where {pixels.sample_dtype} was declared")
    samples: Samples = decoded.reshape(size)
    return samples
