"""Python, the system, and which scenesort this is."""

from __future__ import annotations

import json
import platform
import sys
from importlib.metadata import Distribution, distributions, metadata
from pathlib import Path

import scenesort
from scenesort.health.findings import Finding, Request


def check_python(request: Request) -> list[Finding]:
    """Whether this Python is one that scenesort supports, by the metadata's `Requires-Python`."""
    from packaging.specifiers import SpecifierSet

    number = platform.python_version()
    wanted = metadata("scenesort")["Requires-Python"] or ""
    where = f", {sys.executable}" if request.with_paths else ""
    text = f"{number} ({platform.python_implementation()}), {_system()}{where}"
    values: dict[str, float | str] = {"python": number, "system": _system()}
    # A release candidate of a supported version counts as that version.
    if number.rstrip("+") in SpecifierSet(wanted, prereleases=True):
        return [Finding("python", "ok", text, values=values)]
    return [
        Finding(
            "python",
            "problem",
            f"{text}: scenesort is made for Python {wanted}",
            "make an environment with that Python and install scenesort there",
            values=values,
        )
    ]


def check_scenesort(request: Request) -> list[Finding]:
    """Which scenesort runs, how it was installed, and whether there is a second one."""
    here = Path(scenesort.__file__).resolve().parent
    installed = list(distributions(name="scenesort"))
    version = scenesort.__version__
    where = f", {here}" if request.with_paths else ""
    if not installed:
        return [
            Finding(
                "scenesort",
                "problem",
                f"{version}, not installed{where}: its members can't be found",
                "pip install it, from a wheel or a checkout",
                values={"scenesort": version},
            )
        ]
    kind = _kind(installed[0])
    findings = [Finding("scenesort", "ok", f"{version}, {kind}{where}", values={"scenesort": version, "kind": kind})]
    recorded = installed[0].version
    if recorded != version:
        findings.append(
            Finding(
                "scenesort",
                "problem",
                f"the package that runs is {version}, its installed metadata are of {recorded}",
                "install scenesort again: pip install --force-reinstall --no-deps",
            )
        )
    return findings + _second_copies(here, len(installed), request.with_paths)


def _second_copies(here: Path, num_installed: int, with_paths: bool) -> list[Finding]:
    remedy = "pip uninstall scenesort until pip finds none, install it once, and unset PYTHONPATH"
    findings = []
    others = sorted({place for entry in sys.path if (place := _package_in(entry)) is not None} - {here})
    if others:
        where = ": " + ", ".join(map(str, others)) if with_paths else ""
        findings.append(
            Finding("scenesort", "warning", f"{len(others)} more scenesort on Python's search path{where}", remedy)
        )
    if num_installed > 1:
        findings.append(Finding("scenesort", "warning", f"it is installed {num_installed} times", remedy))
    return findings


def _package_in(entry: str) -> Path | None:
    package = Path(entry or ".").resolve() / "scenesort"
    return package if (package / "__init__.py").is_file() else None


def _kind(distribution: Distribution) -> str:
    text = distribution.read_text("direct_url.json")
    if text is None:
        return "from a package registry"
    origin = json.loads(text)
    if origin.get("dir_info", {}).get("editable"):
        return "editable, from a checkout"
    if "vcs_info" in origin:
        return "from a repository"
    return "from a wheel" if str(origin.get("url", "")).endswith(".whl") else "from a checkout or archive"


def _system() -> str:
    libc = " ".join(part for part in platform.libc_ver() if part)
    parts = [f"{platform.system()} {platform.machine()}", libc]
    if sys.platform == "darwin":
        parts.append(f"macOS {platform.mac_ver()[0]}")
    return ", ".join(part for part in parts if part)
