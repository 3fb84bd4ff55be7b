"""`scenesort data` as a user sees it, on small sets and a server on this machine."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sample_world import SampleServer
from scenesort.commands import app, weights
from scenesort.sample_data import REGISTRY
from weights_world import make_home, serve


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SampleServer]:
    make_home(tmp_path, monkeypatch)
    monkeypatch.setenv("SCENESORT_DATA", str(tmp_path / "sets"))
    running, world = serve()
    yield SampleServer(world, monkeypatch)
    running.shutdown()
    running.server_close()


@pytest.fixture
def cli(server: SampleServer, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")

    def invoke(*arguments: object, **others: Any) -> Any:
        result = CliRunner().invoke(app, ["data", *map(str, arguments)], **others)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return invoke


def test_list_fits_sixty_columns_and_names_every_set(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    lines = cli("list").stdout.splitlines()
    table = lines[: next(index for index, line in enumerate(lines) if line.startswith("MB:"))]
    assert max(map(len, table)) <= 60
    assert {line.split()[0] for line in table if line and line[0] not in " ─"} == {"photo", *REGISTRY}
    assert "strecha: castle-p30 and herz-jesu-p25 as one pile" in lines


def test_list_tells_what_is_here(cli: Any, server: SampleServer) -> None:
    server.fox()
    server.fountain()
    assert cli("fetch", "cub", "well-p4", "--mixed", "mine").exit_code == 0
    assert cli("fetch", "cub").exit_code == 0
    listed = cli("list").stdout
    rows = {line.split()[0]: line.split() for line in listed.splitlines() if line}
    assert rows["cub"][1:4] == ["5", "?", "yes"]
    assert rows["well-p4"][3] == "no"
    assert "your piles: mine" in listed
    found = {entry["name"]: entry for entry in json.loads(cli("list", "--json").stdout)}
    assert found["cub"]["here"] is True
    assert found["castle-p30"]["sources"][1]["files"][0]["digest"]
    assert cli("where").stdout.strip().endswith("sets: cub, mine")


def test_info_tells_terms_sources_and_checksums(cli: Any) -> None:
    told = cli("info", "castle-p19").stdout
    for part in ("Ettlingen", "consent", "no licence is stated", "documents.epfl.ch", "github.com/openMVG", "38 files"):
        assert part in told
    assert "none published; the first download's SHA-256 is recorded" in told
    assert "size not published" in told
    pile = cli("info", "strecha").stdout
    assert "herz-jesu-p25" in pile
    assert "castle-p30" in pile
    assert "run: scenesort data fetch strecha" in pile
    assert "did you mean 'sceaux'" in cli("info", "sceau").stderr


def test_fetch_shows_terms_and_ends_with_a_command_that_exists(cli: Any, server: SampleServer) -> None:
    server.fox()
    result = cli("fetch", "cub")
    assert result.exit_code == 0, result.stderr
    assert "terms    none at all (these tests)" in result.stderr
    assert "to cite  Nobody: Nothing. 2026." in result.stderr
    first, last = result.stdout.splitlines()
    assert first.startswith("cub: 5 photos in ")
    words = shlex.split(last.removeprefix("next: "))
    assert words[:2] == ["scenesort", "run"]
    assert Path(words[2]).is_dir()
    assert words[5::2] == ["--labels", "--thresholds"]
    assert Path(words[6]).is_file()
    assert Path(words[8]).is_file()
    again = cli("fetch", "cub")
    assert again.stdout == result.stdout
    assert "terms" not in again.stderr


def test_terms_need_consent(cli: Any, server: SampleServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    server.fox(needs_consent=True)
    refused = cli("fetch", "cub")
    assert refused.exit_code == 5
    assert "terms    none at all" in refused.stderr
    assert "then give --yes" in refused.stderr
    monkeypatch.setattr(weights, "is_terminal", lambda: True)
    assert cli("fetch", "cub", input="n\n").exit_code == 1
    assert server.world.paths == []
    assert not (tmp_path / "sets").exists()
    assert cli("fetch", "cub", input="y\n").exit_code == 0
    monkeypatch.setattr(weights, "is_terminal", lambda: False)
    assert cli("fetch", "cub", "-o", tmp_path / "other", "--yes").exit_code == 0
    assert (tmp_path / "other/cub/labels.csv").is_file()


def test_photos_without_truth_are_run_without_labels(cli: Any, server: SampleServer) -> None:
    file = server.put("bare/a.png", b"no photo, but nobody looks", size_bytes=26)
    server.register("bare", server.source("photos only", file), num_photos=1, truth="")
    result = cli("fetch", "bare")
    assert "--labels" not in result.stdout
    assert result.stdout.splitlines()[-1].endswith("-o bare-out")
    assert "so it is not scored" in cli("list").stdout


def test_remove_asks(cli: Any, server: SampleServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.fox()
    cli("fetch", "cub")
    refused = cli("remove", "cub")
    assert refused.exit_code == 2
    assert "give --yes" in refused.stderr
    monkeypatch.setattr(weights, "is_terminal", lambda: True)
    assert cli("remove", "cub", input="n\n").exit_code == 1
    assert (tmp_path / "sets/cub").is_dir()
    assert "deleted: " in cli("remove", "cub", input="y\n").stdout
    assert not (tmp_path / "sets/cub").exists()
    assert cli("remove", "cub").stdout == "nothing to delete\n"


def test_mistakes_are_one_line(cli: Any, server: SampleServer, tmp_path: Path) -> None:
    server.fox()
    for arguments, says in (
        (("fetch", "cup"), "did you mean 'cub'"),
        (("fetch", "cub", "--source", "github"), "no kind of source is called 'github'; there are: original, copy"),
        (("fetch", "cub", "--mixed", "a/b"), "can't be called 'a/b'"),
        (("fetch", "castle-p30", "castle-p19", "--mixed", "x"), "both show the courtyard"),
    ):
        result = cli(*arguments)
        assert result.exit_code == 5
        assert says in result.stderr.splitlines()[-1]
        assert result.stdout == ""
    (tmp_path / "file").write_text("")
    assert cli("fetch", "cub", "-o", tmp_path / "file").exit_code == 2
    locked = tmp_path / "file/below"
    result = cli("fetch", "cub", "-o", locked)
    assert result.exit_code == 4
    assert "can't write" in result.stderr
