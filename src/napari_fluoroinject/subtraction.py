"""Subtracted loops: find loops, subtract the masks asked for, keep the results."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fluoroinject.analysis.subtract import subtract_loop
from napari_fluoroinject.compute.backend import Wish, choose
from napari_fluoroinject.dicom.decoder import DecoderWish, check_decoder
from napari_fluoroinject.dicom.read import LoopFiles, read_loop
from napari_fluoroinject.dicom.read_presentation import masks_presented
from napari_fluoroinject.errors import PresentationError
from napari_fluoroinject.model.annotation import Annotation, MaskSource
from napari_fluoroinject.results import SubtractionResult, save_subtraction
from napari_fluoroinject.sources import (
    Progress,
    check_one_for_all,
    check_writable,
    decoder_for,
    for_each,
    loops_in,
    silent,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.model.cine import CineLoop
    from napari_fluoroinject.model.drawn import Presentation
    from napari_fluoroinject.model.subtracted import SubtractedLoop


@dataclass(frozen=True, slots=True, kw_only=True)
class SubtractionRequest:
    """What a person asked for.

    `mask` is whose masks are subtracted; None = those found in the picture, but the header's where
    frames are left as stored. `mask_frames` are the mask frames themselves, rising and counted
    from 0, in place of `mask`, for one loop. `as_stored` corrects no motion: masks are moved as
    the header says. `presentation` is the file of a presentation state whose masks, ranges and
    shifts are used in place of all that: frames are left as stored.
    """

    mask: MaskSource | None = None
    mask_frames: tuple[int, ...] = ()
    as_stored: bool = False
    presentation: Path | None = None
    on: Wish = "auto"
    decoder: DecoderWish = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubtractionOutcome:
    """What a run did: a subtracted loop for each loop, and (name, message) for each failure."""

    results: tuple[SubtractionResult, ...]
    failures: tuple[tuple[str, str], ...]


def subtract_sources(
    sources: Sequence[str],
    request: SubtractionRequest,
    *,
    out: Path,
    progress: Progress = silent,
) -> SubtractionOutcome:
    """Subtract every loop that files and folders hold; what fails is named, the rest is done.

    Raises
    ------
    FluoroinjectError
        The backend or decoder is not there, or nothing can be written to `out`; masks were asked
        for both of a presentation state and of another source.
    """
    choose(request.on)
    check_decoder(request.decoder)
    _check(request)
    loops = list(loops_in(sources))
    found_loops = [found for found in loops if isinstance(found, LoopFiles)]
    check_one_for_all(Annotation(mask_frames=request.mask_frames), found_loops)
    if found_loops:
        check_writable(out)

    def work(found: LoopFiles, share: Progress) -> SubtractionResult:
        share("reading", 0.0)
        loop = read_loop(*found.paths, decoder=decoder_for(request.on, request.decoder))
        made = subtract_read(loop, request, progress=share)
        return save_subtraction(made, found.paths, out=out)

    results, failures = for_each(loops, work, progress)
    return SubtractionOutcome(results=results, failures=failures)


def subtract_read(
    loop: CineLoop, request: SubtractionRequest, *, progress: Progress = silent
) -> SubtractedLoop:
    """Subtract a loop that was read, as the request asks.

    Raises
    ------
    FluoroinjectError
        As `subtract_loop`, or the presentation state cannot be used.
    """
    presentation = request.presentation
    as_stored = request.as_stored or presentation is not None
    presented = None if presentation is None else masks_presented(loop, presentation)
    if presented is not None:
        loop = replace(loop, masks=presented.masks, notes=(*loop.notes, *presented.notes))
    made = subtract_loop(
        loop,
        on=choose(request.on),
        mask=request.mask or ("header" if as_stored else "found"),
        mask_frames=request.mask_frames,
        as_stored=as_stored,
        progress=progress,
    )
    return made if presented is None else _by_presentation(made, presented)


def _check(request: SubtractionRequest) -> None:
    """Masks come from one place alone."""
    named = [
        *([] if request.presentation is None else [request.presentation.name]),
        *([] if request.mask is None else [f"masks of {request.mask!r}"]),
        *(["mask frames"] if request.mask_frames else []),
    ]
    if len(named) > 1:
        raise PresentationError(
            f"seen {' and '.join(named)}; expected one of them, which says what is subtracted: "
            "a presentation state, a source of masks, or mask frames"
        )


def _by_presentation(made: SubtractedLoop, presented: Presentation) -> SubtractedLoop:
    """The same subtraction, saying whose masks those were."""
    parameters = (
        ("presentation", presented.sop_instance_uid),
        *(pair for pair in made.provenance.parameters if pair[0] != "mask"),
    )
    provenance = replace(made.provenance, parameters=parameters)
    return replace(made, mask_source="presentation", provenance=provenance)
