"""Global mapping (Pan et al., ECCV 2024) through COLMAP."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from scenesort import colmap
from scenesort.mapping.base import MappingTask
from scenesort.mapping.incremental import mapper_settings
from scenesort.types import PosedScene


class Global:
    """COLMAP's global mapper: quicker on many photos, less careful with few or wrong pairs."""

    name: ClassVar[str] = "global"
    version: ClassVar[str] = "1"

    def map(self, task: MappingTask, folder: Path) -> list[PosedScene]:
        """Map one part; see MappingMember. It can't stop before it is done."""
        return colmap.map_globally(task.photos, task.geometries, mapper_settings(task), folder)
