"""The registry of all photo sets that can be fetched, and of the piles that are mixed of them."""

from __future__ import annotations

from collections.abc import Iterable

from scenesort.errors import SampleDataError
from scenesort.plugins import did_you_mean
from scenesort.sample_data import other_sets, strecha
from scenesort.sample_data.entries import SampleSet

REGISTRY: dict[str, SampleSet] = {entry.name: entry for module in (strecha, other_sets) for entry in module.SETS}

PILES: dict[str, tuple[str, ...]] = {"strecha": ("castle-p30", "herz-jesu-p25")}
"""Names of piles that `fetch` mixes. The benchmark's other sets show the same two places as these, which are the larger
ones: as further scenes their labels would contradict what the photos show."""


def set_of(name: str) -> SampleSet:
    """Return the photo set called `name`; raises SampleDataError, with the nearest name, when there is none."""
    if name not in REGISTRY:
        known = [*REGISTRY, *PILES]
        raise SampleDataError(f"no photo set '{name}'{did_you_mean(name, known)}; list them with: scenesort data list")
    return REGISTRY[name]


def members_of(name: str) -> tuple[SampleSet, ...]:
    """Return the sets of a pile, or the one set of this name; raises SampleDataError."""
    return tuple(set_of(member) for member in PILES.get(name, (name,)))


def check_pile(name: str, sets: Iterable[SampleSet]) -> None:
    """Raise SampleDataError where two sets of a pile show one place, which would make its labels wrong."""
    shown: dict[str, str] = {}
    for entry in sets:
        other = shown.setdefault(entry.place, entry.name)
        if other != entry.name:
            raise SampleDataError(
                f"pile '{name}': '{other}' and '{entry.name}' both show {entry.place}, so their photos belong together "
                "while their labels say that they don't; take one of them"
            )
