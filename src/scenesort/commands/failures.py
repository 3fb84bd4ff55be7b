"""How a command ends when something is wrong: one message for a user's mistake, a traceback for ours."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from scenesort.errors import ScenesortError

INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 and the number of SIGINT, as shells have it."""

RESUMABLE = ("run", "demo")


class Commands(TyperGroup):
    """The group of all commands, which turns our errors and Ctrl-C into a message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except ScenesortError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            resumable = ctx.invoked_subcommand in RESUMABLE
            typer.echo("\nstopped" + ("; run the same command to go on" if resumable else ""), err=True)
            raise typer.Exit(INTERRUPTED) from None
