"""Finding, checking, loading and removing what is on this machine."""

from __future__ import annotations

import importlib
import sys

import pytest
import safetensors.torch
import torch

from scenesort.errors import WeightsError
from scenesort.weights import (
    REGISTRY,
    HubSource,
    WeightsFile,
    WheelSource,
    cached_repository,
    digests,
    fingerprint,
    load_state,
    locate,
    missing,
    require,
    store,
)
from scenesort.weights.folders import folders, hub_cache
from weights_world import CONTENT, blob_name, make_entry, pinned, sha256


@pytest.fixture
def one(home, register):
    return register(make_entry("one", (pinned("one.pt"),)))


@pytest.fixture
def many(home, register):
    """A hub model whose configuration nobody published a hash of."""
    files = (WeightsFile("config.json"), pinned("model.bin"), WeightsFile("extra.json", is_optional=True))
    return register(make_entry("many", files, HubSource("owner/name", "c0ffee"), folder=True))


def put(path, content=CONTENT):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def put_many(folder, config=b"{}", weights=CONTENT):
    put(folder / "config.json", config)
    put(folder / "model.bin", weights)
    return folder


@pytest.mark.parametrize("place", ["chosen", "prefix/share/scenesort/weights", "cache/scenesort/weights"])
def test_weights_are_found_in_every_folder(one, home, place):
    assert missing(["one", "one"]) == ["one"]
    path = put(home / place / "one.pt")
    assert locate("one") == path
    assert missing(["one"]) == []


def test_folders_come_in_order(one, home, monkeypatch):
    put(home / "cache/scenesort/weights/one.pt")
    chosen = put(home / "chosen/one.pt")
    assert locate("one") == chosen
    given = put(home / "given/one.pt")
    assert locate("one", home / "given") == given
    assert locate("one", home / "empty") == chosen
    monkeypatch.delenv("SCENESORT_WEIGHTS")
    assert folders() == [home / "prefix/share/scenesort/weights", home / "cache/scenesort/weights"]


def test_missing_weights_name_the_command(one):
    with pytest.raises(
        WeightsError, match=r"weights 'one' \(1\.5 MB, MIT\) are not here; run: scenesort weights fetch one$"
    ):
        locate("one")


def test_an_unknown_name_gets_a_hint():
    with pytest.raises(WeightsError, match=r"no weights 'xfeet' \(did you mean 'xfeat'\?\)"):
        locate("xfeet")


def test_damaged_weights_are_refused_until_mended(one, home):
    path = put(home / "chosen/one.pt", CONTENT[:-1])
    for _ in range(2):
        with pytest.raises(WeightsError, match=r"it has 511,999 bytes instead of 512,000; delete them and run: scenes"):
            locate("one")
    put(path)
    assert locate("one") == path
    put(path, b"x" * len(CONTENT))
    with pytest.raises(WeightsError, match="not those that were published"):
        load_state("one")


def test_a_file_is_read_once_a_process(one, home, monkeypatch):
    put(home / "chosen/one.pt")
    read = []
    real = digests.digest_of
    monkeypatch.setattr(digests, "digest_of", lambda *what: read.append(what) or real(*what))
    assert locate("one") == locate("one")
    assert len(read) == 1


def test_an_incomplete_folder_is_not_a_model(many, home):
    put(home / "chosen/many/config.json")
    assert missing(["many"]) == ["many"]
    put(home / "chosen/many/model.bin")
    assert locate("many") == home / "chosen/many"


def test_a_file_without_a_published_hash_is_held_to_its_first_use(many, home):
    folder = put_many(home / "chosen/many")
    assert not store.is_pinned(store.find(many))
    assert locate("many") == folder
    assert digests.read_record(home / "chosen", many)["config.json"] == sha256(b"{}")
    assert store.is_pinned(store.find(many))
    put(folder / "config.json", b"[]")
    with pytest.raises(WeightsError, match=r"config\.json: its bytes have changed"):
        locate("many")


def test_a_folder_for_reading_alone_needs_no_record(many, home, monkeypatch):
    folder = put_many(home / "chosen/many")

    def refuse(*_):
        raise PermissionError("read-only")

    monkeypatch.setattr(store, "write_record", refuse)
    assert locate("many") == folder


def test_a_broken_record_is_no_record(many, home):
    put_many(home / "chosen/many")
    put(home / "chosen/many.sha256", b"\xff\xfe nonsense\n")
    assert locate("many") == home / "chosen/many"


@pytest.mark.parametrize("variable", ["HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"])
def test_the_hubs_cache_is_read(many, home, monkeypatch, variable):
    root = {"HF_HUB_CACHE": home / "hub", "HF_HOME": home / "hf/hub", "XDG_CACHE_HOME": home / "xdg/huggingface/hub"}
    monkeypatch.setenv(
        variable, str({"HF_HUB_CACHE": home / "hub", "HF_HOME": home / "hf"}.get(variable, home / "xdg"))
    )
    assert hub_cache() == root[variable]
    repository = root[variable] / "models--owner--name"
    for name, content, digest in (
        ("config.json", b"{}", blob_name(b"{}")),
        ("model.bin", CONTENT, sha256(CONTENT)),
    ):
        blob = put(repository / "blobs" / digest, content)
        link = repository / "snapshots/c0ffee" / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(blob)
    assert locate("many") == repository / "snapshots/c0ffee"
    assert store.is_pinned(store.find(many))
    # A blob that isn't what its name says.
    put(repository / "blobs" / blob_name(b"{}"), b"[]")
    with pytest.raises(WeightsError, match="its bytes have changed"):
        locate("many")
    (repository / "snapshots/c0ffee").rename(repository / "snapshots/decaf")
    assert missing(["many"]) == ["many"]


def test_an_installed_package_is_found_and_not_imported(home, register, monkeypatch):
    source = WheelSource("tiny-package==1", (("one.pt", "tiny_package_with_weights/data/one.pt"),), 0.1)
    register(make_entry("one", (pinned("one.pt"),), source))
    put(home / "site/tiny_package_with_weights/__init__.py", b"raise SystemExit('imported')")
    monkeypatch.syspath_prepend(home / "site")
    importlib.invalidate_caches()
    assert missing(["one"]) == ["one"]
    path = put(home / "site/tiny_package_with_weights/data/one.pt")
    assert locate("one") == path
    assert "tiny_package_with_weights" not in sys.modules
    assert store.removable(["one"]) == []


def test_what_a_run_lacks_is_told_with_size_licence_and_command(home, register):
    register(make_entry("one", (pinned("one.pt"),)))
    register(make_entry("two", (pinned("two.pt"),), commercial=False))
    message = (
        r"weights are missing: one \(1\.5 MB, MIT\), two \(1\.5 MB, CC-BY-NC-4\.0: no commercial use\); nothing is "
        r"downloaded without your asking: for a download of 3\.0 MB run: "
        r"scenesort weights fetch one two --accept-licence$"
    )
    with pytest.raises(WeightsError, match=message):
        require(["two", "one", "two"])
    put(home / "chosen/one.pt")
    put(home / "chosen/two.pt")
    require(["one", "two"])
    require([])


def test_a_shared_wheel_is_downloaded_once():
    names = ["aliked-n16", "aliked-lightglue", "xfeat", "dinov2-small"]
    assert store.download_mb(REGISTRY[name] for name in names) == pytest.approx(101.7 + 15.8 + 88)


def save(path, state):
    torch.save(state, path) if path.suffix != ".safetensors" else safetensors.torch.save_file(state, path)
    return WeightsFile(path.name, path.stat().st_size, sha256(path.read_bytes()))


def test_states_are_loaded_from_a_file_and_from_shards(home, register):
    (home / "chosen/many").mkdir(parents=True)
    file = save(home / "chosen/one.pt", {"w": torch.arange(3.0)})
    register(make_entry("one", (file,)))
    assert load_state("one")["w"].tolist() == [0, 1, 2]
    shards = [save(home / f"chosen/many/{index}.safetensors", {f"w{index}": torch.ones(index)}) for index in (1, 2)]
    put(home / "chosen/many/config.json")
    register(make_entry("many", (WeightsFile("config.json"), *shards), folder=True))
    assert {name: len(value) for name, value in load_state("many").items()} == {"w1": 1, "w2": 2}


class Evil:
    def __reduce__(self):
        return exec, ("open('evil', 'w').write('x')",)


def test_pickled_code_is_not_run(home, register, monkeypatch):
    (home / "chosen").mkdir()
    register(make_entry("bad", (save(home / "chosen/bad.pt", {"w": Evil()}),)))
    monkeypatch.chdir(home)
    with pytest.raises(WeightsError, match=r"bad\.pt holds more than tensors"):
        load_state("bad")
    assert not (home / "evil").exists()


def test_a_broken_safetensors_file_is_told(home, register):
    register(make_entry("bad", (pinned("bad.safetensors"),)))
    put(home / "chosen/bad.safetensors")
    with pytest.raises(WeightsError, match="no readable safetensors file"):
        load_state("bad")


def test_a_fingerprint_stands_for_the_bytes(one, many, home):
    assert fingerprint("one") == sha256(CONTENT)  # with no file there
    with pytest.raises(WeightsError, match=r"'many' .* are not here"):
        fingerprint("many")
    put_many(home / "chosen/many")
    first = fingerprint("many")
    assert first == fingerprint("many")
    (home / "chosen/many.sha256").unlink()
    put(home / "chosen/many/config.json", b"another")
    assert fingerprint("many") != first


def test_only_our_files_are_removed(many, one, home):
    chosen = home / "chosen"
    put_many(chosen / "many")
    locate("many")
    for name in ("one.pt", "mine.txt", "many/mine.txt", "one.part/one.pt.part", "one.part/one.pt.etag"):
        put(chosen / name)
    paths = store.removable(["many", "one"])
    assert sorted(path.relative_to(chosen).as_posix() for path in paths) == [
        "many.sha256",
        "many/config.json",
        "many/model.bin",
        "one.part/one.pt.etag",
        "one.part/one.pt.part",
        "one.pt",
    ]
    store.remove(paths)
    left = sorted(path.relative_to(chosen).as_posix() for path in chosen.rglob("*"))
    assert left == ["many", "many/mine.txt", "mine.txt"]
    (chosen / "many/mine.txt").unlink()
    put_many(chosen / "many")
    store.remove(store.removable(["many"]))
    assert not (chosen / "many").exists()


@pytest.mark.parametrize("name", [name for name, entry in REGISTRY.items() if entry.from_registry()])
def test_the_real_weights_are_the_published_ones(needs_weights, name):
    needs_weights(name)
    assert locate(name).stat().st_size == REGISTRY[name].files[0].size_bytes
    assert load_state(name)


def test_what_other_programs_left_of_a_repository_is_found(home):
    folder = home / "cache" / "huggingface" / "hub" / "models--someone--Model"
    assert cached_repository("someone/Model") is None
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("abc\n")
    assert cached_repository("someone/Model") is None
    (folder / "snapshots" / "abc").mkdir(parents=True)
    assert cached_repository("someone/Model") == folder / "snapshots" / "abc"
