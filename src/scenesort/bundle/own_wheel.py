"""scenesort's own wheel: built from its checkout, or packed again from where it is installed."""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from scenesort.bundle.pip import run_pip
from scenesort.errors import BundleError

_NOT_PACKED = {"INSTALLER", "REQUESTED", "RECORD", "direct_url.json", "uv_cache.json"}
"""What an installer wrote into the dist-info folder of an installed package."""

_EPOCH = (1980, 1, 1, 0, 0, 0)


def installed_scenesort() -> Distribution:
    """Return the installed scenesort. Raises BundleError when it is only on the path."""
    try:
        return distribution("scenesort")
    except PackageNotFoundError as error:
        raise BundleError("scenesort is not installed, only on the path: install it with pip first") from error


def checkout(package: Distribution) -> Path | None:
    """Return the project's folder when scenesort was installed from one that is still there."""
    try:
        url = json.loads(package.read_text("direct_url.json") or "{}")
    except json.JSONDecodeError:
        return None
    if "dir_info" not in url:
        return None
    folder = Path(unquote(urlsplit(str(url["url"])).path))
    return folder if (folder / "pyproject.toml").is_file() else None


def make_wheel(folder: Path, temporary: Path) -> Path:
    """Write scenesort's wheel into an empty folder and return its path. Raises BundleError."""
    package = installed_scenesort()
    project = checkout(package)
    folder.mkdir(parents=True, exist_ok=True)
    if project is None:
        return pack_installed(package, folder)
    try:
        run_pip(["wheel", "--no-deps", "--wheel-dir", str(folder), str(project)], temporary=temporary)
    except BundleError as error:
        raise BundleError(f"pip could not build scenesort's wheel from {project}: {error}") from error
    (wheel,) = folder.glob("*.whl")
    return wheel


def pack_installed(package: Distribution, folder: Path) -> Path:
    """Pack an installed package into a wheel again, from the list of its files. Raises BundleError.

    Files that have changed since the installation are refused.
    """
    name, version = package.metadata["Name"], package.version
    wheel_info = package.read_text("WHEEL")
    if wheel_info is None or not package.files:
        raise BundleError(f"{name} {version} was not installed from a wheel: install it with pip, then start again")
    tags = [line.partition(":")[2].strip() for line in wheel_info.splitlines() if line.startswith("Tag:")]
    target = folder / f"{name.replace('-', '_')}-{version}-{tags[0]}.whl"
    records = []
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as wheel:
        for file in sorted(package.files, key=str):
            path = PurePosixPath(file)
            is_installers = path.parent.name.endswith(".dist-info") and path.name in _NOT_PACKED
            if ".." in path.parts or "__pycache__" in path.parts or is_installers:
                continue
            content = _read(Path(str(package.locate_file(file))), name)
            digest = _digest(content)
            if file.hash is not None and (file.hash.mode, file.hash.value) != ("sha256", digest):
                raise BundleError(
                    f"{package.locate_file(file)} was changed after the installation: install {name} again"
                )
            records.append(f"{_quoted(str(path))},sha256={digest},{len(content)}")
            wheel.writestr(zipfile.ZipInfo(str(path), _EPOCH), content, zipfile.ZIP_DEFLATED)
        listed = f"{name.replace('-', '_')}-{version}.dist-info/RECORD"
        text = "".join(f"{line}\n" for line in (*records, f"{listed},,"))
        wheel.writestr(zipfile.ZipInfo(listed, _EPOCH), text, zipfile.ZIP_DEFLATED)
    return target


def _read(path: Path, name: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path} is gone: install {name} again") from error


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def _quoted(path: str) -> str:
    return f'"{path}"' if "," in path else path
