"""The Hugging Face hub: addresses of files, and its cache on this machine as other programs leave it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import quote

from scenesort.weights.entries import HubSource, WeightsEntry
from scenesort.weights.folders import hub_cache

ENDPOINT = "https://huggingface.co"
ENDPOINT_VARIABLE = "HF_ENDPOINT"
TOKEN_VARIABLE = "HF_TOKEN"
OFFLINE_VARIABLE = "HF_HUB_OFFLINE"

_BLOB = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def is_offline() -> bool:
    """Whether the hub's own variable forbids the network."""
    return os.environ.get(OFFLINE_VARIABLE, "").lower() in {"1", "true", "yes", "on"}


def file_url(source: HubSource, name: str) -> str:
    """Return the address of a repository's file at the source's commit."""
    endpoint = (os.environ.get(ENDPOINT_VARIABLE) or ENDPOINT).rstrip("/")
    return f"{endpoint}/{source.repository}/resolve/{source.revision}/{quote(name)}"


def token_header() -> dict[str, str]:
    """Return the header that shows the user's token to the hub, empty without one."""
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    return {"Authorization": f"Bearer {token}"} if token else {}


def cached_folder(entry: WeightsEntry) -> Path | None:
    """Return the snapshot folder of the hub's cache that has all required files at the pinned commit, or None."""
    for source in entry.sources:
        if isinstance(source, HubSource):
            folder = hub_cache() / f"models--{source.repository.replace('/', '--')}" / "snapshots" / source.revision
            if all((folder / file.name).is_file() for file in entry.required()):
                return folder
    return None


def cached_repository(repository: str) -> Path | None:
    """Return the snapshot folder that the hub's cache has of a repository's main branch, or None.

    That is how other programs leave `owner/name` here when they download it; nothing is pinned.
    """
    folder = hub_cache() / f"models--{repository.replace('/', '--')}"
    try:
        snapshot = folder / "snapshots" / (folder / "refs" / "main").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return snapshot if snapshot.is_dir() else None


def blob_name(path: Path) -> str | None:
    """Return the digest that the hub's cache names a file's content by, or None when the file isn't such a link."""
    name = path.resolve().name if path.is_symlink() else ""
    return name if _BLOB.fullmatch(name) else None
