"""`scenesort version`."""

from __future__ import annotations

import platform

import typer

from scenesort import __version__


def version() -> None:
    """Print the versions of scenesort, Python and the libraries that shape results."""
    from scenesort.versions import library_versions

    for package, number in {**library_versions(), "python": platform.python_version()}.items():
        typer.echo(f"{package} {number}")


def print_and_exit(wanted: bool) -> None:
    """Print scenesort's version alone when `--version` is given."""
    if wanted:
        typer.echo(f"scenesort {__version__}")
        raise typer.Exit
