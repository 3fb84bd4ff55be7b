"""What `scenesort doctor` prints: 60 columns, to paste into a report. It needs no numpy: that may be what is broken."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from itertools import groupby

import typer

from scenesort.health import Finding, State, worst

WIDTH = 60

FENCE = "```"

_STATE_WIDTH = len("problem") + 1


def lines_of(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield the lines of findings as they come; brief ones of one check that are ok stand together."""

    def together(numbered: tuple[int, Finding]) -> tuple[str, int]:
        number, finding = numbered
        is_joined = finding.is_brief and finding.state == "ok"
        return finding.check, -1 if is_joined else number

    for (check, _), group in groupby(enumerate(findings), key=together):
        found = [finding for _, finding in group]
        yield from _wrapped(found[0].state, f"{check}: {', '.join(finding.text for finding in found)}")
        if found[0].remedy:
            yield from _wrapped("", f"-> {found[0].remedy}")


def summary(findings: Iterable[Finding]) -> str:
    """Return the last line: how many problems and warnings there are, and where."""
    listed = list(findings)
    parts = []
    for state in ("problem", "warning"):
        of_state = [finding for finding in listed if finding.state == state]
        if of_state:
            checks = ", ".join(dict.fromkeys(finding.check for finding in of_state))
            parts.append(f"{len(of_state)} {state}{'s' * (len(of_state) > 1)} ({checks})")
    return f"{worst(listed)}: {'; '.join(parts)}" if parts else "ok: nothing is wrong"


def print_report(findings: Iterable[Finding]) -> list[Finding]:
    """Print findings as they come, between fences; returns them."""
    found: list[Finding] = []

    def noted() -> Iterator[Finding]:
        for finding in findings:
            found.append(finding)
            yield finding

    typer.echo(FENCE)
    for line in lines_of(noted()):
        typer.echo(line)
    for line in textwrap.wrap(summary(found), WIDTH):
        typer.echo(line)
    typer.echo(FENCE)
    return found


def _wrapped(state: State | str, text: str) -> list[str]:
    indent = " " * (_STATE_WIDTH + 2)
    return textwrap.wrap(
        " ".join(text.split()),
        WIDTH,
        initial_indent=f"{state:<{_STATE_WIDTH}}",
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
