"""Aligned cameras as files: for each scene a GLB and a picture, for all together a page to look around in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from scenesort.report.cameras_glb import to_glb
from scenesort.report.cameras_page import to_page
from scenesort.report.cameras_picture import to_png
from scenesort.report.cameras_view import CamerasView
from scenesort.workspace.files import write_bytes

PAGE = "cameras.html"

_MAX_NAME = 120


def write(folder: Path, views: Sequence[CamerasView]) -> None:
    """Write `cameras.html` and `COLLECTION/SCENE.glb` and `.png` into a folder, which is created.

    Characters that file names can't have become `_`. Raises `WorkspaceError` where something can't be written.
    """
    taken: set[tuple[str, str]] = set()
    for view in views:
        collection, stem = _file_name(view.scene.dataset), _file_name(view.scene.scene)
        name, count = stem, 1
        # Case is ignored, as some file systems do.
        while (collection.lower(), name.lower()) in taken:
            count += 1
            name = f"{stem}_{count}"
        taken.add((collection.lower(), name.lower()))
        write_bytes(folder / collection / f"{name}.glb", to_glb(view), sync=False)
        write_bytes(folder / collection / f"{name}.png", to_png(view), sync=False)
    write_bytes(folder / PAGE, to_page(views).encode("utf-8"), sync=False)


def _file_name(name: str) -> str:
    safe = re.sub(r'[\x00-\x1f/\\:*?"<>|]', "_", name)[:_MAX_NAME].strip()
    return "_" * len(safe) if set(safe) <= {"."} else safe
