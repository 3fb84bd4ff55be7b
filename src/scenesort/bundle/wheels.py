"""The wheels that scenesort and what is pinned need on the target, chosen and downloaded by pip."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from scenesort.bundle.own_wheel import checkout, installed_scenesort
from scenesort.bundle.pip import Progress, run_pip
from scenesort.bundle.platforms import accepted_platforms
from scenesort.bundle.request import BundleRequest, pin_name
from scenesort.bundle.standalone.machine import plain_name, wheel_version
from scenesort.errors import BundleError, OptionError

PREINSTALLED = "preinstalled"
"""Local version of the empty wheels that stand for packages which are left out."""

CPU_INDEX = "https://download.pytorch.org/whl/cpu"


def base_constraints(given: Path | None) -> list[str]:
    """Return the lines of the constraints: of a file, else of those that scenesort was tested with, else none."""
    places = [given] if given else [Path(__file__).with_name("constraints.txt")]
    if given is None and (project := checkout(installed_scenesort())) is not None:
        places.append(project / "constraints.txt")
    for path in places:
        if path.is_file():
            lines = path.read_text(encoding="utf-8").splitlines()
            return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if given is not None:
        raise OptionError(f"--constraints {given}: there is no such file")
    return []


def versions_without(request: BundleRequest, constraints: Iterable[str]) -> dict[str, str]:
    """Return the packages to leave out with the version that the target is taken to have. Raises OptionError."""
    pinned = dict(line.split("==", 1) for line in constraints if "==" in line)
    found = {}
    for name, given in request.without:
        known = given or pinned.get(name, "") or _version_here(name)
        if not known:
            raise OptionError(f"--without {name}: which version is there? Write it as {name}==1.2.3")
        found[name] = known.partition("+")[0]
    return found


def _version_here(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def constraint_lines(request: BundleRequest, base: Sequence[str], without: dict[str, str]) -> list[str]:
    """Return the constraints for pip: what is pinned or left out takes the place of the base's line of that name."""
    own = {*map(pin_name, request.pins), *without}
    lines = [line for line in base if pin_name(line) not in own]
    pins = [re.sub(r"\[.*?\]", "", pin) for pin in request.pins]
    return [*lines, *pins, *(f"{name}=={known}+{PREINSTALLED}" for name, known in without.items())]


def write_stub(name: str, known: str, folder: Path) -> Path:
    """Write an empty wheel of a package that is left out, so that pip neither downloads it nor what it needs."""
    module, number = name.replace("-", "_"), f"{known}+{PREINSTALLED}"
    path = folder / f"{module}-{number}-py3-none-any.whl"
    info = f"{module}-{number}.dist-info"
    members = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: scenesort\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(path, "w") as wheel:
        for member, text in members.items():
            wheel.writestr(member, text)
        wheel.writestr(f"{info}/RECORD", "".join(f"{member},,\n" for member in (*members, f"{info}/RECORD")))
    return path


def download_words(
    request: BundleRequest, own: Path, constraints: Path, folder: Path, kept: Sequence[Path]
) -> list[str]:
    """Return what pip is asked: wheels for the target of scenesort's own, the pins and all that they need.

    `kept` are folders of wheels that pip looks into beside its index.
    """
    words = ["download", "--only-binary=:all:", "--implementation", "cp", "--python-version", request.python]
    words += [word for tag in accepted_platforms(request.platform) for word in ("--platform", tag)]
    words += ["--constraint", str(constraints), "--dest", str(folder)]
    if request.index_url:
        words += ["--index-url", request.index_url]
    words += [word for url in request.extra_index_urls for word in ("--extra-index-url", url)]
    words += [word for place in (*kept, *request.wheel_folders) for word in ("--find-links", str(place))]
    return [*words, str(own), *request.pins]


def download_wheels(
    request: BundleRequest,
    own: Path,
    constraints: Sequence[str],
    without: dict[str, str],
    folder: Path,
    *,
    scratch: Path,
    progress: Progress | None = None,
) -> list[str]:
    """Fill an empty folder with the wheels, scenesort's too; returns warnings. Raises BundleError."""
    for path in (folder, stubs := scratch / "left-out"):
        path.mkdir(parents=True, exist_ok=True)
    for name, known in without.items():
        write_stub(name, known, stubs)
    constraints_file = scratch / "constraints.txt"
    constraints_file.write_text("".join(f"{line}\n" for line in constraints), encoding="utf-8")
    words = download_words(request, own, constraints_file, folder, [stubs])
    try:
        run_pip(words, temporary=scratch / "pip", progress=progress)
    except BundleError as error:
        raise BundleError(
            f"pip could not collect the wheels for Python {request.python} on {request.platform}: {error}; check the "
            "network, pip's settings and the pins; wheels that you built yourself are named with --wheels DIR"
        ) from error
    used = set()
    for path in list(folder.glob(f"*+{PREINSTALLED}-*.whl")):
        used.add(wheel_version(path.name)[0])
        path.unlink()
    return [f"--without {name}: nothing needs it" for name in without if name not in used]


def accelerator_warnings(accelerator: str, names: Iterable[str]) -> list[str]:
    """Compare torch's wheel with what was asked for; raises BundleError when it can't use the GPU that is meant."""
    versions = dict(map(wheel_version, names))
    if "torch" not in versions:
        return []
    local = versions["torch"].partition("+")[2]
    cuda = sorted(name for name in versions if name.startswith("nvidia-") or name in {"triton", "cuda-bindings"})
    if accelerator == "cpu":
        if local.startswith("cu") or cuda:
            return [
                f"torch {versions['torch']} and {len(cuda)} more wheels are for GPUs and of no use to a CPU: "
                f"add --extra-index {CPU_INDEX} and --pin torch=={versions['torch'].partition('+')[0]}+cpu"
            ]
        return []
    wanted = accelerator.removesuffix("x")
    if local.startswith(wanted):
        return []
    major = accelerator[2:4]
    if local or not any(name.endswith(f"-cu{major}") for name in cuda):
        index = CPU_INDEX.removesuffix("cpu") + (accelerator if accelerator == wanted else "cu128")
        raise BundleError(
            f"torch {versions['torch']} of this index is not for {accelerator}: name an index that has such a build, "
            f"as in --index {index}, or leave torch out where it is installed: --without torch"
        )
    if accelerator != wanted:
        return []
    return [f"torch {versions['torch']} doesn't say that it is for {accelerator}: it has libraries of CUDA {major}"]


def check_python(request: BundleRequest) -> None:
    """Raise OptionError when scenesort doesn't run on the target's Python."""
    wanted = installed_scenesort().metadata["Requires-Python"] or ""
    minor = int(request.python.partition(".")[2])
    for operator, number in re.findall(r"(>=|<)\s*3\.(\d+)", wanted):
        if (minor < int(number)) if operator == ">=" else (minor >= int(number)):
            raise OptionError(f"--python {request.python}: scenesort runs on Python {wanted}")


def plain_names(paths: Iterable[Path]) -> set[str]:
    """Return the packages whose wheels these are."""
    return {plain_name(wheel_version(path.name)[0]) for path in paths}
