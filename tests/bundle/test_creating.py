from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import bundle_world
import pytest

from scenesort.bundle import BundleError, BundleRequest, choosing, create, verify
from scenesort.bundle.standalone.contents import MANIFEST
from scenesort.errors import WeightsError


@pytest.fixture
def no_pip(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Counts calls of pip, and has each give the same wheel."""
    calls: list[str] = []

    def give(request: Any, own: Path, constraints: Any, without: Any, folder: Path, **_: Any) -> list[str]:
        calls.append(own.name)
        bundle_world.write_wheel(folder, "tinydep", "2.0")
        (folder / own.name).write_bytes(own.read_bytes())
        return []

    monkeypatch.setattr(choosing, "download_wheels", give)
    return calls


def test_a_bundle_says_what_it_holds(made: Path) -> None:
    manifest = json.loads((made / "whole" / MANIFEST).read_text())
    assert manifest["scenesort"] == bundle_world.VERSION
    assert (manifest["python"], manifest["platform"]) == ("3.11", "manylinux_2_28_x86_64")
    assert manifest["requirements"] == ["scenesort==7.0"]
    tiny, hubby = manifest["models"]
    assert (tiny["name"], tiny["licence"], tiny["revision"]) == ("tiny", "MIT", None)
    assert (hubby["name"], hubby["revision"]) == ("hubby", bundle_world.COMMIT)
    assert manifest["sources"] == [{"name": "upstream", "licence_files": ["sources/upstream/LICENSE"]}]
    paths = [item["path"] for item in manifest["files"]]
    assert {"install.py", "wheels/scenesort-7.0-py3-none-any.whl", "wheels/tinydep-2.0-py3-none-any.whl"} <= set(paths)
    assert {"weights/scenesort/tiny.pth", "sources/upstream/tree/__init__.py"} <= set(paths)


def test_each_part_is_a_data_set_of_its_own(made: Path) -> None:
    parts = sorted(path.name for path in (made / "parts").iterdir())
    assert parts == ["part-1", "part-2", "scenesort-challenge.ipynb"]
    for number in (1, 2):
        folder = made / "parts" / f"part-{number}"
        assert json.loads((folder / "dataset-metadata.json").read_text()) == {
            "title": f"scenesort 7.0 offline bundle, part {number} of 2",
            "id": f"ann/tiny-bundle{'' if number == 1 else '-2'}",
            "licenses": [{"name": "other"}],
        }
        assert sum(map(len, bundle_world.files_below(folder).values())) <= 1_500_000
        assert (folder / "install.py").read_bytes() == (made / "whole" / "install.py").read_bytes()


def test_a_zipped_bundle_is_one_archive_beside_its_description(made: Path) -> None:
    names = {path.name for path in (made / "zipped").iterdir()}
    assert names == {"scenesort-bundle.zip", "dataset-metadata.json", "scenesort-challenge.ipynb"}


def test_whole_weights_take_no_room_of_their_own(made: Path) -> None:
    stored = made / "home/chosen/tiny.pth"
    assert (made / "whole/weights/scenesort/tiny.pth").samefile(stored)


def test_nothing_but_the_bundle_is_left(made: Path) -> None:
    names = {path.name for path in made.iterdir()}
    assert names == {"upstream", "registry", "home", "whole", "parts", "zipped"}


def test_a_stopped_bundle_goes_on_and_is_never_half_there(
    world: Path, no_pip: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    out = world / "out"
    with monkeypatch.context() as patch:
        patch.setattr("scenesort.bundle.creating.write_files", stop)
        with pytest.raises(KeyboardInterrupt):
            create(BundleRequest(("tiny",)), out)
    assert not out.exists()
    create(BundleRequest(("tiny",)), out)
    assert len(no_pip) == 1
    assert verify(out).is_good


def test_damaged_wheels_of_a_stopped_call_are_chosen_again(
    world: Path, no_pip: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = world / "out"
    with monkeypatch.context() as patch:
        patch.setattr("scenesort.bundle.creating.found_models", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            create(BundleRequest(("tiny",)), out)
    (world / "out.part/wheels/tinydep-2.0-py3-none-any.whl").write_bytes(b"half")
    create(BundleRequest(("tiny",)), out)
    assert len(no_pip) == 2
    assert verify(out).is_good


def test_wheels_of_a_finished_bundle_are_used_again_while_the_same_is_asked(world: Path, no_pip: list[str]) -> None:
    out, sentences = world / "out", []
    create(BundleRequest(("tiny",)), out)
    create(BundleRequest(("tiny", "hubby")), out, notice=sentences.append)
    assert len(no_pip) == 1
    assert any("used again" in sentence for sentence in sentences)
    create(BundleRequest(("tiny",), pins=("tinydep==1.0",)), out)
    assert len(no_pip) == 2
    (out / "wheels/tinydep-2.0-py3-none-any.whl").write_bytes(b"damaged")
    create(BundleRequest(("tiny",), pins=("tinydep==1.0",)), out)
    assert len(no_pip) == 3
    assert verify(out).is_good


def test_a_notebook_that_was_changed_is_kept(world: Path, no_pip: list[str]) -> None:
    out = world / "out"
    create(BundleRequest(("tiny",)), out)
    (out / "scenesort-challenge.ipynb").write_text("mine")
    create(BundleRequest(("tiny",)), out)
    assert (out / "scenesort-challenge.ipynb.old").read_text() == "mine"
    assert json.loads((out / "scenesort-challenge.ipynb").read_text())["nbformat"] == 4
    assert verify(out).is_good


@pytest.mark.parametrize("foreign", ["thesis.tex", "b/thesis.tex"])
def test_a_folder_with_anything_else_is_left_alone(world: Path, no_pip: list[str], foreign: str) -> None:
    out = world / "out"
    (out / foreign).parent.mkdir(parents=True)
    (out / foreign).write_text("years")
    with pytest.raises(BundleError, match="something other than a bundle"):
        create(BundleRequest(("tiny",)), out)
    (out / foreign).unlink()
    if "/" in foreign:
        (out / foreign).parent.rmdir()
    create(BundleRequest(("tiny",)), out)
    (out / foreign).parent.mkdir(exist_ok=True)
    (out / foreign).write_text("years")
    with pytest.raises(BundleError, match=r"thesis\.tex"):
        create(BundleRequest(("tiny",)), out)
    assert (out / foreign).read_text() == "years"


@pytest.mark.usefixtures("no_pip")
def test_licences_must_be_accepted(world: Path) -> None:
    with pytest.raises(WeightsError, match="accept these licences"):
        create(BundleRequest(("closed",)), world / "out")
    assert not (world / "out").exists()


@pytest.mark.usefixtures("no_pip")
def test_a_full_disk_is_told_before_anything_is_written(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    usage = shutil.disk_usage(world)._replace(free=10**6)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(BundleError, match="1 MB are free"):
        create(BundleRequest(("tiny",)), world / "out")


def test_what_is_left_out_and_what_lacks_its_code_is_told(world: Path, no_pip: list[str]) -> None:
    request = BundleRequest(("tiny",), platform="manylinux2014_aarch64", without=(("tinydep", "3.0"),))
    created = create(request, world / "out")
    assert any("another kind of machine" in sentence for sentence in created.warnings)
    manifest = json.loads((world / "out" / MANIFEST).read_text())
    assert manifest["without"] == {"tinydep": "3.0"}
    assert manifest["platform"] == "manylinux_2_17_aarch64"
