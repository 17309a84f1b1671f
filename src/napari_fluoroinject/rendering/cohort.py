"""Distributions of many loops as SVG: a row for each group, with points, box and its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

import numpy as np

WIDTH_PX = 1000
MOST_POINTS = 150
"""Up to so many values are drawn one by one; of more, the box alone."""
FEWEST_IN_BOX = 5
"""Of fewer values quartiles say nothing."""

_LEFT_PX, _RIGHT_PX, _ROW_PX, _TOP_PX, _AXIS_PX = 250.0, 170.0, 38.0, 8.0, 46.0
_TICKS = 6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Group:
    """The values of one row.

    `of` is how many could have had a value; `reference` a value to compare with, None where there
    is none.
    """

    name: str
    values: Sequence[float]
    of: int
    reference: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FiveNumbers:
    """5th percentile, quartiles and 95th percentile of a group."""

    low: float
    lower: float
    middle: float
    upper: float
    high: float


def five_numbers(values: Sequence[float]) -> FiveNumbers | None:
    """Return the five numbers of at least one value, else None.

    Parameters
    ----------
    values
        In any order; none is NaN.
    """
    if not len(values):
        return None
    low, lower, middle, upper, high = np.quantile(values, (0.05, 0.25, 0.5, 0.75, 0.95))
    return FiveNumbers(
        low=float(low),
        lower=float(lower),
        middle=float(middle),
        upper=float(upper),
        high=float(high),
    )


def draw_groups(groups: Sequence[Group], *, title: str, unit: str) -> str:
    """Draw a row for each group on one axis from zero, as an `svg` element.

    Colours come from classes of the page's style; every row says its numbers in words, too.

    Parameters
    ----------
    groups
        At least one with a value.
    title
        What is shown, for who does not see it.
    unit
        Stands at the axis.
    """
    most = max(max([*group.values, group.reference or 0.0], default=0.0) for group in groups)
    step = _step(most)
    end = step * max(ceil(most / step - 1e-9), 1)
    height = _TOP_PX + _ROW_PX * len(groups) + _AXIS_PX
    rows = [
        _row(group, top=_TOP_PX + _ROW_PX * k, end=end, unit=unit)
        for k, group in enumerate(groups)
    ]
    bottom = _TOP_PX + _ROW_PX * len(groups)
    return "".join(
        [
            f'<svg class="chart" role="img" viewBox="0 0 {WIDTH_PX} {_f(height)}" '
            f'aria-label="{escape(title)}">',
            _axis(end, step, bottom, unit),
            *rows,
            "</svg>",
        ]
    )


def draw_shares(shares: Sequence[tuple[str, int]], *, width_px: int = 220) -> str:
    """Draw counts as parts of one bar; beside it they must stand in numbers.

    Parameters
    ----------
    shares
        Class of each part and its count, in order.
    width_px
        Of the bar.
    """
    whole = sum(count for _, count in shares)
    if not whole:
        return ""
    parts, left = [], 0.0
    for name, count in shares:
        wide = width_px * count / whole
        if count:
            kind, place = escape(name), f'x="{_f(left)}" width="{_f(wide)}"'
            parts.append(f'<rect class="{kind}" {place} y="0" height="14"/>')
        left += wide
    return (
        f'<svg class="shares" width="{width_px}" height="14" viewBox="0 0 {width_px} 14" '
        f'preserveAspectRatio="none" aria-hidden="true">{"".join(parts)}</svg>'
    )


def _row(group: Group, *, top: float, end: float, unit: str) -> str:
    middle = top + _ROW_PX / 2
    numbers = five_numbers(group.values)
    count = f"n = {len(group.values)} of {group.of}"
    parts = [
        f"<g><title>{escape(_told(group, numbers, unit))}</title>",
        _words("name", _LEFT_PX - 12, middle + 5, group.name),
        _words("count", WIDTH_PX - _RIGHT_PX + 14, middle + 5, count),
    ]
    if numbers is not None and len(group.values) >= FEWEST_IN_BOX:
        parts.append(_box(numbers, middle, end))
    if len(group.values) <= MOST_POINTS:
        parts += [
            f'<circle class="point" cx="{_f(_x(value, end))}" '
            f'cy="{_f(middle + _aside(k))}" r="2.6"/>'
            for k, value in enumerate(sorted(group.values))
        ]
    if group.reference is not None:
        x, low = _f(_x(group.reference, end) - 5), _f(middle - 16)
        parts.append(f'<path class="reference" d="M{x} {low}h10m-5 0v32m-5 0h10"/>')
    return "".join([*parts, "</g>"])


def _words(kind: str, x: float, y: float, text: str) -> str:
    return f'<text class="{kind}" x="{_f(x)}" y="{_f(y)}">{escape(text)}</text>'


def _box(numbers: FiveNumbers, middle: float, end: float) -> str:
    low, lower, half, upper, high = (
        _x(value, end)
        for value in (numbers.low, numbers.lower, numbers.middle, numbers.upper, numbers.high)
    )
    return (
        f'<path class="whisker" d="M{_f(low)} {_f(middle)}H{_f(lower)}M{_f(upper)} {_f(middle)}'
        f'H{_f(high)}"/>'
        f'<rect class="box" x="{_f(lower)}" y="{_f(middle - 11)}" '
        f'width="{_f(max(upper - lower, 0.5))}" height="22"/>'
        f'<path class="median" d="M{_f(half)} {_f(middle - 11)}v22"/>'
    )


def _axis(end: float, step: float, bottom: float, unit: str) -> str:
    parts = []
    for k in range(round(end / step) + 1):
        x = _x(k * step, end)
        parts.append(f'<path class="grid" d="M{_f(x)} {_f(_TOP_PX)}V{_f(bottom)}"/>')
        parts.append(_words("tick", x, bottom + 18, f"{k * step:g}"))
    half = (_LEFT_PX + WIDTH_PX - _RIGHT_PX) / 2
    parts.append(_words("tick", half, bottom + 38, unit))
    return "".join(parts)


def _told(group: Group, numbers: FiveNumbers | None, unit: str) -> str:
    if numbers is None:
        return f"{group.name}: no value, of {group.of}"
    said = (
        f"{group.name}: n = {len(group.values)} of {group.of}, "
        f"median {numbers.middle:.4g} {unit}, "
        f"quartiles {numbers.lower:.4g} to {numbers.upper:.4g}, "
        f"5 to 95 %: {numbers.low:.4g} to {numbers.high:.4g}"
    )
    return said if group.reference is None else f"{said}; reference {group.reference:.4g}"


def _step(most: float) -> float:
    """A step of 1, 2 or 5 times a power of ten that gives about six."""
    if most <= 0:
        return 1.0
    rough = most / _TICKS
    power = 10.0 ** floor(log10(rough))
    return float(next(power * k for k in (1, 2, 5, 10) if power * k >= rough * 0.999))


def _x(value: float, end: float) -> float:
    return _LEFT_PX + (WIDTH_PX - _LEFT_PX - _RIGHT_PX) * max(value, 0.0) / end


def _aside(k: int) -> float:
    """Points of one row stand at five heights, so that they cover each other less."""
    return (k * 2 % 5 - 2) * 3.2


def _f(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")
