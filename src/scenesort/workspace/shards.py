"""The store of artefacts: one file or folder each, found by kind and key.

`<root>/<kind>/<first two digits>/<key>.safetensors` holds named arrays (the safetensors format: no code in it, readable
by other tools) and a JSON object in its metadata; `<root>/<kind>/<first two digits>/<key>/` holds a folder of files.
Several processes may share a store: content never changes under a key, and only finished artefacts have their name.
"""

from __future__ import annotations

import json
import re
import shutil
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from scenesort.errors import WorkspaceError
from scenesort.workspace import files

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

_INTEGERS = frozenset({f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)})
_DTYPES = _INTEGERS | {"bool", "float16", "float32", "float64"}


class ShardStore:
    """Artefacts below the folder `root`. `note` takes a sentence whenever something damaged is found."""

    def __init__(self, root: Path, note: Callable[[str], None]) -> None:
        self.root = root
        self._note = note

    def has_arrays(self, kind: str, key: str) -> bool:
        """Whether there are arrays of this kind and key; damage shows only when they are loaded."""
        return self._file(kind, key).is_file()

    def has_folder(self, kind: str, key: str) -> bool:
        """Whether there is a folder of this kind and key; damage shows only when it is loaded."""
        return self._folder(kind, key).is_dir()

    def save_arrays(self, kind: str, key: str, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Json]) -> None:
        """Keep named arrays (bool, int, float; of any shape) and a JSON object.

        Raises WorkspaceError if the disk refuses, TypeError for other dtypes.
        """
        ordered: dict[str, NDArray[Any]] = {}
        for name, array in arrays.items():
            if array.dtype.name not in _DTYPES:
                raise TypeError(f"array '{name}' has dtype {array.dtype}, which artefacts can't hold")
            # safetensors writes memory as it lies there: it must be in C order.
            ordered[name] = np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")
        checksums = {name: _checksum(array) for name, array in ordered.items()}
        header = _canonical({"kind": kind, "key": key, "checksums": checksums, "meta": meta})
        # Not `save_file`, which writes to a name of its own choice that no sweep would find, for this user alone.
        content = save(ordered, metadata={"scenesort": header})
        # Not synced: after a power failure a damaged shard is recognised and made again.
        files.write_bytes(self._file(kind, key), content, sync=False)

    def load_arrays(
        self, kind: str, key: str, names: Iterable[str] | None = None
    ) -> tuple[dict[str, NDArray[Any]], dict[str, Any]] | None:
        """The arrays (all, or those in `names`) and the JSON object, or None if there are none.

        Damaged ones are removed and count as absent. Raises KeyError for a name that isn't there, and WorkspaceError if
        they can't be read.
        """
        path = self._file(kind, key)
        if not path.is_file():
            return None
        try:
            with files.explained(path, "read"), safe_open(path, framework="numpy") as shard:
                header = json.loads((shard.metadata() or {})["scenesort"])
                if (header["kind"], header["key"]) != (kind, key):
                    raise ValueError("it is another artefact")
                checksums = header["checksums"]
                arrays: dict[str, NDArray[Any]] = {}
                for name in sorted(checksums) if names is None else names:
                    if name not in checksums:
                        raise _MissingName(name)
                    arrays[name] = shard.get_tensor(name)
                    if _checksum(arrays[name]) != checksums[name]:
                        raise ValueError(f"array '{name}' isn't what was written")
                return arrays, header["meta"]
        except _MissingName:
            raise
        except WorkspaceError:
            if not path.is_file():  # removed meanwhile by another process
                return None
            raise
        except (SafetensorError, ValueError, KeyError, TypeError) as error:
            self._discard(path, error)
            return None

    def save_folder(self, kind: str, key: str, source: Path) -> None:
        """Keep a copy of the folder `source` with all that is below it, unless there is one. Raises WorkspaceError."""
        # Another process may be reading what is there.
        if self.load_folder(kind, key) is not None:
            return

        def build(temporary: Path) -> None:
            shutil.copytree(source, temporary / "content")
            manifest = {name: _file_checksum(temporary / "content" / name) for name in _names(temporary / "content")}
            text = _canonical({"kind": kind, "key": key, "files": manifest})
            (temporary / "manifest.json").write_text(text, encoding="utf-8")

        try:
            files.replace_folder(self._folder(kind, key), build)
        except WorkspaceError:
            # Another process may have been faster by a moment.
            if self.load_folder(kind, key) is None:
                raise

    def load_folder(self, kind: str, key: str) -> Path | None:
        """The kept folder, to be read only, or None if there is none. A damaged one is removed and counts as absent."""
        path = self._folder(kind, key)
        if not path.is_dir():
            return None
        try:
            manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
            if (manifest["kind"], manifest["key"]) != (kind, key):
                raise ValueError("it is another artefact")
            found = {name: _file_checksum(path / "content" / name) for name in _names(path / "content")}
            if found != manifest["files"]:
                raise ValueError("its files aren't what was written")
        except (OSError, ValueError, KeyError, TypeError) as error:
            self._discard(path, error)
            return None
        return path / "content"

    def sweep(self, *, is_ours: bool) -> None:
        """Remove unfinished artefacts: all if `is_ours`, otherwise those whose process is gone."""
        for folder in self.root.glob("*/??"):
            files.sweep(folder, is_ours=is_ours)

    def _discard(self, path: Path, error: Exception) -> None:
        self._note(f"damaged artefact {path} is removed and will be made again: {error}")
        files.remove(path)

    def _file(self, kind: str, key: str) -> Path:
        return self._place(kind, key, ".safetensors")

    def _folder(self, kind: str, key: str) -> Path:
        return self._place(kind, key, "")

    def _place(self, kind: str, key: str, suffix: str) -> Path:
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", kind) or not re.fullmatch(r"[0-9a-f]{64}", key):
            raise ValueError(f"kind '{kind}' or key '{key}' is malformed")
        return self.root / kind / key[:2] / (key + suffix)


class _MissingName(KeyError):
    """An array was asked for that the artefact never had: our mistake, not damage."""


def _checksum(array: NDArray[Any]) -> int:
    """CRC-32 of dtype, shape and content."""
    start = zlib.crc32(f"{array.dtype.str}{array.shape}".encode())
    return zlib.crc32(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data, start) if array.size else start


def _file_checksum(path: Path) -> list[int]:
    """Size in bytes and CRC-32 of a file."""
    size = checksum = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            size += len(block)
            checksum = zlib.crc32(block, checksum)
    return [size, checksum]


def _names(folder: Path) -> list[str]:
    """Relative names of all files below a folder, sorted."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
