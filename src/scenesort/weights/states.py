"""Files of tensors: safetensors, and PyTorch's own files as far as they hold nothing that could run code."""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scenesort.errors import WeightsError


def read_state(path: Path, classes: Sequence[type] = ()) -> dict[str, Any]:
    """Return the content of one file, by name, on the CPU; pickled code is never run.

    `classes`: what a PyTorch file may hold beside tensors and plain values. Raises WeightsError for a file that is
    missing, damaged or cut short, or that holds anything else.
    """
    return _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path, classes)


def _read_safetensors(path: Path) -> dict[str, Any]:
    import safetensors
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except (safetensors.SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is no whole safetensors file: {error}; download it again") from error


def _read_pickle(path: Path, classes: Sequence[type]) -> dict[str, Any]:
    import torch

    allowed: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()
    if classes:
        allowed = torch.serialization.safe_globals(list(classes))
    try:
        with allowed:
            loaded: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "Unsupported global" not in str(error):
            raise WeightsError(f"{path} is no PyTorch file, or a damaged one; download it again") from error
        raise WeightsError(
            f"{path} holds more than tensors and plain values: it might run code, and was not loaded"
        ) from error
    except (RuntimeError, ValueError, EOFError, OSError, KeyError) as error:
        raise WeightsError(f"{path} is missing, cut short or no PyTorch file; download it again") from error
    if not isinstance(loaded, dict):
        raise WeightsError(f"{path} holds no tensors by name, but a {type(loaded).__name__}")
    return loaded
