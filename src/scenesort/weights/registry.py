"""The registry of all models that members may load, by name."""

from __future__ import annotations

from collections.abc import Iterable

from scenesort.errors import WeightsError
from scenesort.plugins import did_you_mean
from scenesort.weights import features_and_matchers, geometry_models, image_models
from scenesort.weights.entries import WeightsEntry

REGISTRY: dict[str, WeightsEntry] = {
    entry.name: entry for module in (features_and_matchers, image_models, geometry_models) for entry in module.ENTRIES
}


def entry_of(name: str) -> WeightsEntry:
    """Return the entry called `name`; raises WeightsError, with the nearest name, when there is none."""
    if name not in REGISTRY:
        raise WeightsError(
            f"no weights '{name}'{did_you_mean(name, list(REGISTRY))}; list them with: scenesort weights list"
        )
    return REGISTRY[name]


def entries_of(names: Iterable[str]) -> list[WeightsEntry]:
    """Return the entries called `names`, each once, in their order; raises WeightsError."""
    return [entry_of(name) for name in dict.fromkeys(names)]
