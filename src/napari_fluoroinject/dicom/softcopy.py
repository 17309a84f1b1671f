"""How a presentation state shows its source: relationship, look-up tables, shutter, area."""

from __future__ import annotations

import copy
from fractions import Fraction
from math import isfinite
from typing import TYPE_CHECKING

from pydicom.dataset import Dataset
from pydicom.uid import UID

from napari_fluoroinject.dicom.attributes import macro_items, numbers, stated, text, texts
from napari_fluoroinject.dicom.header import referenced_series, result_header, say_side, say_where
from napari_fluoroinject.dicom.icc import srgb_input_profile
from napari_fluoroinject.dicom.items import item, plain
from napari_fluoroinject.dicom.luts import lut_item
from napari_fluoroinject.dicom.raw_items import elements_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_fluoroinject.dicom.identity import Identity

GREY_STORAGE = UID("1.2.840.10008.5.1.4.1.1.11.1")
COLOUR_STORAGE = UID("1.2.840.10008.5.1.4.1.1.11.2")
XA_XRF_STORAGE = UID("1.2.840.10008.5.1.4.1.1.11.5")
"""Classes of presentation states (PS3.4 B.5)."""
SECONDARY_CAPTURES = "1.2.840.10008.5.1.4.1.1.7"
"""The single-frame class; the multi-frame ones lie below it."""

_BLACK_P_VALUE = 0
_BLACK_LAB = [0, 0x8080, 0x8080]
"""CIELab as presentation states carry it (PS3.3 C.10.7.1.1)."""
_SHUTTER = (
    *("ShutterShape", "ShutterLeftVerticalEdge", "ShutterRightVerticalEdge"),
    *("ShutterUpperHorizontalEdge", "ShutterLowerHorizontalEdge", "CenterOfCircularShutter"),
    *("RadiusOfCircularShutter", "VerticesOfThePolygonalShutter"),
)
_SHUTTER_SHAPES = {
    "RECTANGULAR": _SHUTTER[1:5],
    "CIRCULAR": _SHUTTER[5:7],
    "POLYGONAL": _SHUTTER[7:],
}
_VOI_FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
_SPACINGS = ("ImagerPixelSpacing", "PixelSpacing", "NominalScannedPixelSpacing")
_LARGEST_ASPECT = 1000


def presentation_state(
    identity: Identity, kind: str, sop_class_uid: str, *, label: str, description: str
) -> Dataset:
    """Return a new presentation state of the whole loop that shows it as it shows itself.

    It has identification, relationship, displayed area and shutter (PS3.3 C.11.10 to C.11.12,
    C.10.4); no spatial transformation, and no grey or colour transformation yet.

    Parameters
    ----------
    identity
        Of the result.
    kind
        Names the series, see `header.result_header`.
    sop_class_uid
        Of the presentation state.
    label
        What it is called, as CS: at most 16 capitals, digits and underscores.
    description
        What it shows, in at most 64 characters.
    """
    dataset = result_header(identity, kind, sop_class_uid, modality="PR")
    for keyword in ("ContentDate", "ContentTime"):  # of images and documents
        del dataset[keyword]
    dataset.PresentationCreationDate = dataset.SeriesDate
    dataset.PresentationCreationTime = dataset.SeriesTime
    dataset.ContentLabel, dataset.ContentDescription = label, plain(description, limit=64)
    dataset.ContentCreatorName = None  # type 2 in editions that are in use
    dataset.ReferencedSeriesSequence = referenced_series(
        identity.headers, instances="ReferencedImageSequence"
    )
    source = identity.source
    dataset.DisplayedAreaSelectionSequence = [
        item(
            DisplayedAreaTopLeftHandCorner=[1, 1],
            DisplayedAreaBottomRightHandCorner=[int(source.Columns), int(source.Rows)],
            PresentationSizeMode="SCALE TO FIT",
            PresentationPixelAspectRatio=_aspect_ratio(source),
        )
    ]
    return dataset


def say_region(
    dataset: Dataset, identity: Identity, region: tuple[str, str, str] | None = None
) -> None:
    """Write body part and, where the part is paired or unknown, its side."""
    say_where(dataset, identity, region)
    say_side(dataset, identity)


def is_colour(identity: Identity) -> bool:
    """Whether the source is in colour, where no grey transformation applies (PS3.3 A.33.2)."""
    return not str(identity.source.get("PhotometricInterpretation")).startswith("MONOCHROME")


def is_capture(sop_class_uid: str) -> bool:
    """Whether this is a class of secondary captures."""
    return f"{sop_class_uid}.".startswith(f"{SECONDARY_CAPTURES}.")


def show_in_grey(dataset: Dataset, identity: Identity) -> None:
    """Modality, VOI and presentation LUT of the source (PS3.4 N.2.1; PS3.3 C.11.1, .6, .8).

    A presentation state replaces all transformations of its images: what it does not name is an
    identity. The Modality LUT of X-ray images leads back to the beam and is not for display (PS3.3
    C.8.7.1.1.2): it is left out, as for viewing without a presentation state.
    """
    if is_capture(str(identity.source.SOPClassUID)):
        dataset.update(_modality_lut(identity))
    windows = voi_items(identity)
    if windows:
        dataset.SoftcopyVOILUTSequence = windows
    dataset.PresentationLUTShape = presentation_shape(identity)


def show_in_colour(dataset: Dataset, identity: Identity) -> None:
    """The colours of the source (PS3.3 C.11.15): its own profile, else sRGB."""
    own = identity.source.get("ICCProfile")
    usable = isinstance(own, bytes) and own[12:20] == b"scnrRGB "
    dataset.ICCProfile = own if usable else srgb_input_profile()


def add_shutter(dataset: Dataset, identity: Identity) -> None:
    """The source's display shutter, where it has one for all frames (PS3.3 C.7.6.11, C.11.12)."""
    shutter = source_shutter(identity)
    if shutter is None:
        return
    dataset.update(shutter)
    dataset.ShutterPresentationValue = _shutter_value(identity.source)
    if is_colour(identity):
        dataset.ShutterPresentationColorCIELabValue = _BLACK_LAB


def source_shutter(identity: Identity) -> Dataset | None:
    """Shape and geometry of the one shutter that all frames have; None where there is none."""
    found = [
        shutter
        for header in identity.headers
        for place in (macro_items(header, "FrameDisplayShutterSequence") or (header,))
        for shutter in [_shutter(place)]
    ]
    return found[0] if found and all(shutter == found[0] for shutter in found) else None


def presentation_shape(identity: Identity) -> str:
    """Whether large values are shown bright (IDENTITY) or dark (INVERSE)."""
    source = identity.source
    inverse = (
        source.get("PhotometricInterpretation") == "MONOCHROME1"
        or source.get("PresentationLUTShape") == "INVERSE"
    )
    return "INVERSE" if inverse else "IDENTITY"


def voi_items(identity: Identity, frames: Iterable[int] | None = None) -> list[Dataset]:
    """Windows or VOI LUTs of the source, each with the frames that it is for.

    Of several windows the first is taken, and a VOI LUT goes before windows: a presentation state
    has one for each frame (PS3.3 C.11.8).

    Parameters
    ----------
    identity
        Of the result.
    frames
        For which it is asked, from 0; None = for all, without naming them where they are alike.
    """
    wanted = range(identity.frames) if frames is None else sorted(frames)
    by_content: dict[bytes, tuple[Dataset, list[int]]] = {}
    for frame, place in _voi_places(identity, wanted):
        voi = _voi(place)
        if voi is not None:
            by_content.setdefault(elements_of(voi), (voi, []))[1].append(frame)
    made = []
    for voi, meant in by_content.values():
        if frames is not None or len(meant) < identity.frames:
            voi.ReferencedImageSequence = referenced_frames(identity, meant)
        made.append(voi)
    return made


def referenced_frames(identity: Identity, frames: Sequence[int]) -> list[Dataset]:
    """Refer to frames, from 0: one item per instance (PS3.3 table 10-3)."""
    numbers_of: dict[tuple[str, str], list[int]] = {}
    for reference in (identity.frame(frame) for frame in frames):
        uids = reference.sop_class_uid, reference.sop_instance_uid
        named = numbers_of.setdefault(uids, [])
        if reference.frame_number is not None:
            named.append(reference.frame_number)
    images = []
    for (sop_class_uid, sop_instance_uid), named in numbers_of.items():
        images.append(
            item(ReferencedSOPClassUID=sop_class_uid, ReferencedSOPInstanceUID=sop_instance_uid)
        )
        if named:
            images[-1].ReferencedFrameNumber = named
    return images


def _voi_places(identity: Identity, frames: Iterable[int]) -> Iterable[tuple[int, Dataset]]:
    """Where the window of each frame stands: in its own object or functional group, or on top."""
    if len(identity.headers) > 1:
        return [(frame, identity.headers[frame]) for frame in frames]
    source = identity.source
    shared = [
        found
        for group in source.get("SharedFunctionalGroupsSequence") or ()
        for found in group.get("FrameVOILUTSequence") or ()
    ]
    single = [
        (group.get("FrameVOILUTSequence") or [None])[0]
        for group in source.get("PerFrameFunctionalGroupsSequence") or ()
    ]
    usual = shared[0] if shared else source
    return [(frame, (single[frame] if frame < len(single) else None) or usual) for frame in frames]


def _voi(place: Dataset) -> Dataset | None:
    for lut in place.get("VOILUTSequence") or ():
        table = lut_item(lut)
        if table is not None:
            return item(VOILUTSequence=[table])
    try:
        centres, widths = numbers(place, "WindowCenter"), numbers(place, "WindowWidth")
    except ValueError:
        return None
    function = text(place, "VOILUTFunction")
    known = function in _VOI_FUNCTIONS
    least = 1.0 if function in (None, "LINEAR") or not known else 0.0
    if not centres or not widths or not isfinite(centres[0]) or not least <= widths[0] < 1e15:
        return None
    if widths[0] == 0:
        return None
    voi = item(WindowCenter=_ds(centres[0]), WindowWidth=_ds(widths[0]))
    if known:
        voi.VOILUTFunction = function
    said = texts(place, "WindowCenterWidthExplanation")
    if said and said[0].strip() and said[0].isascii():
        voi.WindowCenterWidthExplanation = plain(said[0], limit=64)
    return voi


def _modality_lut(identity: Identity) -> Dataset:
    """Rescale or table of a capture, where all its instances agree."""
    found = [_own_modality_lut(header) for header in identity.headers]
    return found[0] if all(lut == found[0] for lut in found) else Dataset()


def _own_modality_lut(header: Dataset) -> Dataset:
    for lut in header.get("ModalityLUTSequence") or ():
        table = lut_item(lut)
        if table is not None:
            table.ModalityLUTType = plain(text(lut, "ModalityLUTType") or "US", limit=64)
            return item(ModalityLUTSequence=[table])
    try:
        slope, intercept = numbers(header, "RescaleSlope"), numbers(header, "RescaleIntercept")
    except ValueError:
        return Dataset()
    if not slope or not intercept or not isfinite(slope[0] * intercept[0]) or slope[0] == 0:
        return Dataset()
    return item(
        RescaleIntercept=_ds(intercept[0]),
        RescaleSlope=_ds(slope[0]),
        RescaleType=plain(text(header, "RescaleType") or "US", limit=64),
    )


def _shutter(place: Dataset) -> Dataset | None:
    """A copy of a shutter whose geometry is there in full."""
    shapes = [shape for shape in texts(place, "ShutterShape") if shape.strip()]
    needed = [keyword for shape in shapes for keyword in _SHUTTER_SHAPES.get(shape, ("",))]
    if not needed or not all(keyword and place.get(keyword) is not None for keyword in needed):
        return None
    shutter = Dataset()
    for keyword in ("ShutterShape", *needed):
        shutter[keyword] = copy.deepcopy(place[keyword])
    return shutter


def _shutter_value(source: Dataset) -> int:
    value = source.get("ShutterPresentationValue")
    return value if isinstance(value, int) and 0 <= value <= 0xFFFF else _BLACK_P_VALUE


def _aspect_ratio(source: Dataset) -> list[int]:
    """Height over width of a pixel, as two whole numbers (PS3.3 C.7.6.3.1.7)."""
    try:
        own = numbers(source, "PixelAspectRatio")
        spacings = [
            *(numbers(source, keyword) for keyword in _SPACINGS),
            *stated(source, "FramePixelDataPropertiesSequence", "ImagerPixelSpacing"),
        ]
    except ValueError:
        return [1, 1]
    for pair in (own, *spacings):
        if len(pair) == 2 and all(isfinite(side) and side > 0 for side in pair):
            ratio = Fraction(pair[0] / pair[1]).limit_denominator(_LARGEST_ASPECT)
            return [max(ratio.numerator, 1), ratio.denominator]
    return [1, 1]


def _ds(value: float) -> str:
    """A number of at most 16 characters (PS3.5 6.2, VR DS)."""
    exact = f"{value:.15g}"
    return exact if len(exact) <= 16 else f"{value:.9g}"
