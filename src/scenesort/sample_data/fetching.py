"""Bringing photo sets here: terms, room on the disk, one process at a time, verified, laid out and renamed in."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from scenesort.errors import SampleDataError, WeightsError
from scenesort.sample_data import records
from scenesort.sample_data.entries import DataFile, SampleSet, Source
from scenesort.sample_data.laying_out import Part, lay_out
from scenesort.sample_data.layouts import is_wanted
from scenesort.sample_data.registry import REGISTRY, check_pile, members_of
from scenesort.sample_data.store import DOWNLOADS, RECORD, Laid, data_folder, downloads_folder, find
from scenesort.weights.digests import digest_of, has_digest
from scenesort.weights.entries import WeightsFile
from scenesort.weights.locks import locked
from scenesort.weights.sources import archive
from scenesort.weights.sources.download import Progress, download, mirrored
from scenesort.workspace import files

SPARE_BYTES = 100e6
"""What must stay free on the disk."""

Notice = Callable[[str], None]


def fetch(
    names: Sequence[str],
    folder: Path | None = None,
    *,
    pile: str | None = None,
    source: str | None = None,
    accept_terms: bool = False,
    progress: Progress | None = None,
    notice: Notice = lambda sentence: None,
) -> list[Laid]:
    """Bring photo sets and named piles here, each into `folder/<name>`, and return where they are.

    With `pile` they become one pile of that name, with one table of labels. `source` is where from, the authors' own
    without one. Terms that need consent must be accepted. What is here is left as it is. Raises SampleDataError,
    WeightsError (a download failed), EvaluationError (true cameras are malformed) or WorkspaceError (the disk).
    """
    home = data_folder(folder)
    plans = [(name, [(entry, entry.source(source)) for entry in sets]) for name, sets in planned(names, pile)]
    absent = [plan for plan in plans if not _is_here(plan[0], plan[1], home, source)]
    _check_terms([entry for _, parts in absent for entry, _ in parts], accept_terms)
    with files.explained(home, "write"):
        (home / DOWNLOADS).mkdir(parents=True, exist_ok=True)
    waiting = "another process is fetching photo sets: waiting for it"
    for name, parts in absent:
        with locked(home / DOWNLOADS / "lock", lambda: notice(waiting)):
            if not _is_here(name, parts, home, source):
                _fetch_one(name, parts, home, progress, notice)
    found = [find(name, home) for name, _ in plans]
    return [laid for laid in found if laid is not None]


def planned(names: Sequence[str], pile: str | None) -> list[tuple[str, tuple[SampleSet, ...]]]:
    """Return what a fetch makes: names of folders with their sets; raises SampleDataError for what can't be mixed."""
    plans = [(name, members_of(name)) for name in dict.fromkeys(names)]
    if pile is not None:
        if not pile or Path(pile).name != pile or pile.startswith(".") or pile in {*REGISTRY, "outliers"}:
            raise SampleDataError(f"a pile can't be called '{pile}': give a plain name that is no set's")
        mixed = dict.fromkeys(entry for _, sets in plans for entry in sets)
        plans = [(pile, tuple(mixed))]
    for name, sets in plans:
        check_pile(name, sets)
    return plans


def _is_here(name: str, parts: Sequence[tuple[SampleSet, Source]], home: Path, source: str | None) -> bool:
    """Whether a set or pile is here, from the named source or, without a name, from any."""
    found = find(name, home)
    if found is None:
        return False
    wanted = tuple((entry.name, origin.name) for entry, origin in parts)
    if source is None and [entry for entry, _ in found.made_of] == [entry for entry, _ in wanted]:
        return True
    if found.made_of != wanted:
        has = ", ".join(f"{entry} ({source})" for entry, source in found.made_of)
        raise SampleDataError(
            f"{found.folder} is made of {has}, not of what is asked for; take another name or folder, or run: "
            f"scenesort data remove {name}"
        )
    return True


def _check_terms(entries: Sequence[SampleSet], accepted: bool) -> None:
    restricted = [entry for entry in dict.fromkeys(entries) if entry.needs_consent]
    if restricted and not accepted:
        listed = ", ".join(entry.name for entry in restricted)
        raise SampleDataError(
            f"nothing was fetched: the terms of {listed} must be accepted: read them with scenesort data info NAME, "
            "then give --yes"
        )


def _fetch_one(
    name: str, parts: Sequence[tuple[SampleSet, Source]], home: Path, progress: Progress | None, notice: Notice
) -> None:
    with files.explained(home, "write"):
        files.sweep(home, is_ours=False)
        laid_parts = []
        for entry, source in parts:
            notice(f"{entry.name}: {source.page}")
            came = downloads_folder(home, entry.name, source.name)
            _download_all(entry, source, came, home, progress, notice)
            laid_parts.append(Part(entry, source, _unpacked(source, came)))
        aside = files.aside(home / name)
        try:
            aside.mkdir()
            lay_out(aside, name, laid_parts)
            os.rename(aside, home / name)
        finally:
            files.remove(aside)
        for part in laid_parts:
            files.remove(downloads_folder(home, part.entry.name, part.source.name))


def _download_all(
    entry: SampleSet, source: Source, came: Path, home: Path, progress: Progress | None, notice: Notice
) -> None:
    came.mkdir(parents=True, exist_ok=True)
    _check_room(entry, home, sum(_room_for(came / file.path, file) for file in source.files))
    meter = _Meter(entry, source, came, home, progress)
    for file in source.files:
        target = came / file.path
        if not (target.is_file() and _flaw(target, file) is None):
            target.parent.mkdir(parents=True, exist_ok=True)
            sha256 = file.digest if file.digest and len(file.digest) == 64 else None
            expected = WeightsFile(file.path, file.size_bytes, sha256)
            download(mirrored(file.url), target, expected, progress=meter)
            if wrong := _flaw(target, file):
                target.unlink()
                raise WeightsError(f"{file.url}: {wrong}; nothing of it was kept")
        meter.finish(target)
        if file.digest is None:
            _compare(target, file, home / RECORD, notice)


def _room_for(target: Path, file: DataFile) -> int:
    """Return the bytes that a file still takes: what isn't here of it, and as much again to unpack it."""
    part = target.with_name(f"{target.name}.part")
    here = next((path.stat().st_size for path in (target, part) if path.is_file()), 0)
    size = file.size_bytes or 0
    return max(0, size - here) + (size if file.is_archive else 0)


def _check_room(entry: SampleSet, home: Path, needed: float) -> None:
    free = shutil.disk_usage(home).free
    if free < needed + SPARE_BYTES:
        raise SampleDataError(
            f"photo set '{entry.name}' needs {(needed + SPARE_BYTES) / 1e6:,.0f} MB on the disk of {home}, where "
            f"{free / 1e6:,.0f} MB are free: free some space, or name another folder with --out"
        )


def _flaw(path: Path, file: DataFile) -> str | None:
    """Return what is wrong with a download, or None; a file without a published digest was checked when it came."""
    if file.size_bytes is not None and path.stat().st_size != file.size_bytes:
        return f"it has {path.stat().st_size:,} bytes instead of {file.size_bytes:,}"
    if file.digest is not None and not has_digest(path, file.digest):
        return "its bytes are not those that were published"
    return None


def _compare(path: Path, file: DataFile, record: Path, notice: Notice) -> None:
    """Compare a file without a published digest with what came first, and with what others report."""
    digest = digest_of(path)
    first = records.read(record).get(file.url)
    if first == digest:
        return
    if first is not None:
        path.unlink()
        raise SampleDataError(
            f"{file.url}: its bytes are not those of the first download, which {record} records; nothing of it was "
            "kept. If its authors changed it, delete that line and run the command again"
        )
    if file.reported is None:
        notice(f"{file.name}: no checksum is published; SHA-256 {digest} is recorded")
    elif file.reported == digest:
        notice(f"{file.name}: no checksum is published; its SHA-256 is the one that others report")
    else:
        notice(f"warning: {file.name}: SHA-256 {digest} is not {file.reported}, which others report; it is recorded")
    records.add(record, file.url, digest)


def _unpacked(source: Source, came: Path) -> Path:
    """Return the folder of the photos and cameras: archives are unpacked into a folder of their own."""
    archives = [came / file.path for file in source.files if file.is_archive]
    if not archives:
        return came
    place = came / "unpacked"
    files.remove(place)
    for path in archives:
        wanted = [member for member in archive.member_names(path) if is_wanted(member)]
        if not wanted:
            raise SampleDataError(f"{path.name} holds neither photos nor cameras; the source's layout has changed")
        archive.take(path, {member: place / member for member in wanted})
    return place


class _Meter:
    """Adds up the files of a set for whoever shows progress, and sees that archives of unknown size find room."""

    def __init__(self, entry: SampleSet, source: Source, came: Path, home: Path, progress: Progress | None) -> None:
        self._entry = entry
        self._came = came
        self._home = home
        self._progress = progress
        sizes = [file.size_bytes for file in source.files]
        known = [size for size in sizes if size is not None]
        self._total = sum(known) if len(known) == len(sizes) else None
        self._unsized = {file.path for file in source.files if file.size_bytes is None}
        self._finished = 0

    def __call__(self, path: str, done: int, total: int | None) -> None:
        """Take what a download tells of one file."""
        if total is not None and path in self._unsized:
            self._unsized.discard(path)
            _check_room(self._entry, self._home, 2 * total - done)
        if self._progress:
            self._progress(self._entry.name, self._finished + done, self._total)

    def finish(self, target: Path) -> None:
        """Take a file that is whole."""
        self._finished += target.stat().st_size
        if self._progress:
            self._progress(self._entry.name, self._finished, self._total)
