"""Model weights: where they come from, and that they are the bytes they should be."""

from scenesort.weights.entries import HubSource, UrlSource, WeightsEntry, WeightsFile, WheelSource
from scenesort.weights.fetching import fetch
from scenesort.weights.registry import REGISTRY
from scenesort.weights.sources.hub import cached_repository
from scenesort.weights.states import read_state
from scenesort.weights.store import fingerprint, licence_note, load_state, locate, missing, require

__all__ = [
    "REGISTRY",
    "HubSource",
    "UrlSource",
    "WeightsEntry",
    "WeightsFile",
    "WheelSource",
    "cached_repository",
    "fetch",
    "fingerprint",
    "licence_note",
    "load_state",
    "locate",
    "missing",
    "read_state",
    "require",
]
