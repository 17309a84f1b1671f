"""Every object of a report, encoded together."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from napari_fluoroinject.dicom.capture import CAPTURES, encode_capture
from napari_fluoroinject.dicom.document import encode_pdf
from napari_fluoroinject.dicom.header import anatomic_region
from napari_fluoroinject.dicom.identity import identify, identify_loop
from napari_fluoroinject.dicom.key_objects import encode_key_objects
from napari_fluoroinject.dicom.maps import KINDS, encode_maps, map_kinds
from napari_fluoroinject.dicom.mask_presentation import (
    encode_masks,
    encode_subtraction_masks,
    mask_omissions,
)
from napari_fluoroinject.dicom.outputs import Outputs, Pictures
from napari_fluoroinject.dicom.parametric import encode_parametric_maps
from napari_fluoroinject.dicom.presentation import encode_presentation, presentation_omissions
from napari_fluoroinject.dicom.procedure_log import encode_log, log_omission
from napari_fluoroinject.dicom.seg import encode_segmentation
from napari_fluoroinject.dicom.segments import segments_of
from napari_fluoroinject.dicom.sr import encode_report
from napari_fluoroinject.dicom.sr_statements import Omission
from napari_fluoroinject.dicom.subtracted import encode_subtracted
from napari_fluoroinject.dicom.write import sealed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from pydicom.dataset import Dataset

    from napari_fluoroinject.dicom.identity import Identity
    from napari_fluoroinject.dicom.seg import SegProfile
    from napari_fluoroinject.dicom.seg_pixels import SegCompression, SegEncoding
    from napari_fluoroinject.dicom.write import EncodedObject
    from napari_fluoroinject.model.report import Report
    from napari_fluoroinject.model.subtracted import SubtractedLoop

_SEGMENTATIONS: tuple[SegEncoding, ...] = ("binary", "fractional", "labelmap")


def encode_results(
    report: Report,
    source_paths: Sequence[Path],
    *,
    outputs: Outputs | None = None,
    pictures: Pictures | None = None,
    content_time: datetime | None = None,
) -> tuple[EncodedObject, ...]:
    """Encode a report as all the objects that were asked for, the measurement report first.

    Same report, same source, same bytes: UIDs and dates are derived, no clock is read. What is
    not written, and why, is told by `omissions` and stands in the measurement report.

    Parameters
    ----------
    report
        The analysed loop.
    source_paths
        The file of the loop; for a loop of single frames one file per frame, in any order.
    outputs
        Which objects, and how; None = the usual ones.
    pictures
        What was drawn of the report; None = nothing, then no object holds a picture.
    content_time
        See `identity.identify`.

    Raises
    ------
    IdentityMismatchError
        The files are not those that the report was made from.
    EncodingError
        A value that DICOM cannot carry.
    """
    wanted = outputs or Outputs()
    identity = identify(report, source_paths, content_time=content_time)

    def closed(name: str, dataset: Dataset) -> EncodedObject:
        wanted.codes.put_into(dataset)
        return sealed(name, dataset)

    made = chain(
        _images(report, identity, wanted),
        _states(report, identity),
        _documents(report, identity, pictures or Pictures()),
    )
    results = [closed(name, dataset) for name, dataset in made]
    if "key_objects" in wanted.also:
        # A reader that does not know the class of a label map would refuse the whole selection.
        evidence = [one.dataset for one in results if one.name != "segmentation_labelmap"]
        chosen = encode_key_objects(report, identity, evidence=evidence)
        results.append(closed("key_objects", chosen))
    measured = encode_report(
        report,
        identity,
        evidence=[one.dataset for one in results],
        omissions=(*omissions(report, identity), *_unmade(report, identity, wanted, pictures)),
        sr_class=wanted.report_class,
    )
    return (closed("report", measured), *results)


def segmentation_object(
    report: Report,
    identity: Identity,
    *,
    profile: SegProfile = "strict",
    encoding: SegEncoding = "binary",
    compression: SegCompression = "rle",
) -> EncodedObject | None:
    """Encode a segmentation alone; None where there is nothing to mark.

    It is named `segmentation`, with `_fractional` or `_labelmap` where it is one, and lies in a
    series of its own for each encoding and profile.

    Parameters
    ----------
    report, identity, profile, encoding, compression
        As `encode_segmentation` takes them.
    """
    made = encode_segmentation(
        report, identity, profile=profile, encoding=encoding, compression=compression
    )
    name = "segmentation" if encoding == "binary" else f"segmentation_{encoding}"
    return None if made is None else sealed(name, made)


def encode_subtraction(
    made: SubtractedLoop, source_paths: Sequence[Path], *, content_time: datetime | None = None
) -> tuple[EncodedObject, ...]:
    """Encode a subtracted loop, and its masks and shifts as a presentation state of the loop.

    The second only where one may speak of that loop, see `mask_presentation.why_no_masks`. UIDs
    and dates are derived as above.

    Parameters
    ----------
    made
        The subtracted loop.
    source_paths, content_time
        As above.

    Raises
    ------
    IdentityMismatchError
        The files are not those that were subtracted.
    EncodingError
        There are more pixels than one object can hold.
    """
    identity = identify_loop(
        made.loop,
        source_paths,
        provenance=made.provenance,
        made_by=("subtraction", repr(made.masks)),
        content_time=content_time,
    )
    subtracted = sealed("subtracted", encode_subtracted(made, identity))
    masks = encode_subtraction_masks(made, identity)
    return (subtracted, *(() if masks is None else (sealed("subtracted_masks", masks),)))


def omissions(report: Report, identity: Identity | None = None) -> tuple[Omission, ...]:
    """Return the usual results that `encode_results` does not make of this report, and why.

    Parameters
    ----------
    report
        The analysed loop.
    identity
        Of its source; None = not known, then nothing is said of the log.
    """
    left_out = []
    if not segments_of(report):
        left_out.append(
            Omission(
                name="Segmentation",
                reason="no contrast region and no needle was found, so there is nothing to mark",
            )
        )
    given = {kind.name for kind in map_kinds(report)}
    reason = (
        "there are no usable frames before contrast"
        if report.maps is None
        else "the loop does not state when its frames were taken"
    )
    left_out.extend(
        Omission(name=f"Map of {kind.name.replace('_', ' ')}", reason=reason)
        for kind in KINDS
        if kind.name not in given
    )
    log = None if identity is None else log_omission(report, identity)
    left_out.extend(() if log is None else (log,))
    return (*left_out, *presentation_omissions(report), *mask_omissions(report))


def _unmade(
    report: Report, identity: Identity, wanted: Outputs, pictures: Pictures | None
) -> Iterator[Omission]:
    """What was asked for beside the usual objects, or drawn, and could not be made."""
    if pictures is not None and pictures.color_map is None:
        reason = "no contrast was seen to arrive, or there are no usable frames before it"
        yield Omission(name="Colour map", reason=reason)
    if "parametric_maps" in wanted.also and not _anatomy_known(report, identity):
        reason = "the class must name the anatomy, and neither the loop nor the procedure does"
        yield Omission(name="Parametric Maps", reason=reason)


def _anatomy_known(report: Report, identity: Identity) -> bool:
    """Whether Frame Anatomy can be told, which a Parametric Map must have (PS3.3 A.75)."""
    return anatomic_region(identity, report.procedure.anatomic_region) is not None


def _images(report: Report, identity: Identity, wanted: Outputs) -> Iterator[tuple[str, Dataset]]:
    """Segmentations and maps."""
    for encoding in _SEGMENTATIONS:
        name = "segmentation" if encoding == "binary" else f"segmentation_{encoding}"
        if encoding != "binary" and name not in wanted.also:
            continue
        made = encode_segmentation(report, identity, profile=wanted.seg_profile, encoding=encoding)
        if made is not None:
            yield name, made
    for kind, image in encode_maps(report, identity):
        yield f"map_{kind.name}", image
    if "parametric_maps" in wanted.also and _anatomy_known(report, identity):
        # The class cannot be without a plane, and this object is written only where asked for.
        for kind, image in encode_parametric_maps(report, identity, profile="viewer"):
            yield f"parametric_{kind.name}", image


def _states(report: Report, identity: Identity) -> Iterator[tuple[str, Dataset]]:
    """Presentation states and the log."""
    for name, encode in (
        ("presentation", encode_presentation),
        ("mask_presentation", encode_masks),
        ("procedure_log", encode_log),
    ):
        made = encode(report, identity)
        if made is not None:
            yield name, made


def _documents(
    report: Report, identity: Identity, pictures: Pictures
) -> Iterator[tuple[str, Dataset]]:
    """What was drawn."""
    for name in CAPTURES:
        picture = getattr(pictures, name)
        if picture is not None:
            yield name, encode_capture(report, identity, name, picture)
    if pictures.document is not None:
        yield "document", encode_pdf(report, identity, pictures.document)
