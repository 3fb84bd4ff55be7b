"""`scenesort doctor`: its report, its exit code, and that it gives nobody away."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from scenesort import health
from scenesort.commands import app, health_tables
from scenesort.health import Finding, Request

SECRETS = ("queenofhearts", "whiterabbit", "wonderland")


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")

    def invoke(*arguments: object) -> Any:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return invoke


@pytest.fixture
def finds(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Call it with findings that the examination shall give; what it was asked for is returned."""

    def set_up(*findings: Finding) -> dict[str, Any]:
        asked: dict[str, Any] = {}

        def examine(request: Request, checks: Any, secrets: Any, before: Any) -> Iterator[Finding]:
            asked.update(request=request, checks=checks, secrets=secrets)
            for check in checks:
                before(check)
            yield from findings

        monkeypatch.setattr(health, "examine", examine)
        return asked

    return set_up


GOOD = Finding("memory", "ok", "much of it")
WARNING = Finding("disk", "warning", "temp folder 1.0 GB free: little", "make room there")
PROBLEM = Finding("weights", "problem", "xfeat: not here", "scenesort weights fetch xfeat", values={"missing": "xfeat"})


def test_nothing_wrong(cli: Any, finds: Any) -> None:
    finds(GOOD)
    result = cli("doctor")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == ["```", "ok      memory: much of it", "ok: nothing is wrong", "```"]


def test_a_warning_is_no_failure(cli: Any, finds: Any) -> None:
    finds(GOOD, WARNING)
    result = cli("doctor")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-2] == "warning: 1 warning (disk)"


def test_a_problem_ends_with_exit_code_1(cli: Any, finds: Any) -> None:
    finds(PROBLEM, WARNING, PROBLEM)
    result = cli("doctor")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[1:3] == [
        "problem weights: xfeat: not here",
        "        -> scenesort weights fetch xfeat",
    ]
    assert result.stdout.splitlines()[-2] == "problem: 2 problems (weights); 1 warning (disk)"
    assert result.stderr == "error: 2 problems found; what to do stands behind each arrow\n"


def test_json(cli: Any, finds: Any) -> None:
    finds(GOOD, PROBLEM)
    result = cli("doctor", "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["state"] == "problem"
    assert report["findings"] == [GOOD.to_json(), PROBLEM.to_json()]
    assert report["findings"][1]["values"] == {"missing": "xfeat"}


def test_options_reach_the_examination(cli: Any, finds: Any) -> None:
    asked = finds()
    cli("doctor")
    assert asked["checks"][-1].name == health.SELF_TEST
    assert asked["secrets"] is not None
    assert not asked["request"].with_paths
    cli("doctor", "--no-self-test", "--paths")
    assert all(check.name != health.SELF_TEST for check in asked["checks"])
    assert asked["secrets"] is None
    assert asked["request"].with_paths


def test_sub_commands_run_no_check(cli: Any, finds: Any) -> None:
    asked = finds(PROBLEM)
    assert cli("doctor", "poses", "--help").exit_code == 0
    assert cli("doctor", "pses").exit_code == 2
    assert not asked


def test_brief_findings_of_one_check_stand_together() -> None:
    def brief(check: str, text: str, state: Any = "ok") -> Finding:
        return Finding(check, state, text, "mend it" if state != "ok" else "", is_brief=True)

    findings = [brief("a", "1"), brief("a", "2"), brief("a", "3", "problem"), brief("a", "4"), brief("b", "5"), GOOD]
    assert list(health_tables.lines_of(findings)) == [
        "ok      a: 1, 2",
        "problem a: 3",
        "        -> mend it",
        "ok      a: 4",
        "ok      b: 5",
        "ok      memory: much of it",
    ]


def test_long_lines_are_wrapped_and_no_word_is_cut() -> None:
    lines = list(health_tables.lines_of([Finding("gpu", "warning", "word " * 60, "scenesort weights fetch " * 9)]))
    assert max(map(len, lines)) <= 60
    assert sum(line.count("word") for line in lines) == 60
    assert "".join(lines).count("scenesort") == 9


def test_it_needs_no_heavy_import_and_no_numpy() -> None:
    code = (
        "import sys; sys.modules['numpy'] = None\n"
        "import scenesort.commands.health_tables, scenesort.health\n"
        "from scenesort.commands import doctor\n"
        "heavy = {'torch', 'pycolmap', 'cv2', 'rich.table', 'h5py', 'packaging'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr


@pytest.fixture
def strange_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose user, host and folders have names of their own, and whose packages tell of them."""
    user, host, folder = SECRETS
    home = tmp_path / user
    work = home / f"{folder} secret" / "work"
    work.mkdir(parents=True)
    broken = home / "lib"
    for name, line in {
        "kornia": f"raise OSError('{work}/x.so on {host}: {user} may not read it')",
        "h5py": f"import sys; print('{work}'); raise ValueError('https://{user}:pw@{host}/simple')",
    }.items():
        (broken / name).mkdir(parents=True)
        (broken / name / "__init__.py").write_text(line + "\n")
    (home / "weights").mkdir()
    (home / "weights" / "xfeat.pt").write_bytes(b"damaged")
    monkeypatch.setenv("HOME", str(home))
    for variable in ("USER", "LOGNAME"):
        monkeypatch.setenv(variable, user)
    monkeypatch.setenv("HOSTNAME", host)
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    monkeypatch.setenv("SCENESORT_WEIGHTS", str(home / "weights"))
    monkeypatch.syspath_prepend(broken)
    monkeypatch.chdir(work)
    return home


def test_a_broken_machine_gives_nobody_away(cli: Any, strange_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What takes long to import has its own tests.
    slow = {"torch", "pycolmap", "cv2"}
    checks = [
        each for each in health.standard_checks(self_test=False) if not {each.argument, each.name} & {*slow, "gpu"}
    ]
    monkeypatch.setattr(health, "standard_checks", lambda **_: checks)
    result = cli("doctor", "--no-self-test")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 60
    assert lines[0] == lines[-1] == "```"
    text = " ".join(result.output.split())
    for fact in ("imports: failed at 'import kornia'", "import h5py", "weights: xfeat", "working folder"):
        assert fact in text
    hidden = [*SECRETS, str(strange_home), os.getcwd(), sys.prefix, str(Path(health.__file__).parents[1])]
    for secret in hidden:
        assert secret.lower() not in text.lower(), text
    monkeypatch.setattr(health, "standard_checks", lambda **_: [each for each in checks if each.argument == "kornia"])
    asked = cli("doctor", "--paths", "--json")
    assert str(strange_home) in asked.stdout
    assert "may not read it" in asked.stdout
