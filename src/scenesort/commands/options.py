"""From the command line to an Options value: preset < configuration file < --set < options of their own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from scenesort.config import Options, parse_assignments, preset, read_toml, with_values
from scenesort.errors import OptionError

DEFAULT_PRESET = "balanced"


def chosen_options(
    preset_name: str = DEFAULT_PRESET,
    config: Path | None = None,
    assignments: Iterable[str] = (),
    dedicated: Mapping[str, Any] | None = None,
) -> Options:
    """Return the options that the command line asks for; later arguments win over earlier ones.

    `dedicated` maps option names to values; those that are None were not given. Raises OptionError.
    """
    options = preset(preset_name)
    if config is not None:
        options = with_values(options, read_toml(config))
    options = with_values(options, parse_assignments(assignments))
    return with_values(options, {name: value for name, value in (dedicated or {}).items() if value is not None})


def camera_values(camera: str | None) -> dict[str, str | None]:
    """Split `--camera MODEL` or `--camera MODEL:params` into options; a model alone forgets given params."""
    if camera is None:
        return {}
    model, _, params = camera.partition(":")
    return {"photos.camera_model": model.strip().upper(), "photos.camera_params": params.strip()}


def parse_time(text: str | None) -> float | None:
    """Read a time such as `8h30m`, `90m`, `1h 5m 30s` or `3600` (seconds). Raises OptionError."""
    if text is None:
        return None
    plain = text.replace(" ", "").lower()
    # A number alone is in seconds; one after a unit would be anybody's guess.
    plain = f"{plain}s" if plain.replace(".", "").isdigit() else plain
    matched = re.fullmatch(r"(?:([\d.]+)h)?(?:([\d.]+)m)?(?:([\d.]+)s)?", plain)
    try:
        parts = [float(part or 0) for part in matched.groups()] if matched else [0.0]
    except ValueError:
        parts = [0.0]
    seconds = sum(part * unit for part, unit in zip(parts, (3600, 60, 1), strict=False))
    if seconds <= 0:
        raise OptionError(f"--time-limit {text}: write it as 8h30m, 45m, 90s, or in seconds")
    return seconds


def parse_memory(text: str | None) -> float | None:
    """Read a size such as `8GB`, `7.5GiB`, `6000MB` or `8` (gigabytes), in MB (10^6 bytes). Raises OptionError."""
    if text is None:
        return None
    factors = {"": 1e3, "g": 1e3, "gb": 1e3, "gib": 1024**3 / 1e6, "m": 1.0, "mb": 1.0, "mib": 1024**2 / 1e6}
    matched = re.fullmatch(r"(\d+(?:\.\d+)?)([a-z]*)", text.replace(" ", "").lower())
    if matched is None or matched[2] not in factors or float(matched[1]) <= 0:
        raise OptionError(f"--memory-limit {text}: write it as 8GB, 7.5GiB or 6000MB")
    return float(matched[1]) * factors[matched[2]]
