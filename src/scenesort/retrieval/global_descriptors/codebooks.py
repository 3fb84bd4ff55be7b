"""Codebooks in files, for other collections than the one they were learned from."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from scenesort.errors import OptionError
from scenesort.retrieval.global_descriptors.base import FeatureDescriptorMember


def codebook_name(member: str) -> str:
    """Return the name of the file of a member's codebook, in a folder of what was learned."""
    return f"{member}-codebook.npz"


def save_codebook(member: type[FeatureDescriptorMember], codebook: Any, path: Path) -> None:
    """Write a member's codebook to an `.npz` file."""
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **member.pack_codebook(codebook))


def load_codebook(member: type[FeatureDescriptorMember], path: Path) -> Any:
    """Read what `save_codebook` wrote; raises OptionError for any other file."""
    try:
        with np.load(path, allow_pickle=False) as held:
            return member.unpack_codebook(dict(held))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise OptionError(
            f"{path} holds no codebook of {member.name} that can be read ({error}); make it with: "
            "scenesort retrieval fit"
        ) from error
