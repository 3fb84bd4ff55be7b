"""Settings of members as users write them, `NAME.SETTING=VALUE`, for members of any package."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, get_type_hints

from scenesort.errors import OptionError
from scenesort.plugins import did_you_mean
from scenesort.retrieval.global_descriptors.base import GlobalDescriptorOptions, load

WEIGHT = "weight"
"""Setting of a fusion, not of the member."""

PROMPTS_APART = "|"
"""Stands between several prompts."""


def member_options(name: str, settings: Sequence[str]) -> GlobalDescriptorOptions:
    """Return the options of member `name` from the settings of all members; raises OptionError for a wrong one."""
    kinds = get_type_hints(GlobalDescriptorOptions)
    values = {
        setting: _converted(f"{member}.{setting}", kinds[setting], text)
        for member, setting, text in _parsed(settings)
        if member == name and setting != WEIGHT
    }
    return GlobalDescriptorOptions(**values)


def fusion_weights(names: Sequence[str], settings: Sequence[str]) -> tuple[tuple[str, float], ...]:
    """Return the weights given for some of the members `names`; raises OptionError for one that is no number."""
    return tuple(
        (member, _converted(f"{member}.{setting}", float, text))
        for member, setting, text in _parsed(settings)
        if setting == WEIGHT and member in names
    )


def check_settings(names: Sequence[str], settings: Sequence[str]) -> None:
    """Raise OptionError for a setting of a member that doesn't exist, and for any that can't be read.

    Settings of members that are not among `names` do nothing, so that presets can hold some.
    """
    for member in {member for member, _, _ in _parsed(settings)} - set(names):
        load(member)
    for name in names:
        member_options(name, settings)
    fusion_weights(names, settings)


def _parsed(settings: Sequence[str]) -> list[tuple[str, str, str]]:
    known = [item.name for item in dataclasses.fields(GlobalDescriptorOptions)] + [WEIGHT]
    found = []
    for entry in settings:
        left, equals, text = entry.partition("=")
        member, dot, setting = left.strip().partition(".")
        if not (equals and dot):
            raise OptionError(f"retrieval.members: '{entry}' is not NAME.SETTING=VALUE, such as dinov2.model=FOLDER")
        if setting not in known:
            raise OptionError(
                f"retrieval.members: no setting '{setting}'{did_you_mean(setting, known)}; there are {', '.join(known)}"
            )
        found.append((member, setting, text.strip()))
    return found


def _converted(name: str, kind: Any, text: str) -> Any:
    try:
        if kind is bool:
            return {"true": True, "false": False}[text.lower()]
        if kind in (int, float):
            return kind(text)
    except (ValueError, KeyError):
        wanted = {bool: "true or false", int: "a whole number", float: "a number"}[kind]
        raise OptionError(f"retrieval.members: {name} = '{text}': {wanted} is wanted") from None
    if kind == tuple[str, ...]:
        return tuple(part.strip() for part in text.split(PROMPTS_APART))
    return text
