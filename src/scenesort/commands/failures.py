"""How a command ends when something is wrong: one message for a user's mistake, a traceback for ours."""

from __future__ import annotations

import contextlib
import signal
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from scenesort.errors import ScenesortError

INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 and the number of SIGINT, as shells have it."""

TERMINATED = 143
"""Exit code after SIGTERM, likewise."""

RESUMABLE = ("run", "demo", "weights", "data", "bundle")


class Terminated(KeyboardInterrupt):
    """SIGTERM came."""


def end_at_sigterm() -> None:
    """Let SIGTERM end the command as cleanly as Ctrl-C does."""
    # The import of pycolmap installs a handler of its own, which prints the native stack: it must not come later.
    import scenesort.colmap  # noqa: F401

    def end(*_: object) -> NoReturn:
        raise Terminated

    with contextlib.suppress(ValueError):  # only the main thread may set handlers
        signal.signal(signal.SIGTERM, end)


class Commands(TyperGroup):
    """The group of all commands, which turns our errors and Ctrl-C into a message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except ScenesortError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt as interrupt:
            resumable = ctx.invoked_subcommand in RESUMABLE
            typer.echo("\nstopped" + ("; run the same command to go on" if resumable else ""), err=True)
            raise typer.Exit(TERMINATED if isinstance(interrupt, Terminated) else INTERRUPTED) from None
