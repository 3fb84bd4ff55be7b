"""Making a bundle: weights, wheels, source trees, then parts with a manifest; aside, resumable, renamed in."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scenesort.bundle import describing
from scenesort.bundle.choosing import choose_wheels
from scenesort.bundle.layout import part_folder, plan_parts, size_of, write_files
from scenesort.bundle.models import PlacedFile, code_warnings, entries_for, found_models, licence_warnings, placed
from scenesort.bundle.packing import ARCHIVE, Notice, check_place, pack, require_room
from scenesort.bundle.pip import Progress
from scenesort.bundle.platforms import differs_from_here, normal_platform
from scenesort.bundle.request import BundleRequest
from scenesort.bundle.sources import empty_submodules, licence_files, tree_files
from scenesort.bundle.standalone.contents import MANIFEST, BundledFile
from scenesort.bundle.wheels import check_python
from scenesort.weights import WeightsEntry, fetch
from scenesort.weights.locks import locked
from scenesort.workspace import files


@dataclass(frozen=True, slots=True)
class Created:
    """A finished bundle: its folder, what it holds, the line that installs it, and what its user should know."""

    out: Path
    num_files: int
    num_wheels: int
    num_parts: int
    size_bytes: int
    install_line: str
    notebook: Path
    warnings: tuple[str, ...]


def create(
    request: BundleRequest, out: Path, *, progress: Progress | None = None, notice: Notice = lambda sentence: None
) -> Created:
    """Make a bundle in the folder `out`, which may hold an older one; a second call goes on where one was stopped.

    Models that aren't on this machine are fetched into the user's weights folder, wheels with pip. Raises
    BundleError, OptionError, WeightsError, WorkspaceError.
    """
    out = out.absolute()
    entries = entries_for(request.models)
    check_python(request)
    check_place(out)
    warnings = [*licence_warnings(entries), *code_warnings(request, entries)]
    if differs_from_here(request.platform):
        warnings.append("the target is another kind of machine than this: pip may miss packages for its system alone")
    with files.explained(out, "write"):
        out.parent.mkdir(parents=True, exist_ok=True)
        work, lock = out.with_name(f"{out.name}.part"), out.with_name(f"{out.name}.lock")
        with locked(lock, lambda: notice(f"another process is making {out}: waiting for it")):
            work.mkdir(exist_ok=True)
            try:
                return _make(request, out, work, entries, warnings, progress, notice)
            finally:
                with contextlib.suppress(OSError):  # what is unfinished stays, to go on from
                    work.rmdir()


def _make(
    request: BundleRequest,
    out: Path,
    work: Path,
    entries: Sequence[WeightsEntry],
    warnings: Sequence[str],
    progress: Progress | None,
    notice: Notice,
) -> Created:
    names = [entry.name for entry in entries]
    fetch(names, accept_licence=request.accept_licence, progress=progress, notice=notice)
    wheels = choose_wheels(request, out, work, progress=progress, notice=notice)
    placed_files = [PlacedFile(f"wheels/{path.name}", path) for path in wheels.paths]
    placed_files += [file for found in found_models(entries) for file in placed(found)]
    licences, trees, more = _sources(request)
    placed_files += trees
    notice("writing and hashing")
    result = work / "result"
    bundled, num_parts = _write(request, placed_files, result, out)
    manifest = describing.manifest_text(
        request,
        version=wheels.version,
        platform=normal_platform(request.platform),
        entries=entries,
        without=wheels.without,
        licences=licences,
        bundled=bundled,
        num_parts=num_parts,
        wheels_key=wheels.key,
    )
    _describe(request, result, manifest, wheels.version, num_parts)
    _put_in_place(result, out, work)
    return Created(
        out=out,
        num_files=len(bundled),
        num_wheels=len(wheels.paths),
        num_parts=num_parts,
        size_bytes=sum(file.size_bytes for file in bundled),
        install_line=describing.install_line(out, num_parts, as_zip=request.as_zip),
        notebook=out / describing.NOTEBOOK,
        warnings=(*warnings, *more, *wheels.warnings),
    )


def _sources(request: BundleRequest) -> tuple[dict[str, list[str]], list[PlacedFile], list[str]]:
    """Return the source trees' licence files, all their files, and warnings."""
    licences, trees, warnings = {}, [], []
    for name, folder in request.sources:
        tree = list(tree_files(name, folder))
        licences[name] = licence_files(name, tree)
        trees += tree
        warnings += [
            f"--source {name}: the submodule {missing} is empty: fetch it with git submodule update --init"
            for missing in empty_submodules(folder)
        ]
    return licences, trees, warnings


def _write(
    request: BundleRequest, placed_files: Sequence[PlacedFile], result: Path, out: Path
) -> tuple[list[BundledFile], int]:
    """Write all files of the bundle's parts below an empty folder; returns them and the number of parts."""
    common = describing.installer_files()
    sized = [(file, size_of(file)) for file in placed_files]
    planned, num_parts = plan_parts(sized, request.part_bytes, sum(map(size_of, common)))
    # Whole files are links, cut ones and archives are copies.
    copied = [item.size_bytes for item in planned if request.as_zip or len(item.slices) > 1]
    require_room(result.parent, float(sum(copied)), "writing the bundle", out)
    files.remove(result)
    installer, _ = plan_parts([(file, size_of(file)) for file in common], None, 0)
    everywhere: list[BundledFile] = []
    for part in range(1, num_parts + 1):
        everywhere = write_files(installer, part_folder(result, part, num_parts), 1)
    anywhere = [
        dataclasses.replace(file, pieces=tuple(dataclasses.replace(piece, part=0) for piece in file.pieces))
        for file in everywhere
    ]
    return [*anywhere, *write_files(planned, result, num_parts)], num_parts


def _describe(request: BundleRequest, result: Path, manifest: str, version: str, num_parts: int) -> None:
    """Write manifests, archives, descriptions and the notebook."""
    for part in range(1, num_parts + 1):
        folder = part_folder(result, part, num_parts)
        (folder / MANIFEST).write_text(manifest, encoding="utf-8")
        if request.as_zip:
            pack(folder, folder / (f"{ARCHIVE}.zip" if num_parts == 1 else f"{ARCHIVE}-{part}.zip"))
        metadata = describing.dataset_metadata(request, version, part, num_parts)
        (folder / describing.DATASET_METADATA).write_text(metadata, encoding="utf-8")
    (result / describing.NOTEBOOK).write_text(describing.notebook_text(request), encoding="utf-8")


def _put_in_place(result: Path, out: Path, work: Path) -> None:
    """Rename a finished bundle in; a notebook that its user has changed is kept beside the new one."""
    earlier = out / describing.NOTEBOOK
    if earlier.is_file() and earlier.read_bytes() != (result / describing.NOTEBOOK).read_bytes():
        os.rename(earlier, result / describing.KEPT_NOTEBOOK)
    old = work / "old"
    files.remove(old)
    if out.exists():
        os.rename(out, old)
    os.rename(result, out)
    files.remove(work)
