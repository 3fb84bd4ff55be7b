"""Model weights: those of a preset are there, and all that are there have the right bytes."""

from __future__ import annotations

from collections.abc import Sequence

from scenesort.config import preset
from scenesort.health.findings import Finding, Request, mark
from scenesort.members import needed_weights
from scenesort.weights import REGISTRY, WeightsEntry
from scenesort.weights.store import Found, fetch_command, find, flaws, is_pinned


def check_weights(request: Request) -> list[Finding]:
    """Look for a preset's weights, and read every byte of all that are on this machine."""
    needed = [REGISTRY[name] for name in needed_weights(preset(request.preset))]
    found = {name: find(entry) for name, entry in REGISTRY.items()}
    absent = [entry for entry in needed if found[entry.name] is None]
    findings = [_missing(absent, request.preset)] if absent else []
    for entry in [*needed, *(entry for entry in REGISTRY.values() if entry not in needed)]:
        here = found[entry.name]
        if here is not None:
            findings.append(_verify(here, entry in needed))
    return findings


def _missing(absent: Sequence[WeightsEntry], preset_name: str) -> Finding:
    listed = ", ".join(f"{entry.name} ({entry.size_mb:,.1f} MB)" for entry in absent)
    return Finding(
        "weights",
        "problem",
        f"preset {preset_name} needs {listed}: not here",
        f"{fetch_command(absent)} (or run with --set matching.mix=sift+nearest)",
        values={"missing": " ".join(entry.name for entry in absent)},
    )


def _verify(found: Found, is_needed: bool) -> Finding:
    entry = found.entry
    mark(f"verifying {entry.name}")
    values: dict[str, float | str] = {"weights": entry.name}
    wrong = flaws(found)
    if wrong:
        # Which file it is matters; where the folder lies doesn't.
        text = "; ".join(wrong).replace(f"{found.path.parent}/", "")
        return Finding(
            "weights",
            "problem" if is_needed else "warning",
            f"{entry.name}: {text}",
            f"scenesort weights remove {entry.name}, then: {fetch_command([entry])}",
            values=values,
        )
    text = f"{entry.name} good" if is_pinned(found) else f"{entry.name} complete, no hash known"
    return Finding("weights", "ok", text, is_brief=True, values=values)
