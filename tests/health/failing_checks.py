"""Checks that go wrong in all the ways that a foreign library can, for tests of the examination."""

from __future__ import annotations

import os
import signal
import time

from scenesort.errors import WeightsError
from scenesort.health import Finding, Request
from scenesort.health.findings import mark


def good(_request: Request) -> list[Finding]:
    return [Finding("good", "ok", "all is well", values={"pid": os.getpid()})]


def raises(text: str, _request: Request) -> list[Finding]:
    mark("the delicate part")
    raise RuntimeError(text)


def raises_ours(_request: Request) -> list[Finding]:
    raise WeightsError("weights 'x' are damaged; fetch them")


def crashes(_request: Request) -> list[Finding]:
    mark("the native part")
    os.kill(os.getpid(), signal.SIGSEGV)
    return []


def hangs(_request: Request) -> list[Finding]:
    mark("waiting")
    time.sleep(60)
    return []


def exits(_request: Request) -> list[Finding]:
    os._exit(3)


def tells_secrets(text: str, _request: Request) -> list[Finding]:
    return [Finding("leak", "warning", text, text, values={"detail": text, "number": 1.5})]


def needs_a_lost_disk(_request: Request) -> list[Finding]:
    raise OSError(28, "No space left on device")
