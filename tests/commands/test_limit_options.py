"""Times and sizes on the command line."""

from __future__ import annotations

import pytest

from scenesort.commands.options import parse_memory, parse_time
from scenesort.errors import OptionError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("8h30m", 30600), ("45m", 2700), ("90s", 90), ("3600", 3600), ("1h 5m 30s", 3930), ("1.5h", 5400), ("2H", 7200)],
)
def test_times(text, seconds):
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "soon", "-5", "5d", "1:30", "1.2.3h", "h", "30m8h", "8h30", "1m1"])
def test_other_times_are_refused(text):
    with pytest.raises(OptionError, match="8h30m"):
        parse_time(text)


@pytest.mark.parametrize(
    ("text", "megabytes"),
    [("8GB", 8000), ("8", 8000), ("7.5 GiB", 8053.06368), ("6000MB", 6000), ("512mib", 536.870912)],
)
def test_sizes(text, megabytes):
    assert parse_memory(text) == pytest.approx(megabytes)


@pytest.mark.parametrize("text", ["", "0", "lots", "-1GB", "5TB", "1.2.3", "GB"])
def test_other_sizes_are_refused(text):
    with pytest.raises(OptionError, match="8GB"):
        parse_memory(text)


def test_nothing_said_is_nothing():
    assert parse_time(None) is None
    assert parse_memory(None) is None
