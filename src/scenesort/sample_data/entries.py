"""What the registry says of a photo set: its files, where they come from, how they are laid out, its terms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from scenesort.errors import SampleDataError

Layout = Literal["camera files", "poses file", "projection matrices", "photos only"]
"""How a set tells its true cameras; see scenesort.sample_data.layouts."""

SOURCE_NAMES = ("original", "copy")
"""The authors' own files, and those that others keep in another form."""

ARCHIVE_ENDINGS = (".zip", ".tar.gz", ".tgz", ".tar")


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file of a source: a photo, a file of true cameras, or an archive of both.

    `path` is its path in the source, `/` between parts. `size_bytes` is None where nobody published it. `digest` is
    hexadecimal: SHA-256 (64 digits) or git's name of the content (40); None where nobody published one. `reported` is a
    SHA-256 that a third party says it had: what comes is compared with it, and a difference told, but not refused.
    """

    path: str
    url: str
    size_bytes: int | None = None
    digest: str | None = None
    reported: str | None = None

    @property
    def name(self) -> str:
        """The file's name without folders."""
        return self.path.rsplit("/", 1)[-1]

    @property
    def is_archive(self) -> bool:
        """Whether it is to be unpacked."""
        return self.path.endswith(ARCHIVE_ENDINGS)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a set can be had.

    `name`, one of SOURCE_NAMES, is what `--source` takes; `page` is the address of whoever publishes it, for people.
    `about_mb` is the size of the downloads where no exact one is published and somebody tells it. `known_from` says how
    we know the addresses, sizes and digests; `note` what differs from other sources.
    """

    name: str
    page: str
    files: tuple[DataFile, ...]
    layout: Layout
    known_from: str
    about_mb: float | None = None
    note: str = ""

    @property
    def size_mb(self) -> float | None:
        """Megabytes to download: exact where every file's size is published, else about_mb."""
        sizes = [file.size_bytes for file in self.files]
        known = [size for size in sizes if size is not None]
        return sum(known) / 1e6 if len(known) == len(sizes) else self.about_mb

    @property
    def checksums(self) -> str:
        """How the files are checked, in words."""
        kinds = {"none" if file.digest is None else len(file.digest) for file in self.files}
        if kinds == {64}:
            return "SHA-256 of every file, computed by us from the repository's commit"
        if "none" not in kinds:
            return "SHA-256 or git's own name of every file, from the repository's commit"
        reported = "; also compared with what a third party reported" if any(f.reported for f in self.files) else ""
        return f"none published; the first download's SHA-256 is recorded and later ones are compared{reported}"


@dataclass(frozen=True, slots=True)
class SampleSet:
    """Photos of one place.

    `sources` are alternatives; the first is taken unless another is named. `truth` says who made the true cameras, and
    is empty where there are none: such a set can be sorted but not scored. `terms` is what is known of the licence,
    `terms_from` where we know it from; `needs_consent` where that isn't a licence that lets everybody use it.
    Two sets of one `place` show the same walls: as two scenes of one pile their labels would be wrong.
    """

    name: str
    title: str
    num_photos: int
    place: str
    sources: tuple[Source, ...]
    truth: str
    terms: str
    terms_from: str
    citation: str
    needs_consent: bool = True

    def source(self, name: str | None) -> Source:
        """Return the source called `name` where the set has it, else its first; raises SampleDataError.

        So `copy` takes the copies of all sets that have one, which may be mixed with others that have none.
        """
        if name not in (None, *SOURCE_NAMES):
            raise SampleDataError(f"no kind of source is called '{name}'; there are: {', '.join(SOURCE_NAMES)}")
        return next((source for source in self.sources if source.name == name), self.sources[0])
