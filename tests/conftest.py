"""Fixtures that all tests share."""

from __future__ import annotations

import os

import pytest

# Workers have one thread each; so have the tests, or torch's threads fight over few cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from hypothesis import HealthCheck, settings

from scenesort import weights

# Time says little on a busy machine.
settings.register_profile("scenesort", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("scenesort")


@pytest.fixture(scope="session")
def needs_weights():
    """Call it with names of the weights registry: it skips the test, and says why, where one isn't there."""

    def check(*names):
        absent = weights.missing(names)
        if absent:
            pytest.skip(f"weights are missing: {', '.join(absent)}; get them with: scenesort weights fetch")

    return check
