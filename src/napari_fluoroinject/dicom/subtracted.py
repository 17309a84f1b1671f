"""A subtracted loop as one derived multi-frame image with real world values.

Stored value 32768, mid-grey, is no difference from the mask; contrast is darker. Stored value 0 is
padding (undefined).
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from pydicom.tag import Tag

from napari_fluoroinject.dicom import codes
from napari_fluoroinject.dicom.cine_attributes import add_times, decimal
from napari_fluoroinject.dicom.derived import (
    burned_in,
    derived_image,
    describe_capture,
    describe_pixels,
    describe_xray,
    is_xray,
    mask_items,
    real_world_values,
    say_comment,
    source_items,
)
from napari_fluoroinject.dicom.items import coded, plain
from napari_fluoroinject.errors import EncodingError
from napari_fluoroinject.model.subtracted import MIDDLE, STEP_LN, frames_where, numbered

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from napari_fluoroinject.dicom.identity import Identity
    from napari_fluoroinject.model.subtracted import SubtractedLoop

LABEL = "SUBTRACTED"
"""Last value of Image Type."""

_MOST_BYTES = 0xFFFFFFFE
"""Of uncompressed pixels: their length is an even number of 32 bits (PS3.5 7.1.2)."""
_LONGEST_DESCRIPTION = 1024
_LONGEST_SENTENCE = 400
"""A header may name a thousand ranges of frames, which the results need not repeat."""
_CONTRAST = (
    *("ContrastBolusAgent", "ContrastBolusAgentSequence", "ContrastBolusRoute"),
    *("ContrastBolusAdministrationRouteSequence", "ContrastBolusVolume", "ContrastBolusStartTime"),
    *("ContrastBolusStopTime", "ContrastBolusTotalDose", "ContrastFlowRate"),
    *("ContrastFlowDuration", "ContrastBolusIngredient", "ContrastBolusIngredientConcentration"),
)
"""Contrast/Bolus module (PS3.3 C.7.6.4): it shows in this picture as in its source."""


def encode_subtracted(made: SubtractedLoop, identity: Identity) -> Dataset:
    """Encode a subtracted loop.

    The class is X-Ray Angiographic Image, or multi-frame grayscale word Secondary Capture where
    the source is a Secondary Capture, states no Radiation Setting, or does not tell when its
    frames were taken: then the frames are numbered pages.

    Parameters
    ----------
    made
        The subtracted loop.
    identity
        Of its source.

    Raises
    ------
    EncodingError
        There are more pixels than one object can hold uncompressed.
    """
    if made.stored.nbytes > _MOST_BYTES:
        raise EncodingError(
            f"{made.stored.nbytes} bytes of pixels; one uncompressed object holds {_MOST_BYTES}: "
            "subtract a shorter part of the run"
        )
    timed = made.loop.times_s is not None
    as_xray = timed and is_xray(identity)
    dataset = derived_image(identity, "subtraction", made.loop, as_xray=as_xray)
    _say_burned_in(dataset, identity)
    dataset.SeriesDescription = "Research: subtracted"
    for keyword in _CONTRAST:
        if keyword in identity.source:
            dataset[keyword] = copy.deepcopy(identity.source[keyword])
    dataset.remove_private_tags()  # also inside the copied sequences
    _describe_derivation(dataset, made, identity)
    describe_pixels(dataset, made.stored.shape, made.stored.astype("<u2", copy=False).tobytes())
    dataset.RealWorldValueMappingSequence = [_mapping(made)]
    width = 2 * made.window_ln / STEP_LN
    dataset.WindowCenter, dataset.WindowWidth = str(MIDDLE), decimal(round(width))
    dataset.WindowCenterWidthExplanation = "Mid-grey: no difference"
    if as_xray:
        describe_xray(dataset, LABEL, made.loop, identity)
    else:
        describe_capture(dataset, LABEL, frames=len(made.stored))
    if timed:
        add_times(dataset, made.loop.times_s, len(made.stored))
    else:
        dataset.PageNumberVector = list(range(1, len(made.stored) + 1))
        dataset.FrameIncrementPointer = Tag("PageNumberVector")
    return dataset


def _say_burned_in(dataset: Dataset, identity: Identity) -> None:
    """What is burned into the source stays where it changes from frame to frame."""
    text = burned_in(identity)
    if text is None:
        del dataset.BurnedInAnnotation
    else:
        dataset.BurnedInAnnotation = text


def _describe_derivation(dataset: Dataset, made: SubtractedLoop, identity: Identity) -> None:
    undefined = frames_where(~made.subtracted)
    said = (
        f"Subtracted in the natural log of the beam: {made.told()}",
        made.moved(),
        f"stored value {MIDDLE} = no difference, contrast darker, 0 = undefined",
        "not corrected for scatter",
        *(() if made.loop.intensity.quantitative else ("RELATIVE: loop not quantitative",)),
        *((f"nothing to subtract from frames {numbered(undefined)}",) if undefined else ()),
    )
    said = tuple(plain(sentence, limit=_LONGEST_SENTENCE) for sentence in said)
    dataset.DerivationDescription = plain("; ".join(said), limit=_LONGEST_DESCRIPTION)
    dataset.DerivationCodeSequence = [coded(codes.SUBTRACTION)]
    sources = source_items(identity)
    in_mask_pose = made.motion is not None
    for source in () if in_mask_pose else sources:
        source.SpatialLocationsPreserved = "YES"
    dataset.SourceImageSequence = [
        *sources,
        *mask_items(identity, made.mask_frames, same_place=in_mask_pose),
    ]
    say_comment(dataset, said, identity)


def _mapping(made: SubtractedLoop) -> Dataset:
    quantitative = made.loop.intensity.quantitative
    return real_world_values(
        intercept=-MIDDLE * STEP_LN,
        slope=STEP_LN,
        label="LN_DIFFERENCE" if quantitative else "LN_DIFF_REL",
        explanation=(
            "ln of the beam less that of the mask; contrast is negative"
            if quantitative
            else "RELATIVE: grey values of unknown or display scale"
        ),
        unit=codes.NO_UNITS if quantitative else codes.ARBITRARY,
        quantity=codes.private("ln-difference" if quantitative else "ln-diff-relative"),
    )
