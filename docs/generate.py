"""Write the generated pages of docs/reference from the code; with `--check`, only tell whether they are current."""

from __future__ import annotations

import sys
from pathlib import Path

from scenesort.commands.tables import show_value
from scenesort.config import GROUPS, PRESET_NOTES, PRESETS, Options, explain
from scenesort.weights import REGISTRY

REFERENCE = Path(__file__).parent / "reference"
GENERATED_MODELS = "<!-- Written by docs/generate.py from src/scenesort/weights: change that, not this. -->"
GENERATED = "<!-- Written by docs/generate.py from src/scenesort/config: change that, not this. -->"


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


def models_page() -> str:
    """Return the page of all models that weights are known of."""
    lines = [
        "# Models",
        "",
        GENERATED_MODELS,
        "",
        "How they get here: [Fetch model weights](../how-to/fetch-weights.md). `scenesort weights info NAME` prints",
        "the same, with the SHA-256 of every file. Hashes marked *published* are those that several independent",
        "projects name; we had none of those files. A model marked *recorded* has no published hash: what comes is",
        "checked against the hub's own, and recorded.",
        "",
        "| name | what for | MB | licence | commercial use | hashes |",
        "| --- | --- | ---: | --- | --- | --- |",
    ]
    hashes = {"measured": "measured", "published": "published", "none": "recorded"}
    for entry in REGISTRY.values():
        commercial = {True: "yes", False: "**no**", None: "unclear"}[entry.commercial]
        size = f"{entry.size_mb:,.1f}" if entry.size_mb < 10 else f"{entry.size_mb:,.0f}"
        lines.append(
            f"| [`{entry.name}`](#{entry.name.replace('.', '')}) | {entry.what_for} | {size} | "
            f"[{entry.licence}]({entry.licence_url}) | {commercial} | {hashes[entry.evidence]} |"
        )
    for entry in REGISTRY.values():
        lines += ["", f"## {entry.name}", ""]
        lines += [f"{number}. {source.describe()}" for number, source in enumerate(entry.sources, 1)]
        lines += ["", f"- Files: {', '.join(f'`{file.name}`' for file in entry.required())}"]
        lines += [f"- Input: {entry.inputs}", f"- Memory: {entry.memory}"]
        lines += [f"- Note: {entry.note}"] if entry.note else []
    return "\n".join(lines) + "\n"


PAGES = {"options.md": options_page, "models.md": models_page}


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
