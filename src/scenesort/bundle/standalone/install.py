"""Install a bundle where there is no network: check it, join what was cut, install its wheels, set the variables."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from . import machine
from .contents import (
    BundledFile,
    BundleFault,
    Manifest,
    Piece,
    find_parts,
    flaw_of,
    join,
    pieces_of,
    place_of,
    read_manifest,
)
from .environment import helper_text, prepended, shell_text, variables

NUM_SHOWN = 10


def arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="install.py", description="Install this bundle without a network.")
    parser.add_argument("--target", type=Path, metavar="DIR", help="private folder, which leaves the environment alone")
    parser.add_argument("--check", action="store_true", help="check everything and tell what would change; do nothing")
    parser.add_argument("--quick", action="store_true", help="check weights by their size alone: seconds for gigabytes")
    parser.add_argument("--parts", type=Path, nargs="+", default=[], metavar="DIR", help="where its other parts lie")
    parser.add_argument(
        "--work", type=Path, metavar="DIR", help="folder for env.sh, offline.py and joined files (a cache of yours)"
    )
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Run the installer of the bundle that lies around this file; returns the exit status."""
    chosen = arguments(words)
    try:
        install(Path(__file__).resolve().parents[1], chosen)
    except BundleFault as fault:
        print(f"error: {fault}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: can't write: {error}; free some space or choose other folders", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; start it again to go on", file=sys.stderr)
        return 130
    return 0


def install(here: Path, chosen: argparse.Namespace) -> None:
    """Install the bundle in `here`. Raises BundleFault."""
    manifest = read_manifest(here)
    folders = find_parts(manifest, here, chosen.parts)
    machine.check_machine(manifest)
    machine.check_without(manifest)
    check_files(manifest, folders, quick=chosen.quick)
    print(f"checked: {len(manifest.files)} files, scenesort {manifest.scenesort}")
    work = (chosen.work or default_work(manifest)).absolute()
    target = chosen.target.absolute() if chosen.target else None
    if target is not None and target.exists() and any(target.iterdir()) and not is_ours(target):
        raise BundleFault(f"{target} holds something other than an installed bundle: name a new or empty folder")
    root = assemble(manifest, folders, work, is_needed=not chosen.check)
    wheels = machine.wheels_in([root / "wheels"]) if root else []
    if root is None:
        print("wheels that were cut are joined at the installation: what it would replace is not known before")
    elif target is None:
        install_into_environment(manifest, root, only_check=chosen.check)
    else:
        warn_of_versions(wheels)
        if not chosen.check:
            install_into_folder(wheels, target)
    if root is not None and not chosen.check:
        write_helpers(root, work, target, wheels)


def default_work(manifest: Manifest) -> Path:
    """Return the folder for what the installation writes, which is kept: one a bundle in the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return cache / "scenesort" / f"bundle-{manifest.identity}"


def check_files(manifest: Manifest, folders: Sequence[Path], *, quick: bool) -> None:
    """Raise BundleFault when files are missing or damaged; `quick` looks at the size of weights alone."""
    wrong, absent_parts = [], set()
    for file in manifest.files:
        for piece in file.pieces:
            path = place_of(piece, folders)
            if path is None:
                absent_parts.add(piece.part)
                wrong.append(f"{piece.path} is missing (part {piece.part})")
            elif flaw := flaw_of(piece, path, by_size=quick and file.path.startswith("weights/")):
                wrong.append(f"{path}: {flaw}")
    if wrong:
        more = f" and {len(wrong) - NUM_SHOWN} more" if len(wrong) > NUM_SHOWN else ""
        hint = ""
        if manifest.num_parts > 1 and absent_parts:
            hint = f"; the bundle has {manifest.num_parts} parts: name folders of other parts with --parts"
        raise BundleFault("; ".join(wrong[:NUM_SHOWN]) + more + hint + "; copy the bundle here again")


def assemble(manifest: Manifest, folders: Sequence[Path], work: Path, *, is_needed: bool) -> Path | None:
    """Return a folder with the whole bundle: itself, or links to its parts and joined files in the working folder.

    None when joined files aren't there yet and `is_needed` is false.
    """
    is_whole = all(len(file.pieces) == 1 and not file.is_cut for file in manifest.files)
    if is_whole:
        for folder in folders:
            if all((folder / piece.path).exists() for piece in pieces_of(manifest.files)):
                return folder
    root = work / "files"
    if not is_needed:
        return None
    _check_room(manifest, work)
    for file in manifest.files:
        _put(file, folders, root / file.path)
    listed = {root / file.path for file in manifest.files}
    for path in list(root.rglob("*")):
        if (path.is_symlink() or path.is_file()) and path not in listed:
            path.unlink()
    return root


def _put(file: BundledFile, folders: Sequence[Path], target: Path) -> None:
    if file.is_cut:
        if not (target.is_file() and not target.is_symlink() and flaw_of(_as_piece(file), target) is None):
            join(file, folders, target)
        return
    source = place_of(file.pieces[0], folders)
    if source is None:
        raise BundleFault(f"{file.path} was removed while the bundle was installed")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    target.symlink_to(source.absolute())


def _as_piece(file: BundledFile) -> Piece:
    return Piece(file.path, 0, file.size_bytes, file.sha256)


def _check_room(manifest: Manifest, work: Path) -> None:
    work.mkdir(parents=True, exist_ok=True)
    needed = sum(
        file.size_bytes for file in manifest.files if file.is_cut and not (work / "files" / file.path).is_file()
    )
    free = shutil.disk_usage(work).free
    if needed > free:
        raise BundleFault(
            f"joining needs {needed / 1e6:,.0f} MB in {work}, where {free / 1e6:,.0f} MB are free: "
            "name another folder with --work"
        )


def install_into_environment(manifest: Manifest, root: Path, *, only_check: bool) -> None:
    """Install into the environment of this Python, replacing only what must be."""
    asked = ["--find-links", str(root / "wheels"), *manifest.requirements]
    found = machine.planned_changes(asked)
    for sentence in machine.warn_of_replaced(found):
        print(f"warning: {sentence}")
    if only_check:
        return
    was_here = machine.installed_version("scenesort") == manifest.scenesort
    run_pip(["install", "--no-index", *asked])
    if was_here:  # perhaps in another state of the same version, which pip takes for the same
        own = [str(path) for path in (root / "wheels").glob("scenesort-*.whl")]
        run_pip(["install", "--no-index", "--no-deps", "--force-reinstall", *own])


def warn_of_versions(wheels: Sequence[Path]) -> None:
    """Tell which packages stay as they are beside other versions in a private folder."""
    for change in machine.changes(dict(machine.wheel_version(path.name) for path in wheels)):
        print(f"{change.name} {change.here} stays as it is; the private folder has {change.bundled}")


def is_ours(target: Path) -> bool:
    """Whether a private folder has a scenesort that an installation put there."""
    return any(target.glob("scenesort-*.dist-info"))


def install_into_folder(wheels: Sequence[Path], target: Path) -> None:
    """Install into a new private folder, filled aside and renamed in."""
    aside = target.with_name(f".tmp-{os.getpid()}-{target.name}")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        # All that is needed was chosen when the bundle was made; pip would not count what is here already.
        run_pip(["install", "--no-index", "--no-deps", "--target", str(aside), *map(str, wheels)])
        if target.exists():
            shutil.rmtree(target)
        os.rename(aside, target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def run_pip(words: Sequence[str]) -> None:
    """Run pip. Raises BundleFault with its reason."""
    command = [*machine.pip_command(), *words, "--quiet"]
    finished = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False, env=machine.pip_environment())
    if finished.returncode != 0:
        raise BundleFault(
            f"pip could not install the bundle: {machine.reason_of(finished.stderr)}; "
            "an environment of its own (python -m venv) or --target DIR may help"
        )


def write_helpers(root: Path, work: Path, target: Path | None, wheels: Sequence[Path]) -> None:
    """Write env.sh and offline.py, and print what to do with them."""
    work.mkdir(parents=True, exist_ok=True)
    settings, before = variables(root), prepended(root, target)
    versions = dict(machine.wheel_version(path.name) for path in wheels)
    for name, text in (
        ("env.sh", shell_text(settings, before)),
        ("offline.py", helper_text(settings, before, versions)),
    ):
        aside = work / f".tmp-{os.getpid()}-{name}"
        aside.write_text(text, encoding="utf-8")
        os.replace(aside, work / name)
    print(f"installed into {target or sys.prefix}; variables:")
    for name, value in {**settings, **before}.items():
        print(f"  {name}={value}")
    print(f"in a shell:     . {work / 'env.sh'}")
    print(f"in a notebook:  %run {work / 'offline.py'}")
