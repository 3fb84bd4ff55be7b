"""Packages that scenesort needs: there, of a version that fits, and with none beside it that has the same files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import PackageNotFoundError, requires, version
from typing import TYPE_CHECKING

from scenesort.health.findings import Finding, Request

if TYPE_CHECKING:
    from packaging.requirements import Requirement

STAND_INS = {
    "opencv-python-headless": ("opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless"),
    "pycolmap": ("pycolmap-cuda", "pycolmap-cuda12", "pycolmap-cuda13"),
    "pillow": ("pillow-simd",),
}
"""Other packages with files of the same names: with both installed, nobody knows whose files are there."""

VersionOf = Callable[[str], str | None]


def installed_version(name: str) -> str | None:
    """Return the version of an installed distribution, None when it isn't installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def check_packages(_request: Request) -> list[Finding]:
    """Every requirement of our metadata against what is installed."""
    return check_requirements(requires("scenesort") or [], installed_version)


def check_requirements(lines: Iterable[str], version_of: VersionOf) -> list[Finding]:
    """Check requirements, written as in the metadata, against installed versions. Raises InvalidRequirement."""
    from packaging.requirements import Requirement

    findings: list[Finding] = []
    extras: dict[str, list[Requirement]] = {}
    for requirement in map(Requirement, lines):
        extra = _extra(requirement)
        if extra:
            extras.setdefault(extra, []).append(requirement)
        elif requirement.marker is None or requirement.marker.evaluate():
            findings.append(_check_one(requirement, version_of))
            findings += _stand_in_beside(requirement.name, version_of)
    return findings + [_check_extra(extra, needed, version_of) for extra, needed in extras.items()]


def _extra(requirement: Requirement) -> str:
    """The extra that a requirement belongs to, empty for one that is always needed."""
    words = str(requirement.marker or "").replace("'", '"').split('"')
    for before, value in zip(words[::2], words[1::2], strict=False):
        if before.rstrip().endswith("extra =="):
            return value
    return ""


def _check_one(requirement: Requirement, version_of: VersionOf) -> Finding:
    name, bounds = requirement.name, str(requirement.specifier)
    found = version_of(name)
    remedy = f'pip install "{name}{bounds}"'
    if found is None:
        instead = [other for other in STAND_INS.get(name, ()) if version_of(other)]
        if instead:
            listed = " and ".join(f"{other} {version_of(other)}" for other in instead)
            return Finding("packages", "warning", f"{name} is missing, {listed} stands in: not tested", remedy)
        return Finding("packages", "problem", f"{name} is missing", remedy)
    values: dict[str, float | str] = {"package": name, "version": found, "bounds": bounds}
    if requirement.specifier.contains(found, prereleases=True):
        return Finding("packages", "ok", f"{name} {found}", is_brief=True, values=values)
    return Finding("packages", "problem", f"{name} {found}: {bounds} is needed", remedy, values=values)


def _stand_in_beside(name: str, version_of: VersionOf) -> list[Finding]:
    if version_of(name) is None:
        return []
    return [
        Finding(
            "packages",
            "warning",
            f"{name} and {other} are both installed, and have files of the same names",
            f"pip uninstall {other} {name}, then: pip install {name}",
        )
        for other in STAND_INS.get(name, ())
        if version_of(other) is not None
    ]


def _check_extra(extra: str, needed: Sequence[Requirement], version_of: VersionOf) -> Finding:
    """One finding for an extra: what is absent is a choice, what doesn't fit is not."""
    found = {requirement.name: version_of(requirement.name) for requirement in needed}
    wrong = [
        f"{requirement.name} {number} ({requirement.specifier} is needed)"
        for requirement in needed
        if (number := found[requirement.name]) and not requirement.specifier.contains(number, prereleases=True)
    ]
    if wrong:
        return Finding("packages", "warning", f"extra {extra}: {', '.join(wrong)}", f'pip install "scenesort[{extra}]"')
    num_here = sum(number is not None for number in found.values())
    return Finding("packages", "ok", f"extra {extra}: {num_here} of {len(needed)}", is_brief=True)
