"""What a bundle says of itself: the manifest, the data set's description for Kaggle, the notebook."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from scenesort.bundle.models import PlacedFile, hub_source
from scenesort.bundle.request import BundleRequest
from scenesort.bundle.standalone.contents import FORMAT, MANIFEST, BundledFile, identity_of
from scenesort.config import PRESETS
from scenesort.weights import WeightsEntry

DATASET_METADATA = "dataset-metadata.json"
NOTEBOOK = "scenesort-challenge.ipynb"
KEPT_NOTEBOOK = f"{NOTEBOOK}.old"
INSTALLER = "install.py"
INSTALLER_PACKAGE = "scenesort_bundle"
TIME_LIMIT = "8h30m"
"""What the notebook gives a run: half an hour less than the challenge's nine hours."""


def installer_files() -> list[PlacedFile]:
    """Return the installer, which every part of a bundle has."""
    standalone = files("scenesort.bundle") / "standalone"
    texts = {item.name: item.read_text(encoding="utf-8") for item in standalone.iterdir() if item.name.endswith(".py")}
    start = texts.pop("start.py")
    inner = [PlacedFile(f"{INSTALLER_PACKAGE}/{name}", text=text) for name, text in sorted(texts.items())]
    return [PlacedFile(INSTALLER, text=start), *inner]


def manifest_text(
    request: BundleRequest,
    *,
    version: str,
    platform: str,
    entries: Sequence[WeightsEntry],
    without: dict[str, str],
    licences: dict[str, list[str]],
    bundled: Sequence[BundledFile],
    num_parts: int,
    wheels_key: str,
) -> str:
    """Return the manifest; `licences` are the licence files of each source tree, `wheels_key` what chose the wheels."""
    data = {
        "format": FORMAT,
        "identity": identity_of(bundled),
        "scenesort": version,
        "python": request.python,
        "platform": platform,
        "accelerator": request.accelerator,
        "requirements": [f"scenesort=={version}", *request.pins],
        "without": without,
        "wheels_key": wheels_key,
        "num_parts": num_parts,
        "models": [_describe_model(entry) for entry in entries],
        "sources": [{"name": name, "licence_files": texts} for name, texts in licences.items()],
        "files": [_describe_file(file) for file in bundled],
    }
    return json.dumps(data, indent=1) + "\n"


def _describe_model(entry: WeightsEntry) -> dict[str, Any]:
    source = hub_source(entry)
    return {
        "name": entry.name,
        "licence": entry.licence,
        "licence_url": entry.licence_url,
        "commercial": entry.commercial,
        "source": entry.sources[0].describe(),
        "revision": source.revision if source else None,
    }


def _describe_file(file: BundledFile) -> dict[str, Any]:
    data: dict[str, Any] = {"path": file.path, "size": file.size_bytes, "sha256": file.sha256}
    if not file.is_cut:
        return data | {"part": file.pieces[0].part}
    pieces = [
        {"path": piece.path, "part": piece.part, "size": piece.size_bytes, "sha256": piece.sha256}
        for piece in file.pieces
    ]
    return data | {"pieces": pieces}


def dataset_metadata(request: BundleRequest, version: str, part: int, num_parts: int) -> str:
    """Return `dataset-metadata.json` of a part: what Kaggle's own command reads beside the files that it uploads."""
    user = request.dataset.partition("/")[0]
    title = f"scenesort {version} offline bundle"
    if num_parts > 1:
        title += f", part {part} of {num_parts}"
    data = {
        "title": title[:50],
        "id": f"{user}/{slug_of_part(request, part)}",
        # One name is allowed; the manifest has the licence of each model.
        "licenses": [{"name": "other"}],
    }
    return json.dumps(data, indent=2) + "\n"


def slug_of_part(request: BundleRequest, part: int) -> str:
    """Return the name of a part's data set."""
    return request.slug if part == 1 else f"{request.slug}-{part}"


def notebook_text(request: BundleRequest) -> str:
    """Return the notebook for the challenge, with this bundle's paths in its settings."""
    template = files("scenesort.bundle") / "templates" / NOTEBOOK
    notebook = json.loads(template.read_text(encoding="utf-8"))
    preset = next((name for name in request.models if name in PRESETS), "balanced")
    values = {"@SLUG@": request.slug, "@MANIFEST@": MANIFEST, "@PRESET@": preset, "@TIME_LIMIT@": TIME_LIMIT}
    for cell in notebook["cells"]:
        cell["source"] = [_filled(line, values) for line in cell["source"]]
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _filled(line: str, values: dict[str, str]) -> str:
    for placeholder, value in values.items():
        line = line.replace(placeholder, value)
    return line


def install_line(out: Path, num_parts: int, *, as_zip: bool) -> str:
    """Return the line that installs a bundle on the other side, seen from the folder that it lies in."""
    folder = Path(out.name) if num_parts == 1 else Path(out.name) / "part-1"
    return f"python {'UNPACKED' if as_zip else folder}/{INSTALLER}"
