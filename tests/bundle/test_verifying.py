from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import bundle_world
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenesort.bundle import BundleError, verify
from scenesort.bundle.standalone.contents import MANIFEST, BundledFile, BundleFault, Piece, identity_of, is_safe
from scenesort.bundle.standalone.contents import parse_manifest as parse


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Callable[[str], Path]:
    def copied(name: str) -> Path:
        shutil.copytree(made / name, tmp_path / name)
        return tmp_path / name

    return copied


@pytest.mark.parametrize("name", ["whole", "parts", "zipped", "zipped/scenesort-bundle.zip"])
def test_a_bundle_is_good_in_every_form(made: Path, name: str) -> None:
    found = verify(made / name)
    assert found.is_good
    assert found.absent == ()
    assert found.manifest.scenesort == bundle_world.VERSION


def test_one_part_is_good_and_the_others_are_named(made: Path, copy: Callable[[str], Path]) -> None:
    folder = copy("parts")
    shutil.rmtree(folder / "part-1")
    for path in (folder, folder / "part-2"):
        found = verify(path)
        assert found.is_good
        assert (found.parts, found.absent) == ((2,), (1,))
    assert verify(made / "parts/part-2").parts == (1, 2)


def test_each_change_is_found(copy: Callable[[str], Path]) -> None:
    folder = copy("whole")
    wheel = folder / "wheels/tinydep-2.0-py3-none-any.whl"
    content = bytearray(wheel.read_bytes())
    content[100] ^= 1
    wheel.write_bytes(content)
    (folder / "install.py").write_text("short")
    (folder / "sources/upstream/LICENSE").unlink()
    (folder / "sources/upstream/new.py").write_text("new")
    found = verify(folder)
    assert not found.is_good
    assert found.missing == ("sources/upstream/LICENSE",)
    assert [line.partition(":")[0] for line in found.damaged] == ["install.py", "wheels/tinydep-2.0-py3-none-any.whl"]
    assert found.extra == (str(folder / "sources/upstream/new.py"),)


def test_a_changed_byte_of_a_piece_is_found(copy: Callable[[str], Path]) -> None:
    folder = copy("parts")
    (piece,) = folder.rglob("tiny.pth.part-001")
    piece.write_bytes(bytes(len(piece.read_bytes())))
    (line,) = verify(folder).damaged
    assert line.startswith("weights/scenesort/tiny.pth.part-001: ")


def test_what_belongs_to_every_part_is_looked_for_in_every_part(copy: Callable[[str], Path]) -> None:
    folder = copy("parts")
    (folder / "part-2/install.py").unlink()
    assert verify(folder).missing == ("install.py",)


def test_parts_of_different_bundles_are_told_apart(made: Path, copy: Callable[[str], Path]) -> None:
    folder = copy("parts")
    shutil.copy(made / "whole" / MANIFEST, folder / "part-2" / MANIFEST)
    with pytest.raises(BundleError, match="different bundles"):
        verify(folder)


def rewritten(archive: Path, change: Callable[[zipfile.ZipFile], None], *dropped: str) -> None:
    old = archive.with_suffix(".old")
    archive.rename(old)
    with zipfile.ZipFile(old) as before, zipfile.ZipFile(archive, "w") as after:
        for info in before.infolist():
            if info.filename not in dropped:
                after.writestr(info, before.read(info))
        change(after)
    old.unlink()


def test_changes_in_an_archive_are_found(copy: Callable[[str], Path]) -> None:
    folder = copy("zipped")

    def change(archive: zipfile.ZipFile) -> None:
        archive.writestr("extra.txt", "extra")
        archive.writestr("install.py", "other")

    rewritten(folder / "scenesort-bundle.zip", change, "install.py", "weights/scenesort/tiny.pth")
    found = verify(folder)
    assert found.missing == ("weights/scenesort/tiny.pth",)
    assert [line.partition(":")[0] for line in found.damaged] == ["install.py"]
    assert [line.rpartition(" ")[2] for line in found.extra] == ["extra.txt"]


def test_an_archive_with_flipped_bytes_is_damaged(copy: Callable[[str], Path]) -> None:
    archive = copy("zipped") / "scenesort-bundle.zip"
    content = bytearray(archive.read_bytes())
    start = content.index(bundle_world.CONTENT[:1000])
    content[start + 500] ^= 1
    archive.write_bytes(content)
    (line,) = verify(archive).damaged
    assert line.startswith("weights/scenesort/tiny.pth: ")


@pytest.mark.parametrize("name", ["../outside.py", "/etc/outside.py", "wheels/../../outside.py", "C:/outside.py"])
def test_archives_with_paths_outside_their_folder_are_refused(copy: Callable[[str], Path], name: str) -> None:
    archive = copy("zipped") / "scenesort-bundle.zip"
    rewritten(archive, lambda opened: opened.writestr(name, "harm"))
    with pytest.raises(BundleError, match=r"outside\.py' lies outside its folder"):
        verify(archive)


def test_archives_with_links_are_refused(copy: Callable[[str], Path]) -> None:
    archive = copy("zipped") / "scenesort-bundle.zip"
    link = zipfile.ZipInfo("wheels/link.whl")
    link.external_attr = 0o120777 << 16
    rewritten(archive, lambda opened: opened.writestr(link, "/etc/passwd"))
    with pytest.raises(BundleError, match=r"link\.whl' is a link"):
        verify(archive)


def test_wheels_with_paths_outside_their_folder_are_refused(copy: Callable[[str], Path]) -> None:
    folder = copy("whole")
    with zipfile.ZipFile(folder / "wheels/tinydep-2.0-py3-none-any.whl", "a") as wheel:
        wheel.writestr("../../outside.py", "harm")
    with pytest.raises(BundleError, match=r"tinydep.*outside\.py' lies outside"):
        verify(folder)


@pytest.mark.parametrize("name", ["wheels/tinydep-2.0-py3-none-any.whl", "wheels"])
def test_links_in_a_folder_are_refused(copy: Callable[[str], Path], name: str) -> None:
    folder = copy("whole")
    (folder / name).rename(folder.parent / "elsewhere")
    (folder / name).symlink_to(folder.parent / "elsewhere")
    with pytest.raises(BundleError, match="link"):
        verify(folder)


def manifest_with(path: str) -> str:
    files = (BundledFile(path, 1, "0" * 64, (Piece(path, 1, 1, "0" * 64),)),)
    data = {"format": 1, "identity": identity_of(files), "scenesort": "1", "python": "3.11", "platform": "x"}
    data |= {"accelerator": "cpu", "requirements": [], "without": {}, "num_parts": 1}
    return json.dumps({**data, "files": [{"path": path, "size": 1, "sha256": "0" * 64, "part": 1}]})


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x", "a\\b", "C:x", "", "a\0b", "a//b", ".."])
def test_a_manifest_with_a_path_that_leads_outside_is_refused(path: str) -> None:
    with pytest.raises(BundleFault, match="leads outside"):
        parse(manifest_with(path), "manifest")


@given(st.lists(st.text("ab.-_+ é", min_size=1).filter(lambda part: part != ".."), min_size=1))
def test_ordinary_paths_are_safe(parts: list[str]) -> None:
    assert is_safe("/".join(parts)) or set("".join(parts)) == {"."}


@given(st.text("ab./\\:", max_size=12))
def test_a_safe_path_stays_in_its_folder(path: str) -> None:
    if is_safe(path):
        assert (Path("/folder") / path).resolve().is_relative_to("/folder")


def test_a_manifest_whose_list_was_changed_is_refused() -> None:
    changed = manifest_with("a").replace('"path": "a"', '"path": "b"')
    assert changed != manifest_with("a")
    with pytest.raises(BundleFault, match="list of files was changed"):
        parse(changed, "manifest")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', '{"format": 9}', "null"])
def test_what_is_no_manifest_is_refused(text: str) -> None:
    with pytest.raises(BundleFault, match="manifest"):
        parse(text, "manifest")


@pytest.mark.parametrize("content", [None, "file", "folder", "zip"])
def test_what_is_no_bundle_is_refused(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "thing"
    if content == "file":
        path.write_text("text")
    elif content == "folder":
        path.mkdir()
    elif content == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a", "b")
    with pytest.raises(BundleError, match="thing"):
        verify(path)
