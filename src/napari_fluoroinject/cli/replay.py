"""`fluoroinject replay`: a recorded loop through the live maps, frame by frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from napari_fluoroinject.settings import Device  # noqa: TC001 - typer reads it when it runs

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.replay import Replay, ReplayedFrame

_MOST_NAMED = 10
_HEAD = " frame    time  state      shift, px       residual  area, px  opacity    took"
_CAUTION = (
    "Research software: nothing is judged here. The area is every pixel darker than the "
    "threshold, moving needle and gas included;"
)


def replay(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A file, or a folder that holds one loop.")
    ],
    *,
    on: Annotated[Device, typer.Option(help="Where the array work runs.")] = "auto",
    mask_frames: Annotated[
        int | None,
        typer.Option(
            min=6,
            max=16,
            help="Frames before contrast, after the first three; without it 12.",
        ),
    ] = None,
    every: Annotated[int, typer.Option(min=1, help="Print every so many frames.")] = 15,
) -> None:
    """Feed a loop frame by frame into the live maps, and print what each frame took.

    Maps are those of the picture, not corrected for scatter, and all that darkens counts: needle
    and gas that move, too. Contrast in the mask frames is lost. Nothing is warned of.
    """
    from napari_fluoroinject.workflow import replay as run

    def tell(frame: ReplayedFrame) -> None:
        number = frame.status.frame
        if number == 0:
            typer.echo(_HEAD)
        if number % every == 0 or not frame.status.locked:
            typer.echo(_line(frame))

    replayed = run(source, on=on, mask_frames=mask_frames, told=tell)
    last = replayed.frames[-1]
    if last.status.locked and last.status.frame % every:
        typer.echo(_line(last))
    typer.echo(_summary(replayed))


def _line(frame: ReplayedFrame) -> str:
    status = frame.status
    shift = "" if status.shift_px is None else "{:+6.2f} {:+6.2f}".format(*status.shift_px)
    residual = "" if status.residual is None else f"{status.residual:.2f}"
    opacity = "" if status.mean_opacity is None else f"{status.mean_opacity:.2f}"
    state, area = (status.phase, f"{status.area_px}") if status.locked else ("LOST", "")
    return (
        f"{status.frame + 1:6d} {status.time_s:6.2f}s  {state:9s}  {shift:13s}  {residual:>8s}  "
        f"{area:>8s}  {opacity:>7s}  {1e3 * frame.took_s:6.1f}ms"
    )


def _summary(replayed: Replay) -> str:
    """The table of times in Markdown, and what did not go well."""
    lines = ["", "| ms per frame | median | p99 | largest |", "|---|---|---|---|"]
    lines += [
        f"| {name} | {spent.median_ms:.1f} | {spent.p99_ms:.1f} | {spent.largest_ms:.1f} |"
        for name, spent in replayed.spent().items()
    ]
    count = len(replayed.frames)
    followed = 0 if replayed.snapshot is None else len(replayed.snapshot.frames)
    lines += [
        "",
        f"{count} frames, {followed} in the maps; lost by the registration: "
        f"{_named(replayed.lost)}.",
        f"Took longer than the time to the next frame: {_named(replayed.late)}.",
    ]
    if replayed.snapshot is None:
        lines.append("There are no maps: no frame came after the mask.")
    mask = [one.status.frame + 1 for one in replayed.frames if one.status.phase == "mask"]
    if mask:
        lines.append(f"{_CAUTION} contrast in the mask, frames {mask[0]} to {mask[-1]}, is lost.")
    return "\n".join(lines)


def _named(frames: tuple[int, ...]) -> str:
    if not frames:
        return "none"
    more = len(frames) - _MOST_NAMED
    named = ", ".join(str(frame + 1) for frame in frames[:_MOST_NAMED])
    return f"{len(frames)} (frame {named}{f' and {more} more' if more > 0 else ''})"
