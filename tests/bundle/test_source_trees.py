from __future__ import annotations

import os
from pathlib import Path

import pytest

from scenesort.bundle import BundleError
from scenesort.bundle.sources import empty_submodules, licence_files, tree_files


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "mast3r"
    for name in ("mast3r/model.py", "dust3r/.git", "dust3r/croco/x.py", ".git/config", "mast3r/__pycache__/m.pyc"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    for name in ("LICENSE", "CHECKPOINTS_NOTICE", "README.md"):
        (folder / name).write_text(name)
    (folder / ".gitmodules").write_text('[submodule "dust3r"]\n\tpath = dust3r\n[submodule "asmk"]\n\tpath = asmk\n')
    return folder


def test_a_tree_is_bundled_less_version_control_and_caches(tree: Path) -> None:
    files = list(tree_files("mast3r", tree))
    inside = [file.path.removeprefix("sources/mast3r/") for file in files]
    assert inside == [
        ".gitmodules",
        "CHECKPOINTS_NOTICE",
        "LICENSE",
        "README.md",
        "dust3r/croco/x.py",
        "mast3r/model.py",
    ]
    assert licence_files("mast3r", files) == ["sources/mast3r/CHECKPOINTS_NOTICE", "sources/mast3r/LICENSE"]


def test_submodules_that_were_not_fetched_are_named(tree: Path) -> None:
    assert empty_submodules(tree) == ["asmk"]


def test_a_link_inside_the_tree_is_the_file_itself(tree: Path) -> None:
    (tree / "copy.py").symlink_to("mast3r/model.py")
    (found,) = [file for file in tree_files("mast3r", tree) if file.path.endswith("/copy.py")]
    assert found.source == tree / "mast3r/model.py"


@pytest.mark.parametrize("kind", ["outside", "broken", "folder", "pipe"])
def test_what_an_archive_cannot_hold_is_refused(tree: Path, kind: str) -> None:
    target = tree / "odd"
    if kind == "pipe":
        os.mkfifo(target)
    else:
        target.symlink_to({"outside": "/etc/hostname", "broken": "nothing", "folder": "mast3r"}[kind])
    with pytest.raises(BundleError, match="odd"):
        list(tree_files("mast3r", tree))


def test_an_empty_tree_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no files"):
        list(tree_files("mast3r", tmp_path))
