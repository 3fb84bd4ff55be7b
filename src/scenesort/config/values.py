"""Options by name: put in and checked, read from TOML and `--set`, written and explained."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_type_hints

from scenesort.config.options import GROUPS, Options
from scenesort.errors import OptionError
from scenesort.plugins import did_you_mean


def with_values(options: Options, values: Mapping[str, Any]) -> Options:
    """Return `options` with `values` (`"matching.max_ratio": 0.8`) put in, checked.

    Raises OptionError for an unknown name, a value of the wrong type or out of range.
    """
    for name, value in values.items():
        group, _, item = name.rpartition(".")
        if not group:
            options = dataclasses.replace(options, **{name: _checked(Options, name, name, value)})
            continue
        if group not in GROUPS:
            raise _unknown(name)
        section = getattr(options, group)
        replaced = dataclasses.replace(section, **{item: _checked(type(section), item, name, value)})
        options = dataclasses.replace(options, **{group: replaced})
    return options


def read_toml(path: Path) -> dict[str, Any]:
    """Read a configuration file into flat names and values. Raises OptionError when it can't be read or parsed."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise OptionError(f"configuration file {path}: {error.strerror}; check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionError(f"configuration file {path} is not valid TOML: {error}") from error
    flat: dict[str, Any] = {}
    for name, value in tables.items():
        if isinstance(value, dict):
            flat.update({f"{name}.{item}": inner for item, inner in value.items()})
        else:
            flat[name] = value
    return flat


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """Parse `name=value` strings of `--set`; values are TOML, plain words are strings."""
    values: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise OptionError(f"--set {assignment}: write it as name=value, for example matching.max_ratio=0.9")
        try:
            values[name.strip()] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            values[name.strip()] = text.strip()
    return values


def flatten(options: Options) -> dict[str, Any]:
    """Return all options as flat names and values, in declaration order."""
    flat: dict[str, Any] = {"seed": options.seed}
    for group in GROUPS:
        section = getattr(options, group)
        flat.update({f"{group}.{item.name}": getattr(section, item.name) for item in dataclasses.fields(section)})
    return flat


def to_toml(options: Options) -> str:
    """Write all options as a TOML file that `--config` reads back."""
    lines = [f"seed = {options.seed}"]
    for group in GROUPS:
        section = getattr(options, group)
        lines += ["", f"[{group}]"]
        lines += [f"{item.name} = {_toml(getattr(section, item.name))}" for item in dataclasses.fields(section)]
    return "\n".join(lines) + "\n"


def explain(name: str = "") -> list[tuple[str, Any, str, str]]:
    """Return (name, default, unit, meaning) of every option whose name begins with `name`.

    Raises OptionError when there is none.
    """
    rows = []
    for full, value in flatten(Options()).items():
        if full == name or full.startswith(name.rstrip(".") + ".") or not name:
            meta = _field(full).metadata
            rows.append((full, value, str(meta["unit"]), str(meta["help"])))
    if not rows:
        raise _unknown(name)
    return rows


def _field(full: str) -> dataclasses.Field[Any]:
    group, _, item = full.rpartition(".")
    owner: Any = Options if not group else get_type_hints(Options)[group]
    return {known.name: known for known in dataclasses.fields(owner)}[item]


def _unknown(name: str) -> OptionError:
    known = list(flatten(Options()))
    return OptionError(f"no option '{name}'{did_you_mean(name, known)}; list them with: scenesort config explain")


def _checked(owner: Any, item: str, full: str, value: Any) -> Any:
    known = {field_.name: field_ for field_ in dataclasses.fields(owner)}
    if item not in known or item in GROUPS:
        raise _unknown(full)
    wanted: Any = get_type_hints(owner)[item]
    meta = known[item].metadata
    value = _converted(full, wanted, value, may_be_empty=known[item].default == ())
    if meta["choices"] and not {value, re.sub("[0-9]+$", "NUMBER", str(value))}.intersection(meta["choices"]):
        raise OptionError(f"{full} = {value!r}: choose one of {', '.join(meta['choices'])}")
    low = meta["low"]
    if low is not None and value < low:
        raise OptionError(f"{full} = {value}: must be at least {low:g}")
    high = meta["high"]
    if high is not None and value > high:
        raise OptionError(f"{full} = {value}: must be at most {high:g}")
    return value


def _converted(full: str, wanted: Any, value: Any, may_be_empty: bool) -> Any:
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if wanted == tuple[str, ...]:
        items = value.split(",") if isinstance(value, str) else value
        if isinstance(items, list | tuple) and all(isinstance(entry, str) for entry in items):
            words = tuple(entry.strip() for entry in items if entry.strip())
            if words or may_be_empty:
                return words
        raise OptionError(f'{full} = {value!r}: a list of words is wanted, for example ["sift+nearest"]')
    if wanted is str and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if type(value) is not wanted:
        raise OptionError(f"{full} = {value!r}: a value of type {wanted.__name__} is wanted")
    if isinstance(value, float) and not math.isfinite(value):
        raise OptionError(f"{full} = {value}: a finite number is wanted")
    return value


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, str):
        # A JSON string is a valid TOML basic string, control characters included.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)
