"""Cumulative curves: they rise where errors lie, by their share, on a logarithmic axis."""

from __future__ import annotations

import re

import numpy as np
import pytest

from scenesort.report import curves
from scenesort.report.curves import Sample, cumulative_plot


def read_path(path: str) -> list[tuple[float, float]]:
    """The corners of a staircase."""
    x, y, corners = 0.0, 0.0, []
    for letter, numbers in re.findall(r"([MHV])([^MHV]*)", path):
        values = [float(number) for number in numbers.split()]
        if letter == "M":
            x, y = values
        elif letter == "H":
            x = values[0]
        else:
            y = values[0]
        corners.append((x, y))
    return corners


def test_a_staircase() -> None:
    plot = cumulative_plot("t", "a", [Sample("s", np.array([0.1, 1.0, 50.0]), 4)], 0.01, 10, (1.0,))
    corners = read_path(plot.curves[0].path)
    high, low = curves.TOP, curves.HEIGHT - curves.BOTTOM
    assert corners[0] == pytest.approx((curves.LEFT, low))
    assert corners[-1] == pytest.approx((curves.WIDTH - curves.RIGHT, (high + low) / 2), abs=0.1)
    width = curves.WIDTH - curves.LEFT - curves.RIGHT
    rises = [x for (x, y), (_, last) in zip(corners[1:], corners, strict=False) if y != last]
    assert rises == pytest.approx([curves.LEFT + width / 3, curves.LEFT + width * 2 / 3], abs=2)
    assert plot.marks[0].at == pytest.approx(curves.LEFT + width * 2 / 3)


def test_ticks_are_the_decades_inside() -> None:
    plot = cumulative_plot("t", "a", [], 0.01, 200)
    assert [tick.text for tick in plot.x_ticks] == ["0.01", "0.1", "1", "10", "100"]
    assert [tick.text for tick in plot.y_ticks] == ["0%", "25%", "50%", "75%", "100%"]


def test_nothing_is_a_flat_line() -> None:
    plot = cumulative_plot("t", "a", [Sample("s", np.zeros(0), 5), Sample("t", np.zeros(0), 0)], 0.01, 10)
    for curve in plot.curves:
        assert {y for _, y in read_path(curve.path)} == {curves.HEIGHT - curves.BOTTOM}


def test_errors_below_the_axis_lift_its_start() -> None:
    plot = cumulative_plot("t", "a", [Sample("s", np.zeros(4), 4)], 0.01, 10)
    assert read_path(plot.curves[0].path)[0] == pytest.approx((curves.LEFT, curves.TOP))


def test_many_curves_differ_in_colour_or_dashes() -> None:
    samples = [Sample(str(index), np.zeros(0), 1) for index in range(32)]
    looks = {(curve.color, curve.dash) for curve in cumulative_plot("t", "a", samples, 0.01, 10).curves}
    assert len(looks) == 32
