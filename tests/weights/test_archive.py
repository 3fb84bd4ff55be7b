"""Archives are searched for what is wanted, and refused whole when they hold a path or a link that leads outside."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenesort.errors import WeightsError
from scenesort.weights.sources.archive import is_safe, member_names, take

OUTSIDE = ["/etc/evil", "../evil", "a/../../evil", "a/..", "..", "C:/evil", "a\\..\\evil", "\\evil", ""]


def make_zip(path, members, links=()):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        for name in links:
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, "/etc/passwd")
    return path


def make_tar(path, members, links=(), kind=tarfile.SYMTYPE):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for name in links:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    return path


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_only_the_wanted_members_are_taken(tmp_path, make):
    archive = make(tmp_path / "archive", {"in/a.pt": b"A" * 5_000, "in/b.pt": b"B", "in/code.py": b"raise SystemExit"})
    assert sorted(member_names(archive)) == ["in/a.pt", "in/b.pt", "in/code.py"]
    take(archive, {"in/a.pt": tmp_path / "out/one"})
    assert (tmp_path / "out/one").read_bytes() == b"A" * 5_000
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["one"]
    with pytest.raises(WeightsError, match=r"'in/c\.pt' is not in archive"):
        take(archive, {"in/c.pt": tmp_path / "out/two"})


@pytest.mark.parametrize("name", [name for name in OUTSIDE if name])
@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_paths_outside_the_folder_are_refused(tmp_path, make, name):
    archive = make(tmp_path / "archive", {"good": b"good", name: b"evil"})
    if make is make_zip and "\\" in name:
        # Python's zipfile writes and reads such names as they are on this system.
        assert name in zipfile.ZipFile(archive).namelist()
    with pytest.raises(WeightsError, match="outside its folder; nothing was taken"):
        take(archive, {"good": tmp_path / "good"})
    assert not (tmp_path / "good").exists()


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_links_are_refused(tmp_path, make):
    archive = make(tmp_path / "archive", {"good": b"good"}, links=["link"])
    with pytest.raises(WeightsError, match="'link' is a link or a device"):
        take(archive, {"good": tmp_path / "good"})


@pytest.mark.parametrize("kind", [tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_hard_links_and_devices_are_refused(tmp_path, kind):
    archive = make_tar(tmp_path / "archive", {"good": b"good"}, links=["link"], kind=kind)
    with pytest.raises(WeightsError, match="a link or a device"):
        member_names(archive)


@pytest.mark.parametrize(
    "content", [b"", b"not an archive", b"PK\x05\x06" + bytes(18) + b"!" * 9, b"\x1f\x8b\x08" + bytes(40)]
)
def test_what_is_no_archive_is_refused(tmp_path, content):
    path = tmp_path / "archive"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"not a readable zip|is not in"):
        take(path, {"a": tmp_path / "a"})


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_a_cut_or_damaged_archive_is_told(tmp_path, make):
    good = make(tmp_path / "good", {"a": bytes(range(256)) * 500}).read_bytes()
    for broken in (good[: len(good) // 2], good[:60] + b"\xff" * 200 + good[260:]):
        path = tmp_path / "broken"
        path.write_bytes(broken)
        with pytest.raises(WeightsError):
            take(path, {"a": tmp_path / "a"})


@pytest.mark.parametrize("name", OUTSIDE)
def test_unsafe_names(name):
    assert not is_safe(name)


parts = st.sampled_from(["a", "b.pt", "..", ".", "", "C:", "\\", "x y"])


@given(st.lists(parts, min_size=1, max_size=6).map("/".join))
def test_a_safe_name_stays_inside_whatever_folder(name):
    if is_safe(name):
        root = PurePosixPath("/root/folder")
        resolved = Path(root / name).resolve()
        assert resolved == Path(root) or Path(root) in resolved.parents
