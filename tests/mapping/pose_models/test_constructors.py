"""A network described by a line of Python is read, never run."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from scenesort.errors import WeightsError
from scenesort.mapping.pose_models.constructors import read_constructor


def test_arguments_are_plain_values():
    text = (
        "Net(depth=24, mode=('exp', -inf, inf), sizes=[1, -2.5], name='RoPE100', flag=True, none=None, "
        "activation=ActivationType.NORM_EXP)"
    )
    assert read_constructor(text, Path("x.pth")) == (
        "Net",
        {
            "depth": 24,
            "mode": ("exp", -math.inf, math.inf),
            "sizes": [1, -2.5],
            "name": "RoPE100",
            "flag": True,
            "none": None,
            "activation": "norm_exp",
        },
    )


@pytest.mark.parametrize(
    "text",
    [
        "Net(depth=__import__('os').getpid())",
        "Net(depth=[x for x in (1, 2)])",
        "Net(*arguments)",
        "Net(**arguments)",
        "Net(depth=other)",
        "module.Net(depth=1)",
        "Net",
        "Net(depth=",
        "",
        "Net(depth=-'a')",
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(WeightsError, match=r"x\.pth describes its network in a way that can't be read"):
        read_constructor(text, Path("x.pth"))
