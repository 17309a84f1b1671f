"""The frames that matter, as a Key Object Selection: where to look, and why there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_fluoroinject.dicom import codes
from napari_fluoroinject.dicom.header import referenced, result_header
from napari_fluoroinject.dicom.items import coded, item, plain
from napari_fluoroinject.dicom.observer import device_observer
from napari_fluoroinject.dicom.sr_document import list_evidence
from napari_fluoroinject.model.key_frame import fullest_frame, shows_run_off
from napari_fluoroinject.model.needle import Needle

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydicom.dataset import Dataset

    from napari_fluoroinject.dicom.identity import Identity
    from napari_fluoroinject.model.report import Report

KEY_OBJECT_SELECTION_STORAGE = "1.2.840.10008.5.1.4.1.1.88.59"

_FOR_RESEARCH = (
    "Selected by research software, not for clinical decisions. Frames that are not listed are "
    "not cleared; watch the loop itself."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFrames:
    """Frames of the loop, from 0 and rising, and why they matter."""

    frames: tuple[int, ...]
    why: str


def key_frames(report: Report) -> tuple[KeyFrames, ...]:
    """Return the frames that matter: those of warnings first, then those that were measured on."""
    return (
        *_warned(report),
        *_measured(report),
    )


def encode_key_objects(
    report: Report, identity: Identity, *, evidence: Sequence[Dataset] = ()
) -> Dataset:
    """Encode the frames that matter as a Key Object Selection "Of Interest" (PS3.16 TID 2010).

    Why each frame matters stands in the one description: the template forbids a purpose of
    reference with an image, and the class anything below one (PS3.3 A.35.4.3.1). A frame that
    matters for several reasons is referred to once, for the first.

    Parameters
    ----------
    report
        The analysed loop.
    identity
        Of its source.
    evidence
        Other results of the same report, which are referred to as well; as they are written.
    """
    dataset = result_header(identity, "key objects", KEY_OBJECT_SELECTION_STORAGE, modality="KO")
    dataset.SeriesDescription = "Research: frames of interest"
    list_evidence(dataset, identity, evidence)
    chosen = key_frames(report)
    dataset.ValueType = "CONTAINER"
    dataset.ConceptNameCodeSequence = [coded(codes.OF_INTEREST)]
    dataset.ContinuityOfContent = "SEPARATE"
    dataset.ContentTemplateSequence = [item(MappingResource="DCMR", TemplateIdentifier="2010")]
    dataset.ContentSequence = [
        *device_observer(report.provenance),
        _description(chosen, report.loop.shape[0], evidence),
        *_images(chosen, identity),
        # The template's order: images before other objects.
        *(_reference("IMAGE", referenced(one)) for one in evidence if "Rows" in one),
        *(_reference("COMPOSITE", referenced(one)) for one in evidence if "Rows" not in one),
    ]
    return dataset


def _warned(report: Report) -> Iterator[KeyFrames]:
    for finding in report.findings:
        if finding.frames is not None:
            name = codes.warning(finding.id).meaning
            yield _span(finding.frames, f"Warning, {finding.severity}: {name}")
    raised = any(finding.id == "vascular_uptake" for finding in report.findings)
    if not raised and shows_run_off(report) and report.run_off.frames is not None:
        yield _span(report.run_off.frames, "Possible vascular run-off")


def _measured(report: Report) -> Iterator[KeyFrames]:
    masks, onset = report.injection.mask_frames, report.injection.onset_frame
    if masks:
        yield KeyFrames(frames=tuple(sorted(masks)), why="Before contrast, averaged as the mask")
    if onset is not None:
        yield KeyFrames(frames=(onset,), why="First frame in which contrast was seen")
    if isinstance(report.needle, Needle):
        how = "marked by a person" if report.needle.source == "given" else "found by the software"
        yield KeyFrames(frames=(report.needle.frame,), why=f"Needle as reported, {how}")
    if (fullest := fullest_frame(report)) is not None:
        yield KeyFrames(frames=(fullest,), why="Most contrast")
    if not masks and onset is None and not isinstance(report.needle, Needle):
        frames = tuple(range(report.loop.shape[0]))
        yield KeyFrames(frames=frames, why="Nothing was measured on any frame")


def _span(frames: tuple[int, int], why: str) -> KeyFrames:
    return KeyFrames(frames=tuple(range(frames[0], frames[1] + 1)), why=why)


def _description(
    chosen: tuple[KeyFrames, ...], frames: int, evidence: Sequence[Dataset]
) -> Dataset:
    lines = [f"{_numbers(one.frames)} of {frames}: {one.why}." for one in chosen]
    also = f" {len(evidence)} results of the software are listed as well." if evidence else ""
    return item(
        RelationshipType="CONTAINS",
        ValueType="TEXT",
        ConceptNameCodeSequence=[coded(codes.KEY_OBJECT_DESCRIPTION)],
        TextValue=plain(f"{_FOR_RESEARCH} {' '.join(lines)}{also}"),
    )


def _numbers(frames: tuple[int, ...]) -> str:
    """Frames as viewers count them, from 1: runs as first to last."""
    runs: list[list[int]] = []
    for frame in frames:
        if runs and frame == runs[-1][-1] + 1:
            runs[-1][1:] = [frame]
        else:
            runs.append([frame])
    told = ", ".join(" to ".join(str(frame + 1) for frame in run) for run in runs)
    return f"Frame {told}" if len(frames) == 1 else f"Frames {told}"


def _images(chosen: tuple[KeyFrames, ...], identity: Identity) -> Iterator[Dataset]:
    """One item per reason and instance, with the frames that no earlier reason has."""
    listed: set[int] = set()
    for one in chosen:
        fresh = [frame for frame in one.frames if frame not in listed]
        listed.update(fresh)
        references = [identity.frame(frame) for frame in fresh]
        numbers = [one.frame_number for one in references if one.frame_number is not None]
        # Of a multi-frame instance all frames in one item; single frames are instances each.
        for reference in references[:1] if numbers else references:
            image = item(
                ReferencedSOPClassUID=reference.sop_class_uid,
                ReferencedSOPInstanceUID=reference.sop_instance_uid,
            )
            if numbers:
                image.ReferencedFrameNumber = numbers
            yield _reference("IMAGE", image)


def _reference(value_type: str, target: Dataset) -> Dataset:
    return item(RelationshipType="CONTAINS", ValueType=value_type, ReferencedSOPSequence=[target])
