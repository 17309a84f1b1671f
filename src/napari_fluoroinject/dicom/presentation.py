"""What a report shows on its loop, as a softcopy presentation state: shapes, texts, greys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.dicom.drawn_report import (
    Drawing,
    Figure,
    Layer,
    drawings,
    is_anything_drawn,
)
from napari_fluoroinject.dicom.graphic import graphic_data
from napari_fluoroinject.dicom.items import item, plain
from napari_fluoroinject.dicom.softcopy import (
    COLOUR_STORAGE,
    GREY_STORAGE,
    add_shutter,
    is_colour,
    presentation_state,
    referenced_frames,
    say_region,
    show_in_colour,
    show_in_grey,
)
from napari_fluoroinject.dicom.sr_statements import Omission

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydicom.dataset import Dataset

    from napari_fluoroinject.dicom.identity import Identity
    from napari_fluoroinject.model.report import Report

_LABEL = "FLUOROINJECT"
_LAYERS: dict[Layer, str] = {
    "SPREAD": "Contrast outlined: first seen, largest, last seen",
    "LANDMARKS": "Marked by a person, moved with the anatomy",
    "TARGET": "Marked by a person, moved with the anatomy",
    "NEEDLE": "Needle from hub to tip, where it was followed",
    "WARNINGS": "Warnings raised; none is not a finding",
}
_COLOURS_LAB: dict[Layer, tuple[float, float, float]] = {
    "SPREAD": (60.0, 98.0, -61.0),
    "LANDMARKS": (91.0, -48.0, -14.0),
    "TARGET": (88.0, -86.0, 83.0),
    "NEEDLE": (97.0, -22.0, 94.0),
    "WARNINGS": (75.0, 24.0, 79.0),
}
"""Magenta, cyan, green, yellow and orange: none is a grey of the picture."""
_WHITE_P_VALUE = 0xFFFF
_NOTICE_HEIGHT, _NOTICE_WIDTH, _MARGIN = 0.05, 0.9, 0.02
"""Of a line of words, in shares of the display."""
_LONGEST_TEXT = 1024
_NOTHING = "no needle, target, landmark, spread or warning is there to be drawn"


def encode_presentation(report: Report, identity: Identity) -> Dataset | None:
    """Encode needle, target, landmarks, spread and warnings as a presentation state of the loop.

    Grayscale Softcopy Presentation State (PS3.3 A.33.1), or Color (A.33.2) for a source in colour.
    Coordinates are 32-bit floats of the image's own pixels (PS3.3 C.10.5.1.2). `drawn_report` says
    what is drawn on which frame.

    Returns
    -------
    None where nothing is there to be drawn; see `presentation_omissions`.
    """
    if not is_anything_drawn(report):
        return None
    drawn = drawings(report)
    colour = is_colour(identity)
    dataset = presentation_state(
        identity,
        "presentation",
        COLOUR_STORAGE if colour else GREY_STORAGE,
        label=_LABEL,
        description="Needle, target, landmarks, contrast and warnings on the loop",
    )
    dataset.SeriesDescription = "Research: annotations"
    say_region(dataset, identity, report.procedure.anatomic_region)
    if colour:
        show_in_colour(dataset, identity)
    else:
        show_in_grey(dataset, identity)
    add_shutter(dataset, identity)
    dataset.GraphicLayerSequence = _layers(drawn)
    dataset.GraphicAnnotationSequence = [_annotation(one, identity) for one in drawn]
    return dataset


def presentation_omissions(report: Report) -> tuple[Omission, ...]:
    """Why there is no presentation state of a report; none where there is one."""
    return () if is_anything_drawn(report) else (Omission(name="Annotations", reason=_NOTHING),)


def _layers(drawn: Iterable[Drawing]) -> list[Dataset]:
    """The layers that are used, the lowest first (PS3.3 C.10.7)."""
    used = {one.layer for one in drawn}
    return [
        item(
            GraphicLayer=layer,
            GraphicLayerOrder=order,
            GraphicLayerRecommendedDisplayGrayscaleValue=_WHITE_P_VALUE,
            GraphicLayerRecommendedDisplayCIELabValue=_encoded_lab(_COLOURS_LAB[layer]),
            GraphicLayerDescription=plain(words, limit=64),
        )
        for order, (layer, words) in enumerate(_LAYERS.items(), start=1)
        if layer in used
    ]


def _encoded_lab(colour: tuple[float, float, float]) -> list[int]:
    """L from 0 to 100, a and b from -128 to 127, as 16 bits (PS3.3 C.10.7.1.1)."""
    light, a, b = colour
    scaled = (light / 100, (a + 128) / 255, (b + 128) / 255)
    return [round(0xFFFF * share) for share in scaled]


def _annotation(drawing: Drawing, identity: Identity) -> Dataset:
    annotation = item(GraphicLayer=drawing.layer)
    if drawing.frames is not None:
        annotation.ReferencedImageSequence = referenced_frames(identity, drawing.frames)
    shapes, texts = [], []
    for figure in drawing.figures:
        if figure.kind in ("TEXT", "NOTICE"):
            texts.append(_text(figure))
        else:
            shapes.append(_shape(figure, identity))
    if texts:
        annotation.TextObjectSequence = texts
    if shapes:
        annotation.GraphicObjectSequence = shapes
    return annotation


def _shape(figure: Figure, identity: Identity) -> Dataset:
    """PS3.3 C.10.5.1.2; a closed line is not filled."""
    data = graphic_data(figure.points_px).astype(np.float32)
    shape = item(
        GraphicAnnotationUnits="PIXEL",
        GraphicDimensions=2,
        NumberOfGraphicPoints=len(data),
        GraphicData=data.ravel().tolist(),
        GraphicType=figure.kind,
        TrackingID=figure.name,
        TrackingUID=identity.tracking_uid("drawn", figure.name),
    )
    first, last = figure.points_px[0], figure.points_px[-1]
    if figure.kind == "CIRCLE" or (len(data) > 1 and first == last):
        shape.GraphicFilled = "N"
    return shape


def _text(figure: Figure) -> Dataset:
    """A text by its point in the picture, or on its line at the top of the display."""
    text = item(UnformattedTextValue=plain(figure.words, limit=_LONGEST_TEXT))
    if figure.kind == "TEXT":
        text.AnchorPointAnnotationUnits = "PIXEL"
        anchor = graphic_data(figure.points_px[:1]).astype(np.float32)
        text.AnchorPoint = anchor.ravel().tolist()
        text.AnchorPointVisibility = "N"
        return text
    top = _MARGIN + _NOTICE_HEIGHT * figure.points_px[0][0]
    text.BoundingBoxAnnotationUnits = "DISPLAY"
    text.BoundingBoxTopLeftHandCorner = [_MARGIN, min(top, 1 - _NOTICE_HEIGHT)]
    text.BoundingBoxBottomRightHandCorner = [_NOTICE_WIDTH, min(top + _NOTICE_HEIGHT, 1.0)]
    text.BoundingBoxTextHorizontalJustification = "LEFT"
    return text
