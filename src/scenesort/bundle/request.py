"""What a bundle is asked to hold, checked before anything is downloaded."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from scenesort.bundle.platforms import normal_platform
from scenesort.bundle.standalone.machine import plain_name
from scenesort.errors import OptionError

MIN_PART_BYTES = 1_000_000
UNITS = {"": 1.0, "b": 1.0, "kb": 1e3, "mb": 1e6, "gb": 1e9, "kib": 1024.0, "mib": 1024.0**2, "gib": 1024.0**3}
UNNAMED_DATASET = "INSERT_USERNAME_HERE/scenesort-bundle"

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"


@dataclass(frozen=True, slots=True)
class BundleRequest:
    """What a bundle is for and what goes into it.

    `models` are presets and names of weights; `pins` requirements such as `transformers==5.23.0`, which are bundled and
    installed too; `without` pairs of a package that stays out and its version at the target (empty: as here);
    `sources` pairs of a name and a source tree; `part_bytes` the largest size of a part, None for one part;
    `dataset` is `USER/SLUG`. The rest are pip's settings: `constraints` a file, None for scenesort's own.
    """

    models: tuple[str, ...]
    python: str = "3.11"
    platform: str = "manylinux_2_28_x86_64"
    accelerator: str = "cpu"
    pins: tuple[str, ...] = ()
    without: tuple[tuple[str, str], ...] = ()
    sources: tuple[tuple[str, Path], ...] = ()
    part_bytes: int | None = None
    as_zip: bool = False
    dataset: str = UNNAMED_DATASET
    accept_licence: bool = False
    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    wheel_folders: tuple[Path, ...] = ()
    constraints: Path | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"3\.\d+", self.python):
            raise OptionError(f"--python {self.python}: write it as 3.11")
        normal_platform(self.platform)
        if not re.fullmatch(r"cpu|cu1[0-9][0-9x]", self.accelerator):
            raise OptionError(f"--accelerator {self.accelerator}: there are cpu, cu12x, or one CUDA as in cu128")
        user, slash, slug = self.dataset.partition("/")
        if not slash or not re.fullmatch(r"[A-Za-z0-9_-]+", user) or not re.fullmatch(r"[a-z0-9-]{3,47}", slug):
            raise OptionError(
                f"--dataset {self.dataset}: write it as USER/SLUG, with a slug of 3 to 47 small letters, digits and '-'"
            )
        if self.part_bytes is not None and self.part_bytes < MIN_PART_BYTES:
            raise OptionError(f"--part-size: the smallest is {MIN_PART_BYTES / 1e6:.0f} MB")
        names = [name for name, _ in self.sources]
        if doubled := [name for name in names if names.count(name) > 1]:
            raise OptionError(f"--source {doubled[0]}: name each source tree once")
        both = {plain_name(name) for name, _ in self.without} & {pin_name(pin) for pin in self.pins}
        if both:
            raise OptionError(f"{both.pop()} is in --pin and in --without: it can't be both in the bundle and not")

    @property
    def slug(self) -> str:
        """The name of the data set in addresses and paths."""
        return self.dataset.partition("/")[2]


def split_names(text: str) -> tuple[str, ...]:
    """Split `balanced,dinov2-base`; raises OptionError when nothing is named."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise OptionError("--models: name presets and weights, as in balanced,dinov2-base")
    return names


def parse_pin(text: str) -> str:
    """Check a requirement such as `transformers==5.23.0`; raises OptionError."""
    compact = text.replace(" ", "")
    if not re.fullmatch(rf"{_NAME}(?:\[[A-Za-z0-9,._-]+\])?(?:(?:==|>=|<=|~=|!=|<|>)[A-Za-z0-9.*+!_-]+,?)+", compact):
        raise OptionError(f"--pin {text}: write it as transformers==5.23.0")
    return compact


def pin_name(pin: str) -> str:
    """Return the package that a requirement names."""
    return plain_name(re.split(r"[^A-Za-z0-9._-]", pin, maxsplit=1)[0])


def parse_without(texts: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Split `torch==2.6.0` or `torch,numpy` into names and versions (empty without one); raises OptionError."""
    found: dict[str, str] = {}
    for text in (item.strip() for given in texts for item in given.split(",")):
        matched = re.fullmatch(rf"({_NAME})(?:==([A-Za-z0-9.!]+)(?:\+[A-Za-z0-9.]+)?)?", text)
        if matched is None:
            raise OptionError(f"--without {text}: write it as torch, or torch==2.6.0 with the version that is there")
        if plain_name(matched[1]) == "scenesort":
            raise OptionError("--without scenesort: a bundle is there to install it")
        found[plain_name(matched[1])] = matched[2] or ""
    return tuple(found.items())


def parse_source(text: str) -> tuple[str, Path]:
    """Split `NAME=DIR`; raises OptionError for another form or where there is no such folder."""
    name, equals, folder = text.partition("=")
    if not equals or not re.fullmatch(_NAME, name) or not folder:
        raise OptionError(f"--source {text}: write it as mast3r=PATH/TO/mast3r")
    path = Path(folder).expanduser()
    if not path.is_dir():
        raise OptionError(f"--source {text}: there is no folder {path}")
    return name, path


def parse_size(text: str) -> int:
    """Read a size such as `2GB`, `500MB` or `1.5GiB` in bytes; raises OptionError."""
    matched = re.fullmatch(r"(\d+(?:\.\d+)?)([a-z]*)", text.replace(" ", "").lower())
    if matched is None or matched[2] not in UNITS:
        raise OptionError(f"--part-size {text}: write it as 2GB, 500MB or 1.5GiB")
    return round(float(matched[1]) * UNITS[matched[2]])
