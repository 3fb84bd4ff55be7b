"""The documents say what is so: generated pages are current, examples run or at least exist, links lead somewhere."""

from __future__ import annotations

import itertools
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer.main

from scenesort import config, errors
from scenesort.commands import app
from scenesort.commands.failures import INTERRUPTED, TERMINATED

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("src/**/TEMPLATE.md"),
    ]
)
FENCE = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def fences(page: Path, language: str) -> list[str]:
    """The code in a page's fences of one language, without the fences' indent."""
    found = FENCE.findall(page.read_text(encoding="utf-8"))
    return [
        "\n".join(line.removeprefix(indent) for line in code.splitlines())
        for indent, name, code in found
        if name == language
    ]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def test_generated_pages_are_current() -> None:
    command = [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_python_examples_run(page: Path) -> None:
    for code in fences(page, "python"):
        example = compile(code, str(page), "exec")
        if page.name != "README.md":  # whose example is a whole run
            exec(example, {"__name__": "example"})


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_toml_examples_are_toml(page: Path) -> None:
    for code in fences(page, "toml"):
        tomllib.loads(code)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_in_examples_exist(page: Path) -> None:
    for code in fences(page, "sh"):
        for line in code.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["make"]:
                assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), line
            if words[:1] == ["scenesort"]:
                check_command(words[1:], line)


def check_command(words: list[str], line: str) -> None:
    """Check that commands, options and the names after --set and --preset exist."""
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        assert words[0] in command.commands, line
        command, words = command.commands[words[0]], words[1:]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    for word, value in itertools.pairwise([*words, ""]):
        if word.startswith("-"):
            assert word in known, f"{word} in: {line}"
        if word == "--set":
            config.with_values(config.Options(), config.parse_assignments([value]))
        if word == "--preset":
            assert value in config.PRESETS, line


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http:", "https:")):
            assert (page.parent / target).exists(), f"{name_of(page)}: {target}"


def test_every_exit_code_is_documented() -> None:
    text = (ROOT / "docs" / "reference" / "exit-codes.md").read_text(encoding="utf-8")
    listed = {}
    for code, classes in re.findall(r"^\| (\d+) \| (.*?) \|", text, re.MULTILINE):
        listed.update({name: int(code) for name in re.findall(r"`(\w+)`", classes)})
    ours = {
        name: kind.exit_code
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.ScenesortError)
    }
    assert listed == ours
    assert f"| {INTERRUPTED} |" in text
    assert f"| {TERMINATED} |" in text
