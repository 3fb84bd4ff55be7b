"""Write the generated pages of docs/reference from the code; with `--check`, only tell whether they are current."""

from __future__ import annotations

import sys
from pathlib import Path

from scenesort.commands.tables import show_value
from scenesort.config import GROUPS, PRESET_NOTES, PRESETS, Options, explain

REFERENCE = Path(__file__).parent / "reference"
GENERATED = "<!-- Written by docs/generate.py from src/scenesort/config.py: change that, not this. -->"


def options_page() -> str:
    """Return the page of all options and presets."""
    lines = [
        "# Options",
        "",
        GENERATED,
        "",
        "An option is set by `--set name=value`, in a TOML file for `--config`, or by an option that has its name. Of",
        "preset, file, `--set` and own options, the later wins. `scenesort config show` prints all as a TOML file,",
        "`scenesort config explain` as a table.",
        "",
        "## Presets",
        "",
        "| preset | meaning | options that differ from their defaults |",
        "| --- | --- | --- |",
    ]
    for name, changes in PRESETS.items():
        listed = ", ".join(f"`{option}={show_value(value)}`" for option, value in changes.items())
        lines.append(f"| `{name}` | {PRESET_NOTES[name]} | {listed or 'none'} |")
    for group in ("seed", *GROUPS):
        lines += ["", f"## {group}", ""]
        if group != "seed":
            lines += [(type(getattr(Options(), group)).__doc__ or "").strip(), ""]
        lines += ["| option | default | unit | meaning |", "| --- | --- | --- | --- |"]
        lines += [f"| `{name}` | {show_value(value)} | {unit} | {text} |" for name, value, unit, text in explain(group)]
    return "\n".join(lines) + "\n"


PAGES = {"options.md": options_page}


def main() -> int:
    """Write or check the pages; returns the exit status."""
    stale = []
    for name, page in PAGES.items():
        path, text = REFERENCE / name, page()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in sys.argv[1:]:
            path.write_text(text, encoding="utf-8")
    if not stale:
        return 0
    if "--check" in sys.argv[1:]:
        print(f"docs/reference: not current: {', '.join(stale)}; run: python docs/generate.py", file=sys.stderr)
        return 1
    print(f"written: {', '.join(stale)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
