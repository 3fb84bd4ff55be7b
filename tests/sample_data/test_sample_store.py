"""Sets on the disk: found when whole, named when not, and nothing else is ever deleted."""

from __future__ import annotations

from pathlib import Path

import pytest

from sample_world import SampleServer
from scenesort.errors import SampleDataError
from scenesort.sample_data import records
from scenesort.sample_data.fetching import fetch
from scenesort.sample_data.store import data_folder, find, installed, removable, remove


def test_the_folder_is_the_options_then_the_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCENESORT_DATA", raising=False)
    assert data_folder() == Path("sample-data")
    monkeypatch.setenv("SCENESORT_DATA", "~/sets")
    assert data_folder() == Path("~/sets").expanduser()
    assert data_folder(Path("here")) == Path("here")


def test_sets_are_found_and_gaps_are_named(home: Path, server: SampleServer) -> None:
    server.fox()
    assert find("cub", home) is None
    assert installed(home) == []
    (laid,) = fetch(["cub"], home)
    assert laid == find("cub", home)
    assert laid.num_photos == 5
    assert (laid.labels, laid.thresholds) == (home / "cub/labels.csv", home / "cub/thresholds.csv")
    assert installed(home) == ["cub"]
    (laid.photos / "0002.jpg").unlink()
    with pytest.raises(SampleDataError, match=r"isn't whole: 0002\.jpg is gone; run: scenesort data remove cub"):
        find("cub", home)
    (home / "cub/labels.csv").unlink()
    with pytest.raises(SampleDataError, match=r"0002\.jpg is gone, with 1 more"):
        find("cub", home)
    (home / "cub").rename(home / "bear")
    with pytest.raises(SampleDataError, match="it was called 'cub'"):
        find("bear", home)


@pytest.mark.parametrize("content", [None, "no JSON", "[]", "{}", '{"name": "cub", "made_of": [1]}'])
def test_folders_of_others_are_left_alone(home: Path, content: str | None) -> None:
    (home / "cub").mkdir(parents=True)
    (home / "cub/mine.txt").write_text("mine")
    if content is not None:
        (home / "cub/set.json").write_text(content)
    with pytest.raises(SampleDataError, match="is no photo set of scenesort's"):
        find("cub", home)
    if content is None:
        with pytest.raises(SampleDataError, match="so it is not deleted"):
            removable(["cub"], home)


def test_remove_takes_a_set_and_its_downloads_only(home: Path, server: SampleServer, tmp_path: Path) -> None:
    server.fox()
    fetch(["cub"], home)
    for name in ("cub.original", "cubs.original"):
        (home / ".downloads" / name).mkdir()
    assert removable(["cub", "cub", "absent"], home) == [home / "cub", home / ".downloads/cub.original"]
    remove(removable(["cub"], home))
    assert sorted(path.name for path in home.rglob("*")) == [".downloads", "cubs.original"]
    for name in ("../sets", "..", ".downloads", "a/b", "/", ""):
        with pytest.raises(SampleDataError, match="no name of a photo set"):
            removable([name], home)
    real = tmp_path / "elsewhere"
    real.mkdir()
    (real / "set.json").write_text("{}")
    (home / "link").symlink_to(real)
    with pytest.raises(SampleDataError, match="not deleted"):
        removable(["link"], home)


def test_records_keep_what_they_had(tmp_path: Path) -> None:
    path = tmp_path / "downloads.sha256"
    assert records.read(path) == {}
    records.add(path, "https://b.example/b", "b" * 64)
    records.add(path, "https://a.example/a", "a" * 64)
    assert path.read_text().splitlines()[0] == f"{'a' * 64}  https://a.example/a"
    with path.open("a") as file:
        file.write("not a record\n")
    assert records.read(path) == {"https://a.example/a": "a" * 64, "https://b.example/b": "b" * 64}
