"""What pip finds inconsistent, as far as it touches scenesort."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import PackageNotFoundError, requires
from importlib.util import find_spec

from scenesort.execution.program import run_program
from scenesort.health.findings import Finding, Request

_LIMIT_S = 60.0

_CLASH = re.compile(r"([\w.-]+) \S+ (?:requires |has requirement |is not supported)([A-Za-z0-9][\w.-]*)?")
"""A line of `pip check`: the package, and the one that it asks for."""


def check_pip(_request: Request) -> list[Finding]:
    """What pip finds inconsistent among the packages that scenesort's own depend on."""
    if find_spec("pip") is None:
        return [Finding("pip check", "ok", "not asked: there is no pip in this environment")]
    found = run_program([sys.executable, "-P", "-m", "pip", "--disable-pip-version-check", "check"], _LIMIT_S)
    lines = found.stdout.splitlines()
    if found.returncode not in (0, 1) or (found.returncode == 1 and not lines):
        last = (found.stderr.strip().splitlines() or ["no message"])[-1]
        return [Finding("pip check", "warning", f"pip could not tell: {last}", "mend pip: python -m ensurepip")]
    clashes = touching(lines, dependency_tree("scenesort"))
    if not clashes:
        return [Finding("pip check", "ok", "no clash among the packages that scenesort uses")]
    remedy = "install versions that go together, or give scenesort an environment of its own"
    return [Finding("pip check", "warning", clash, remedy) for clash in clashes]


def touching(lines: Iterable[str], names: Iterable[str]) -> list[str]:
    """Return those lines of `pip check` that name one of the packages; scenesort's own needs are checked elsewhere."""
    from packaging.utils import canonicalize_name

    known = {canonicalize_name(name) for name in names}
    found = []
    for line in lines:
        matched = _CLASH.match(line)
        named = {canonicalize_name(name) for name in matched.groups() if name} if matched else set()
        if known & named and canonicalize_name(line.partition(" ")[0]) != "scenesort":
            found.append(line.strip())
    return found


def dependency_tree(root: str, requirements_of: Callable[[str], Sequence[str] | None] | None = None) -> frozenset[str]:
    """Return the canonical names of all that `root` needs, directly or not, extras left out, and of itself.

    `requirements_of` gives a package's requirements, as its metadata has them, or None when it isn't installed.
    """
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    ask = requirements_of or _requirements_of
    known: set[str] = set()
    ahead = [root]
    while ahead:
        name = canonicalize_name(ahead.pop())
        if name in known:
            continue
        known.add(name)
        ahead += [
            requirement.name
            for requirement in map(Requirement, ask(name) or ())
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        ]
    return frozenset(known)


def _requirements_of(name: str) -> Sequence[str] | None:
    try:
        return requires(name)
    except PackageNotFoundError:
        return None
