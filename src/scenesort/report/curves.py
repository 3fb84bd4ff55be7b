"""Cumulative curves on a logarithmic axis, as paths for SVG pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from scenesort.types import FloatArray

WIDTH, HEIGHT = 360.0, 220.0
LEFT, RIGHT, TOP, BOTTOM = 40.0, 8.0, 10.0, 34.0
"""Size and margins of a picture in its own units; the picture itself grows with the page."""

_STEPS = 240
"""At how many errors a curve is read: fine enough for the eye, and short enough for a page."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis, in the picture's units, and what stands there."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Curve:
    """One line: its name, its SVG path, and the number of its colour and dashes."""

    name: str
    path: str
    color: int
    dash: int


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture of shares (0 to 100%, upwards) over errors (logarithmic, to the right); `marks` are upright lines."""

    title: str
    axis: str
    curves: tuple[Curve, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    marks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Errors (m,) out of `total` things, of which those without an error never reach the curve."""

    name: str
    errors: FloatArray
    total: int


def cumulative_plot(
    title: str, axis: str, samples: list[Sample], low: float, high: float, marks: tuple[float, ...] = ()
) -> Plot:
    """Draw which share of each sample has an error up to x, for x from `low` to `high`, both above 0."""
    decades = range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
    return Plot(
        title=title,
        axis=axis,
        curves=tuple(
            Curve(sample.name, _path(sample, low, high), index % 8, index // 8 % 4)
            for index, sample in enumerate(samples)
        ),
        x_ticks=tuple(Tick(_x(10.0**decade, low, high), f"{10.0**decade:g}") for decade in decades),
        y_ticks=tuple(Tick(_y(share), f"{100 * share:.0f}%") for share in (0, 0.25, 0.5, 0.75, 1)),
        marks=tuple(Tick(_x(mark, low, high), f"{mark:g}") for mark in marks),
    )


def _path(sample: Sample, low: float, high: float) -> str:
    """A staircase, which rises where errors lie."""
    errors = np.sort(sample.errors)
    places = np.geomspace(low, high, _STEPS)
    shares = np.searchsorted(errors, places, side="right") / max(1, sample.total)
    path = f"M{LEFT:.1f} {_y(float(shares[0])):.1f}"
    last = shares[0]
    for place, share in zip(places.tolist(), shares.tolist(), strict=True):
        if share != last:
            path += f"H{_x(place, low, high):.1f}V{_y(share):.1f}"
            last = share
    return path + f"H{WIDTH - RIGHT:.1f}"


def _x(error: float, low: float, high: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * math.log(error / low) / math.log(high / low)


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share
