"""Mapping members by name: those of their own entry points, and every pose model as one."""

from __future__ import annotations

from typing import Any

from scenesort.config import MappingOptions
from scenesort.errors import OptionError
from scenesort.mapping import pose_models
from scenesort.mapping.backend import backend_of
from scenesort.mapping.base import GROUP, MappingMember
from scenesort.plugins import did_you_mean, load_member, member_names


def load(name: str) -> type[MappingMember]:
    """Return the member class registered as `name`, or one that maps with the pose model of that name.

    Raises OptionError for an unknown name, MissingDependencyError when its own import fails.
    """
    members, models = member_names(GROUP), member_names(pose_models.GROUP)
    if name in members:
        member: Any = load_member(GROUP, name)
        return member  # type: ignore[no-any-return]
    if name in models:
        return backend_of(name)
    known = [*members, *models]
    raise OptionError(
        f"no mapping member or pose model '{name}'{did_you_mean(name, known)}; installed: {', '.join(members)}; pose "
        f"models: {', '.join(models)}"
    )


def is_pose_model(name: str) -> bool:
    """Tell whether a backend's name means a pose model."""
    return name not in member_names(GROUP) and name in member_names(pose_models.GROUP)


def used_pose_models(options: MappingOptions) -> tuple[str, ...]:
    """Return the names of the pose models that mapping with these options loads, sorted."""
    backends = [name for name in (options.backend, options.compare_with) if name and is_pose_model(name)]
    return tuple(sorted({*backends, *(name for name in (options.start_with, options.fill_with) if name)}))
