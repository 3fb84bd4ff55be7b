"""What every adapter does before its first photo: find the package, check the licence, choose device and numbers."""

from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from scenesort.errors import MissingDependencyError, OptionError
from scenesort.mapping.pose_models.base import Precision


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what upstream prints, progress bars included, from the user's terminal."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


def import_upstream(member: str, package: str, install: str, modules: Sequence[str]) -> list[Any]:
    """Import modules of the user's installed package, quietly.

    Raises MissingDependencyError that says what to install when the package is absent or can't be imported.
    """
    try:
        with quiet():
            return [importlib.import_module(name) for name in modules]
    except ModuleNotFoundError as error:
        absent = error.name or package
        if absent.partition(".")[0] == package:
            message = f"{member} needs the package {package}, which isn't installed; install it with: {install}"
        else:
            message = f"{member}: {package} needs the package {absent}, which isn't installed; install it with pip"
        raise MissingDependencyError(message) from error
    except (ImportError, AssertionError, AttributeError, RuntimeError, OSError) as error:
        raise MissingDependencyError(
            f"{member}: the package {package} is installed and can't be imported: {error}; install it again with: "
            f"{install}"
        ) from error


def check_licence(member: str, model: str, licence: str, commercial: bool, accepted: bool) -> str:
    """Return a sentence that names a model's licence, for the user, before its first use.

    Raises OptionError when the licence forbids commercial use and wasn't accepted.
    """
    if commercial:
        return f"{member}: model {model} comes under {licence}"
    if not accepted:
        raise OptionError(
            f"{member}: model {model} comes under {licence}, which allows no commercial use; accept that "
            "with pose_models.accept_licence=true, or choose a model that allows it, such as depth-anything-3"
        )
    return f"{member}: model {model} comes under {licence}, no commercial use; you accepted it"


@dataclass(frozen=True, slots=True)
class Compute:
    """Where and with which numbers a model computes: a torch.device and a torch.dtype."""

    device: Any
    dtype: Any

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """Return the context in which the network runs: mixed precision unless the numbers are float32."""
        import torch

        return torch.autocast(self.device.type, dtype=self.dtype, enabled=self.dtype != torch.float32)


def choose_compute(member: str, device: str, precision: Precision) -> Compute:
    """Return where and how to compute; `auto` is as PoseModelOptions says.

    Raises OptionError for a device that isn't there and for numbers that it can't compute with.
    """
    import torch

    if device.startswith("cuda") and not torch.cuda.is_available():
        raise OptionError(f"{member}: device '{device}' was asked for, and torch sees no GPU; set the device to cpu")
    on_gpu = device.startswith("cuda")
    if precision == "auto":
        precision = ("bfloat16" if torch.cuda.is_bf16_supported() else "float16") if on_gpu else "float32"
    if precision == "float16" and not on_gpu:
        raise OptionError(f"{member}: float16 needs a GPU; set precision to auto, bfloat16 or float32")
    if precision == "bfloat16" and on_gpu and not torch.cuda.is_bf16_supported():
        raise OptionError(f"{member}: this GPU has no bfloat16; set precision to auto, float16 or float32")
    return Compute(torch.device(device), getattr(torch, precision))


def multiple_of(side_px: int, patch_px: int, own_px: int, member: str) -> int:
    """Return the side to see photos at, `own_px` where none was asked for; raises OptionError if it is no multiple."""
    side = side_px or own_px
    if side < patch_px or side % patch_px:
        below = max(1, side // patch_px) * patch_px
        raise OptionError(
            f"{member}: side_px = {side} is no multiple of {patch_px}; take {below} or {below + patch_px}"
        )
    return side
