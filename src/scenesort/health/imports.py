"""Whether what runs need can be imported: that a package is installed doesn't say so."""

from __future__ import annotations

import importlib
import time
from importlib.util import find_spec

from scenesort.health.findings import Finding, Request, mark
from scenesort.health.packages import installed_version


def check_import(name: str, _request: Request) -> list[Finding]:
    """Import one module that runs need; a crash of it is told by the process that asked for this."""
    mark(f"import {name}")
    started_s = time.perf_counter()
    module = importlib.import_module(name)
    seconds = time.perf_counter() - started_s
    if name == "torch":
        # A build for another processor or driver can import and still not work.
        total = float(module.arange(4.0).sum())
        if total != 6.0:
            return [Finding("imports", "problem", f"torch adds 0, 1, 2 and 3 to {total}", "install torch again")]
    return [Finding("imports", "ok", name, is_brief=True, values={"seconds": round(seconds, 2)})]


def check_torchvision(_request: Request) -> list[Finding]:
    """Whether torchvision, which nothing of ours needs, breaks those packages that use it where it is."""
    if find_spec("torchvision") is None:
        return [Finding("imports", "ok", "no torchvision (none is needed)", is_brief=True)]
    try:
        importlib.import_module("torchvision")
    except (ImportError, RuntimeError, OSError, AttributeError) as error:
        torchvision, torch = installed_version("torchvision"), installed_version("torch")
        return [
            Finding(
                "imports",
                "warning",
                f"torchvision {torchvision} doesn't fit torch {torch}: {error}",
                "pip uninstall torchvision (scenesort doesn't need it), or install the one built for this torch",
            )
        ]
    return [Finding("imports", "ok", "torchvision", is_brief=True)]
