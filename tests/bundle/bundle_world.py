"""Wheels and weights of a few bytes, and a registry of packages that is a folder: what small bundles are made of."""

from __future__ import annotations

import base64
import hashlib
import os
import zipfile
from pathlib import Path
from typing import Any

import weights_world
from scenesort.bundle import choosing
from scenesort.weights import REGISTRY, HubSource, WeightsFile
from scenesort.weights.entries import WheelSource

VERSION = "7.0"
COMMIT = "a" * 40
CONTENT = bytes(range(256)) * 8_000
"""About 2 MB: larger than the smallest part."""


def record_digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def write_wheel(
    folder: Path, name: str, version: str, needs: tuple[str, ...] = (), tag: str = "py3-none-any", **members: bytes
) -> Path:
    """Write a real wheel with one module and further members of its package."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    header = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}", *(f"Requires-Dist: {need}" for need in needs)]
    contents = {
        f"{module}/__init__.py": f"__version__ = {version!r}\n".encode(),
        **{f"{module}/{member}.bin": content for member, content in members.items()},
        f"{info}/METADATA": ("\n".join(header) + "\n").encode(),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
    }
    lines = [f"{path},sha256={record_digest(content)},{len(content)}" for path, content in contents.items()]
    contents[f"{info}/RECORD"] = "".join(f"{line}\n" for line in (*lines, f"{info}/RECORD,,")).encode()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{module}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for member, content in contents.items():
            wheel.writestr(member, content)
    return path


def fill_registry(folder: Path) -> Path:
    """Write the packages of a small registry; returns its folder."""
    for version in ("1.0", "2.0"):
        write_wheel(folder, "tinydep", version)
    write_wheel(folder, "bigdep", "1.5", ("hugedep>=1",))
    write_wheel(folder, "oldlinux", "1.0", tag="cp311-cp311-manylinux2014_x86_64")
    write_wheel(folder, "newlinux", "1.0", tag="cp311-cp311-manylinux_2_28_x86_64")
    return folder


def use_registry(folder: Path, patch: Any) -> None:
    """Let pip see nothing but a folder."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        patch.delenv(name)
    patch.setenv("PIP_CONFIG_FILE", os.devnull)
    patch.setenv("PIP_NO_INDEX", "1")
    patch.setenv("PIP_FIND_LINKS", str(folder))


def use_own_wheel(patch: Any, *needs: str) -> None:
    """Put a wheel of a few bytes in the place of scenesort's own."""

    def make(folder: Path, temporary: Path) -> Path:
        return write_wheel(folder, "scenesort", VERSION, needs)

    patch.setattr(choosing, "make_wheel", make)


def use_weights(home: Path, patch: Any) -> None:
    """Register three models and put two of them into the weights folder, one into the hub's cache."""
    weights_world.make_home(home, patch)
    pinned = weights_world.pinned
    wheel = WheelSource("tiny-weights==1.0", (("tiny.pth", "tiny/tiny.pth"),), 1.0)
    hub = HubSource("org/Tiny-Hub-hf", COMMIT)
    files = (pinned("config.json", b"{}"), WeightsFile("sub/model.safetensors"), WeightsFile("rare", is_optional=True))
    for entry in (
        weights_world.make_entry("tiny", (pinned("tiny.pth", CONTENT),), wheel),
        weights_world.make_entry("hubby", files, hub, folder=True),
        weights_world.make_entry("closed", (pinned("closed.pth", b"closed"),), wheel, commercial=False),
    ):
        patch.setitem(REGISTRY, entry.name, entry)
    chosen = home / "chosen"
    chosen.mkdir(parents=True)
    (chosen / "tiny.pth").write_bytes(CONTENT)
    snapshot = home / "cache/huggingface/hub/models--org--Tiny-Hub-hf/snapshots" / COMMIT
    blob = snapshot.parents[1] / "blobs" / hashlib.sha256(b"model").hexdigest()
    blob.parent.mkdir(parents=True)
    blob.write_bytes(b"model")
    (snapshot / "sub").mkdir(parents=True)
    (snapshot / "config.json").write_bytes(b"{}")
    (snapshot / "sub/model.safetensors").symlink_to(blob)


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }
