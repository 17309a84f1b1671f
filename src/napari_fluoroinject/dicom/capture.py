"""A drawn picture as a colour Secondary Capture: for systems that show no other result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from napari_fluoroinject.dicom import codes
from napari_fluoroinject.dicom.derived import (
    burned_in,
    mask_items,
    say_comment,
    say_place,
    source_items,
)
from napari_fluoroinject.dicom.header import result_header
from napari_fluoroinject.dicom.items import coded, plain
from napari_fluoroinject.errors import EncodingError
from napari_fluoroinject.model.key_frame import key_frame

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from napari_fluoroinject.dicom.identity import Identity
    from napari_fluoroinject.model.report import Report

CaptureName = Literal["key_image", "color_map"]
CAPTURES: tuple[CaptureName, ...] = ("key_image", "color_map")
"""In the order of their instance numbers."""

SC_STORAGE = "1.2.840.10008.5.1.4.1.1.7"


def encode_capture(
    report: Report, identity: Identity, name: CaptureName, picture: npt.NDArray[np.uint8]
) -> Dataset:
    """Encode a picture as a Secondary Capture, RGB with 8 bits per sample (PS3.3 A.8.1).

    It shows pixels of the source, so that it says of burned-in text what the source says; where
    the source says nothing, neither does the capture.

    Parameters
    ----------
    report
        The analysed loop.
    identity
        Of its source.
    name
        What the picture shows.
    picture
        (rows, columns, 3) uint8, red, green and blue; nothing of the patient is drawn in it.

    Raises
    ------
    EncodingError
        The picture is none of that kind.
    """
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise EncodingError(
            f"a picture of shape {picture.shape} and type {picture.dtype}; expected "
            "(rows, columns, 3) of 8 bits, red, green and blue"
        )
    modality = str(identity.source.get("Modality") or "OT")
    dataset = result_header(identity, "captures", SC_STORAGE, modality=modality, name=name)
    dataset.SeriesDescription = "Research: pictures"
    dataset.InstanceNumber = 1 + CAPTURES.index(name)
    say_place(dataset, identity, report.loop, report.procedure.anatomic_region)
    if (text := burned_in(identity)) is not None:
        dataset.BurnedInAnnotation = text
    dataset.ImageType = ["DERIVED", "SECONDARY", "OTHER", name.upper()]
    dataset.ConversionType = "WSD"
    dataset.PatientOrientation = []  # 2C and unknown: empty
    _describe_derivation(dataset, report, identity, name)
    _describe_pixels(dataset, picture)
    return dataset


def _describe_derivation(
    dataset: Dataset, report: Report, identity: Identity, name: CaptureName
) -> None:
    _, rows, columns = report.loop.shape
    place = f"in the top left {columns} x {rows} pixels, at its own resolution"
    sources = source_items(identity)
    if name == "key_image":
        frame, why = key_frame(report)
        said = f"Frame {frame + 1} {place}: {why}; marks and words are drawn in"
        shown = identity.frame(frame)
        sources = [one for one in sources if _is_of(one, shown.sop_instance_uid)]
        if shown.frame_number is not None:
            sources[0].ReferencedFrameNumber = shown.frame_number
    else:
        said = f"Arrival of contrast in colours over a frame before it, {place}"
        sources += mask_items(identity, report.injection.mask_frames, same_place=False)
        dataset.DerivationCodeSequence = [coded(codes.PERFUSION_ANALYSIS)]
    dataset.DerivationDescription = plain(said, limit=1024)
    dataset.SourceImageSequence = sources
    say_comment(dataset, (said, "for eyes only, not to be measured in"), identity)


def _is_of(source: Dataset, sop_instance_uid: str) -> bool:
    return str(source.ReferencedSOPInstanceUID) == sop_instance_uid


def _describe_pixels(dataset: Dataset, picture: npt.NDArray[np.uint8]) -> None:
    """Image Pixel module of a colour image, sample by sample (PS3.3 C.7.6.3)."""
    dataset.SamplesPerPixel = 3
    dataset.PhotometricInterpretation = "RGB"
    dataset.PlanarConfiguration = 0
    dataset.Rows, dataset.Columns = picture.shape[:2]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.PixelRepresentation = 0
    content = picture.tobytes()
    dataset.PixelData = content + b"\0" * (len(content) % 2)
    dataset["PixelData"].VR = "OB"
