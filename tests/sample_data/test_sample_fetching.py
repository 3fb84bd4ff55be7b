"""Fetching from a server on this machine: what comes is checked, laid out whole or not at all, and goes on later."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from sample_world import SampleServer, blob_name, camera_text, images_text, labels_of, photo, ring, sha256, tar, zipped
from scenesort.errors import SampleDataError, ScenesortError, WeightsError
from scenesort.sample_data import fetching
from scenesort.sample_data.fetching import fetch
from weights_world import cut, status, whole


def left(home: Path) -> list[str]:
    """What lies in the folder of sets and isn't a folder itself."""
    return sorted(path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file())


def test_archives_as_the_benchmark_has_them(home: Path, server: SampleServer) -> None:
    server.fountain()
    said: list[str] = []
    (laid,) = fetch(["well-p4"], home, notice=said.append)
    assert laid.photos == home / "well-p4/photos/well-p4"
    assert (laid.photos / "0002.png").read_bytes() == photo(2)
    found = labels_of(laid.folder)
    assert sorted(found) == [f"{index:04d}.png" for index in range(4)]
    np.testing.assert_allclose(list(found.values()), ring(4), atol=1e-9)
    digests = {path: sha256(content) for path, content in server.contents.items()}
    assert sorted((home / "downloads.sha256").read_text().split()) == sorted(
        [*digests.values(), *(server.world.url + path for path in digests)]
    )
    assert any("no checksum is published" in line and digests["/well-p4_images.tar.gz"] in line for line in said)
    # Nothing but the set and the record stays.
    assert {name.split("/")[0] for name in left(home)} == {"well-p4", "downloads.sha256"}


def test_an_archive_with_a_colmap_model_and_much_else(home: Path, server: SampleServer) -> None:
    photos = {f"hall/images/P{index}.JPG": photo(index, "JPEG") for index in range(4)}
    poses = {f"P{index}.JPG": pose for index, pose in enumerate(ring(4))}
    others = {
        "hall/database.db": b"x" * 9999,
        "__MACOSX/hall/images/._P0.JPG": b"junk",
        "hall/sparse/points3D.txt": b"?",
    }
    model = {"hall/sparse/images.txt": images_text(poses).encode()}
    file = server.put("hall.zip", zipped({**photos, **model, **others}))
    server.register("hall", server.source("poses file", file), num_photos=4)
    (laid,) = fetch(["hall"], home)
    np.testing.assert_allclose(list(labels_of(laid.folder).values()), ring(4), atol=1e-9)
    assert not [name for name in left(home) if "MACOSX" in name or "database" in name]


def test_single_files_are_checked_by_their_digests(home: Path, server: SampleServer) -> None:
    server.fox()
    (laid,) = fetch(["cub"], home)
    assert laid.num_photos == 5
    np.testing.assert_allclose(list(labels_of(laid.folder).values()), ring(6, 2.0)[:5], atol=1e-9)
    assert "downloads.sha256" not in left(home)


@pytest.mark.parametrize("path", ["/cub/images/0000.jpg", "/cub/images/0003.jpg"])
def test_other_bytes_than_published_are_refused_and_dropped(home: Path, server: SampleServer, path: str) -> None:
    server.fox()
    good = server.contents[path]
    server.contents[path] = good[:-1] + bytes([good[-1] ^ 1])
    with pytest.raises(WeightsError, match="not those that were published"):
        fetch(["cub"], home)
    assert not (home / "cub").exists()
    assert not [name for name in left(home) if name.endswith(path)]
    server.contents[path] = good
    assert fetch(["cub"], home)[0].num_photos == 5


def test_a_second_fetch_goes_on_after_the_last_good_file(home: Path, server: SampleServer) -> None:
    server.fox()
    content = server.contents.pop("/cub/images/0002.jpg")
    with pytest.raises(WeightsError, match="is not there"):
        fetch(["cub"], home)
    assert server.world.paths[:3] == [f"/cub/images/000{index}.jpg" for index in range(3)]
    server.world.paths.clear()
    server.contents["/cub/images/0002.jpg"] = content
    fetch(["cub"], home)
    assert server.world.paths[0] == "/cub/images/0002.jpg"
    assert len(server.world.paths) == 4


def test_a_broken_archive_download_is_resumed(
    home: Path, server: SampleServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scenesort.weights.sources.download.RETRIES", 0)
    server.fountain()
    content = server.contents["/well-p4_images.tar.gz"]
    server.world.answers = [cut(1000, content)]
    with pytest.raises(WeightsError, match="run the command again"):
        fetch(["well-p4"], home)
    fetch(["well-p4"], home)
    assert server.world.requests[1]["range"] == "bytes=1000-"


def test_a_republished_archive_is_noticed(home: Path, server: SampleServer) -> None:
    server.fountain()
    fetch(["well-p4"], home)
    (home / "well-p4").rename(home.parent / "kept")
    poses = {f"a/{index}.png.camera": camera_text(pose).encode() for index, pose in enumerate(ring(4, 9.0))}
    server.contents["/well-p4_cameras.tar.gz"] = tar(poses)
    with pytest.raises(SampleDataError, match=r"not those of the first download, which .*sha256 records"):
        fetch(["well-p4"], home)
    assert not (home / "well-p4").exists()
    assert not [name for name in left(home) if name.endswith("cameras.tar.gz")]


def test_what_others_report_is_compared_but_does_not_bind(home: Path, server: SampleServer) -> None:
    photos = {f"{index}.png": photo(index) for index in range(3)}
    for name, reported in (("same", sha256(tar(photos))), ("other", "0" * 64)):
        content = tar(photos)
        file = server.put(f"{name}.tar.gz", content, reported=sha256(content) if name == "same" else reported)
        server.register(name, server.source("photos only", file), num_photos=3, truth="")
    said: list[str] = []
    fetch(["same", "other"], home, notice=said.append)
    assert any("is the one that others report" in line and line.startswith("same") for line in said)
    assert any(line.startswith("warning: other.tar.gz") and "0" * 64 in line for line in said)


def test_a_pile_has_one_table_and_names_that_tell_the_set(home: Path, server: SampleServer) -> None:
    server.fountain()
    server.fox()
    (laid,) = fetch(["well-p4", "cub"], home, pile="mixed")
    assert laid.made_of == (("well-p4", "original"), ("cub", "original"))
    found = labels_of(laid.folder)
    assert len(found) == laid.num_photos == 9
    np.testing.assert_allclose(found["well-p4_0003.png"], ring(4)[3], atol=1e-9)
    np.testing.assert_allclose(found["cub_0001.jpg"], ring(6, 2.0)[1], atol=1e-9)
    for name in ("cub", "outliers", "", ".hidden", "a/b"):
        with pytest.raises(SampleDataError, match="can't be called"):
            fetch(["well-p4", "cub"], home, pile=name)


def test_sets_of_one_place_are_not_mixed(home: Path, server: SampleServer) -> None:
    server.fountain(place="a yard")
    server.fox(place="a yard")
    with pytest.raises(SampleDataError, match="both show a yard"):
        fetch(["well-p4", "cub"], home, pile="mixed")
    assert not home.exists()
    assert len(fetch(["well-p4", "cub"], home)) == 2


def test_photos_without_truth_have_no_tables(home: Path, server: SampleServer) -> None:
    files = [server.put(f"bare/{index}.JPG", photo(index), digest=blob_name(photo(index))) for index in range(3)]
    server.register("bare", server.source("photos only", *files), num_photos=3, truth="")
    (laid,) = fetch(["bare"], home)
    assert (laid.labels, laid.thresholds, laid.num_photos) == (None, None, 3)


def test_what_is_here_is_not_fetched_again(home: Path, server: SampleServer) -> None:
    entry = server.fox()
    server.register("cub", *entry.sources, server.source("poses file", name="copy"), num_photos=5)
    fetch(["cub"], home, source="original")
    count = len(server.world.paths)
    assert fetch(["cub", "cub"], home)[0].num_photos == 5
    assert fetch(["cub"], home, source="original")[0].num_photos == 5
    assert len(server.world.paths) == count
    with pytest.raises(SampleDataError, match=r"is made of cub \(original\), not of what is asked for"):
        fetch(["cub"], home, source="copy")
    with pytest.raises(SampleDataError, match="is called 'elsewhere'"):
        fetch(["cub"], home, source="elsewhere")
    fetch(["cub"], home, pile="mine")
    server.fountain()
    with pytest.raises(SampleDataError, match="is made of cub"):
        fetch(["cub", "well-p4"], home, pile="mine")


def test_terms_come_before_the_first_byte(home: Path, server: SampleServer) -> None:
    server.fox(needs_consent=True)
    server.fountain()
    with pytest.raises(SampleDataError, match="the terms of cub must be accepted"):
        fetch(["well-p4", "cub"], home)
    assert not home.exists()
    assert server.world.paths == []
    fetch(["cub"], home, accept_terms=True)
    fetch(["cub"], home)  # accepted once, and here


def test_room_is_looked_for_before_bytes_come(
    home: Path, server: SampleServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = SimpleNamespace(free=100e6 + 1000)
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda path: free)
    server.fox()
    with pytest.raises(SampleDataError, match=r"'cub' needs .* MB on the disk"):
        fetch(["cub"], home)
    assert server.world.paths == []
    # A size that nobody published is known when the answer begins.
    server.fountain()
    with pytest.raises(SampleDataError, match="'well-p4' needs"):
        fetch(["well-p4"], home)
    assert server.world.paths == ["/well-p4_images.tar.gz"]
    free.free = 1e9
    assert len(fetch(["cub", "well-p4"], home)) == 2


def test_a_failure_at_the_end_leaves_the_downloads_alone(
    home: Path, server: SampleServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.fox()

    def fail(target: Path, *others: object) -> None:
        (target / "half").write_text("half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(fetching, "lay_out", fail)
        with pytest.raises(ScenesortError, match="the disk is full"):
            fetch(["cub"], home)
    assert [path.name for path in home.iterdir()] == [".downloads"]
    count = len(server.world.paths)
    fetch(["cub"], home)
    assert len(server.world.paths) == count


@pytest.mark.parametrize("member", ["../evil.png", "/tmp/evil.png"])
def test_archives_that_lead_outside_are_refused(home: Path, server: SampleServer, member: str) -> None:
    file = server.put("evil.tar.gz", tar({"a.png": photo(1), member: photo(2)}))
    server.register("evil", server.source("photos only", file), num_photos=2, truth="")
    with pytest.raises(WeightsError, match="outside its folder"):
        fetch(["evil"], home)
    assert not (home / "evil").exists()
    assert not list(home.parent.glob("**/evil.png"))


def test_archives_without_photos_and_web_pages_are_refused(home: Path, server: SampleServer) -> None:
    file = server.put("empty.zip", zipped({"readme.md": b"moved"}))
    server.register("empty", server.source("photos only", file), num_photos=2, truth="")
    with pytest.raises(SampleDataError, match=r"empty\.zip holds neither photos nor cameras"):
        fetch(["empty"], home)
    server.fountain()
    server.world.answers = [whole(b"<html>login</html>", Content_Type="text/html")]
    with pytest.raises(WeightsError, match="a web page came"):
        fetch(["well-p4"], home)


def test_two_at_once_fetch_once(home: Path, server: SampleServer) -> None:
    server.fountain()
    failed: list[BaseException] = []

    def work() -> None:
        try:
            assert fetch(["well-p4"], home)[0].num_photos == 4
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(server.world.paths) == 2


def test_progress_adds_up_over_the_files(home: Path, server: SampleServer) -> None:
    entry = server.fox()
    total = sum(len(content) for content in server.contents.values())
    seen: list[tuple[str, int, int | None]] = []
    fetch(["cub"], home, progress=lambda *told: seen.append(told))
    done = [value for _, value, _ in seen]
    assert {name for name, _, _ in seen} == {"cub"}
    assert done == sorted(done)
    assert done[-1] == total
    # One file's size isn't published, so nobody knows the sum.
    assert {told for _, _, told in seen} == {None}
    assert entry.sources[0].size_mb is None


def test_a_mirror_takes_the_place_of_the_hosts(
    home: Path, server: SampleServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.fountain()
    host = server.world.url.removeprefix("http://")
    server.contents = {f"/mirror/{host}{path}": content for path, content in server.contents.items()}
    monkeypatch.setenv("SCENESORT_MIRROR", f"{server.world.url}/mirror/{{host}}")
    assert fetch(["well-p4"], home)[0].num_photos == 4


def test_a_busy_server_is_asked_again(home: Path, server: SampleServer) -> None:
    server.fox()
    server.world.answers = [status(503, Retry_After="0")]
    assert fetch(["cub"], home)[0].num_photos == 5
