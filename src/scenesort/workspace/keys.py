"""Keys of artefacts: a hash of everything that an artefact was made from."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import struct
from collections.abc import Mapping, Set
from enum import Enum
from typing import Any

import numpy as np

LAYOUT_VERSION = 1
"""Part of every key: raise it when the way of writing artefacts changes, and old ones are no longer found."""


def key(kind: str, *parts: object) -> str:
    """The key (64 hexadecimal digits) of the artefact of this kind made from `parts`.

    Parts are None, bool, int, float, str, bytes, enum members, NumPy arrays and numbers, dataclasses, and tuples,
    lists, sets and mappings of these. Equal parts give equal keys on every machine; a tuple counts as the list of its
    items, a mapping's order doesn't count, and 1, 1.0 and True differ. Raises TypeError for anything else: paths above
    all, since a file's content is what counts, not its place.
    """
    digest = hashlib.sha256()
    digest.update(_encoded((LAYOUT_VERSION, kind, parts)))
    return digest.hexdigest()


def _encoded(value: object) -> bytes:
    """A byte string that no other value has: a letter for the type, the length, the content."""
    match value:
        case None:
            return _tagged("n", b"")
        case Enum():
            return _tagged("e", _encoded(type(value).__qualname__) + _encoded(value.name))
        case bool() | np.bool_():
            return _tagged("b", b"1" if value else b"0")
        case int() | np.integer():
            return _tagged("i", str(int(value)).encode())
        case float() | np.floating():
            return _tagged("f", _float_bytes(float(value)))
        case str():
            return _tagged("s", value.encode("utf-8", "surrogatepass"))
        case bytes():
            return _tagged("y", value)
        case tuple() | list():
            return _tagged("l", b"".join(map(_encoded, value)))
        case Set():
            return _tagged("t", b"".join(sorted(map(_encoded, value))))
        case Mapping():
            items: Mapping[Any, Any] = value
            return _tagged("m", b"".join(sorted(_encoded(name) + _encoded(item) for name, item in items.items())))
        case np.ndarray():
            return _tagged("a", _array_bytes(value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return _tagged("d", _encoded(type(value).__qualname__) + _encoded(fields))
    raise TypeError(f"a {type(value).__name__} can't be part of an artefact's key: {value!r:.100}")


def _tagged(tag: str, content: bytes) -> bytes:
    return f"{tag}{len(content)}:".encode() + content


def _float_bytes(value: float) -> bytes:
    # All kinds of NaN are one value here, and so are the two zeros, which compare equal.
    return b"nan" if math.isnan(value) else struct.pack(">d", value + 0.0)


def _array_bytes(array: np.ndarray[Any, Any]) -> bytes:
    if array.dtype.kind not in "biufc":
        raise TypeError(f"an array of {array.dtype} can't be part of an artefact's key")
    ordered = np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")
    return _encoded((ordered.dtype.str, ordered.shape)) + ordered.tobytes()
