"""Which weights a bundle holds, where they go in it, and what code they need beside scenesort."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scenesort.bundle.request import BundleRequest, pin_name
from scenesort.bundle.standalone.environment import HUB, OWN
from scenesort.config import PRESETS, preset
from scenesort.errors import BundleError
from scenesort.members import needed_weights
from scenesort.weights import REGISTRY, HubSource, WeightsEntry
from scenesort.weights.store import Found, find, licence_note

_PACKAGE = "package"
_TREE = "source tree"

_CODE: tuple[tuple[str, str, str], ...] = (
    (r"mast3r", _TREE, "mast3r"),
    (r"must3r", _TREE, "must3r"),
    (r"vggt.*", _TREE, "vggt"),
    (r"da3-.*", _TREE, "depth-anything-3"),
    (r"dinov2-.*|megaloc|siglip|blip|llava.*|superpoint|efficientloftr", _PACKAGE, "transformers"),
)
"""Code that loads a model and isn't scenesort's: names of models, what it is, and its name."""


@dataclass(frozen=True, slots=True)
class PlacedFile:
    """A file on this machine, or a text, and its place in the bundle."""

    path: str
    source: Path | None = None
    text: str = ""


def entries_for(models: Iterable[str]) -> list[WeightsEntry]:
    """Return the weights that presets and names of models stand for, each once, presets' first in their order.

    A model may also be called as its repository on the hub is, with or without `-hf` at the end. Raises BundleError.
    """
    found: dict[str, WeightsEntry] = {}
    for model in models:
        for name in needed_weights(preset(model)) if model in PRESETS else [_name_of(model)]:
            found[name] = REGISTRY[name]
    return list(found.values())


def _name_of(model: str) -> str:
    if model in REGISTRY:
        return model
    by_repository = {
        _plain(source.repository.rpartition("/")[2]): entry.name
        for entry in REGISTRY.values()
        for source in entry.sources
        if isinstance(source, HubSource)
    }
    if _plain(model) in by_repository:
        return by_repository[_plain(model)]
    known = [*PRESETS, *REGISTRY]
    close = difflib.get_close_matches(model, known, n=1)
    hint = f" (did you mean '{close[0]}'?)" if close else ""
    raise BundleError(f"--models: no preset and no weights '{model}'{hint}; list them with: scenesort weights list")


def _plain(repository: str) -> str:
    return repository.lower().removesuffix("-hf")


def hub_source(entry: WeightsEntry) -> HubSource | None:
    """Return the repository in whose layout a model is bundled, or None for scenesort's own weights folder."""
    first = entry.sources[0]
    return first if isinstance(first, HubSource) else None


def placed(found: Found) -> Iterator[PlacedFile]:
    """Yield the files of a model that is here, with their places in the bundle.

    Models of the hub lie as in its cache, with plain files in place of links, so that its libraries find them too.
    """
    entry = found.entry
    source = hub_source(entry)
    if source is not None:
        home = f"{HUB}/models--{source.repository.replace('/', '--')}"
        yield PlacedFile(f"{home}/refs/main", text=source.revision)
        for name, path in found.files.items():
            yield PlacedFile(f"{home}/snapshots/{source.revision}/{name}", path.resolve())
        return
    inside = f"{OWN}/{entry.name}" if entry.folder else OWN
    for name, path in found.files.items():
        yield PlacedFile(f"{inside}/{name}", path.resolve())


def found_models(entries: Iterable[WeightsEntry]) -> list[Found]:
    """Return where models are on this machine. Raises BundleError when one has gone."""
    here = []
    for entry in entries:
        found = find(entry)
        if found is None:
            raise BundleError(f"weights '{entry.name}' were removed while the bundle was made: start it again")
        here.append(found)
    return here


def licence_warnings(entries: Iterable[WeightsEntry]) -> list[str]:
    """Return sentences about models that may not be used, and so not shared, for any purpose."""
    return [
        f"{entry.name}: {licence_note(entry)}: keep the bundle private unless this licence lets you share it"
        for entry in entries
        if entry.commercial is not True
    ]


def code_warnings(request: BundleRequest, entries: Sequence[WeightsEntry]) -> list[str]:
    """Return sentences about code that models need and that the bundle wouldn't have."""
    bundled = {
        _TREE: {name.lower() for name, _ in request.sources},
        _PACKAGE: {*map(pin_name, request.pins), *(name for name, _ in request.without)},
    }
    needed: dict[tuple[str, str], list[str]] = {}
    for entry in entries:
        for pattern, kind, name in _CODE:
            if re.fullmatch(pattern, entry.name) and name not in bundled[kind]:
                needed.setdefault((kind, name), []).append(entry.name)
    options = {_TREE: "--source {}=DIR", _PACKAGE: "--pin {}==VERSION"}
    return [
        f"{', '.join(models)}: nothing loads this without the {kind} '{name}': add {options[kind].format(name)}"
        for (kind, name), models in needed.items()
    ]
