"""The variables that an installed bundle is used with, for a shell (`env.sh`) and for Python (`offline.py`)."""

from __future__ import annotations

import json
import os
import shlex
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

HUB = "weights/hub"
OWN = "weights/scenesort"
PREPENDED = ("PATH", "PYTHONPATH")
"""Variables whose value is put before what they are already."""

_HELPER = '''\
"""Use an installed bundle in this Python and in what it starts: `import offline`, or `%run .../offline.py`.

Written by the bundle's install.py.
"""

import os
import sys

VARIABLES = {variables}
PREPENDED = {prepended}
VERSIONS = {versions}


def activate():
    """Set the variables; packages of a private folder and source trees are found from now on, too."""
    os.environ.update(VARIABLES)
    for name, value in PREPENDED.items():
        old = os.environ.get(name, "").split(os.pathsep)
        new = value.split(os.pathsep)
        os.environ[name] = os.pathsep.join(new + [item for item in old if item and item not in new])
    for item in reversed(PREPENDED.get("PYTHONPATH", "").split(os.pathsep)):
        if item and item not in sys.path:
            sys.path.insert(0, item)


def stale():
    """Return sentences about packages that were imported in another version than the bundle's."""
    sentences = []
    for name, bundled in VERSIONS.items():
        module = sys.modules.get(name)
        version = getattr(module, "__version__", None)
        # cv2 says 5.0.0 of the package 5.0.0.93.
        if isinstance(version, str) and not (bundled.startswith(version) or version.startswith(bundled)):
            sentences.append(
                f"{{name}} {{version}} was imported here before, and the bundle has {{bundled}}: restart the kernel "
                "to use that here (programs that are started from here use it anyway)"
            )
    return sentences


activate()
for sentence in stale():
    print(f"warning: {{sentence}}")
'''

IMPORTED_AS = {"opencv-python-headless": "cv2", "pillow": "PIL", "scikit-learn": "sklearn", "pyyaml": "yaml"}
"""Packages whose module has another name than the package."""


def variables(root: Path) -> dict[str, str]:
    """Return the variables that make scenesort and the hub's libraries find the bundle's weights, and no network."""
    found = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    if (root / OWN).is_dir():
        found["SCENESORT_WEIGHTS"] = str(root / OWN)
    if (root / HUB).is_dir():
        found["HF_HUB_CACHE"] = str(root / HUB)
    return found


def prepended(root: Path, target: Path | None) -> dict[str, str]:
    """Return what goes before PATH and PYTHONPATH: programs, a private folder, source trees without a wheel."""
    sources = sorted(path for path in (root / "sources").glob("*") if path.is_dir())
    inside = [source / "src" if (source / "src").is_dir() else source for source in sources]
    modules = [*([target] if target else []), *inside]
    programs = [target / "bin"] if target else [Path(sysconfig.get_path("scripts")), Path(sys.executable).parent]
    found = {"PATH": _joined(programs)}
    if modules:
        found["PYTHONPATH"] = _joined(modules)
    return found


def _joined(paths: list[Path]) -> str:
    return os.pathsep.join(dict.fromkeys(map(str, paths)))


def shell_text(settings: Mapping[str, str], before: Mapping[str, str]) -> str:
    """Return `env.sh`: `. env.sh` sets the variables of a shell."""
    lines = ["# Written by the bundle's install.py; use it with: . env.sh"]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in settings.items()]
    lines += [f'export {name}={shlex.quote(value)}"${{{name}:+:${name}}}"' for name, value in before.items()]
    return "\n".join(lines) + "\n"


def helper_text(settings: Mapping[str, str], before: Mapping[str, str], versions: Mapping[str, str]) -> str:
    """Return `offline.py`; `versions` are the bundled packages'."""
    modules = {IMPORTED_AS.get(name, name.replace("-", "_")): version for name, version in versions.items()}
    values = {"variables": dict(settings), "prepended": dict(before), "versions": modules}
    return _HELPER.format(**{name: json.dumps(value, indent=4) for name, value in values.items()})
