"""COLMAP models on disk."""

from __future__ import annotations

from pathlib import Path

import pycolmap

from scenesort.colmap.convert import from_scene, to_scene
from scenesort.types import PosedScene


def write_model(scene: PosedScene, folder: Path) -> None:
    """Write `cameras.bin`, `images.bin`, `points3D.bin` (and COLMAP 4's rigs and frames) into an existing folder."""
    from_scene(scene).write_binary(folder)


def read_model(folder: Path, name: str) -> PosedScene:
    """Read a COLMAP model folder, binary or text."""
    return to_scene(pycolmap.Reconstruction(folder), name)
