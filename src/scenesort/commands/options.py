"""From the command line to an Options value: preset < configuration file < --set < options of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from scenesort.config import Options, parse_assignments, preset, read_toml, with_values

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
