"""Where weights lie: the folders that are searched, and the one that a download goes to."""

from __future__ import annotations

import os
import sys
from pathlib import Path

FOLDER_VARIABLE = "SCENESORT_WEIGHTS"


def folders(given: Path | None = None) -> list[Path]:
    """Return the folders searched for weights, in order.

    They are `given` (an option's), the variable's, the environment's own and the user's cache. The first is where
    downloads go.
    """
    found = [given] if given else []
    if chosen := os.environ.get(FOLDER_VARIABLE):
        found.append(Path(chosen).expanduser())
    found.append(Path(sys.prefix) / "share" / "scenesort" / "weights")
    found.append(_cache_home() / "scenesort" / "weights")
    return list(dict.fromkeys(found))


def hub_cache() -> Path:
    """Return the cache folder of the Hugging Face hub, by its own variables; it is read and never written."""
    if chosen := os.environ.get("HF_HUB_CACHE"):
        return Path(chosen).expanduser()
    if home := os.environ.get("HF_HOME"):
        return Path(home).expanduser() / "hub"
    return _cache_home() / "huggingface" / "hub"


def _cache_home() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
