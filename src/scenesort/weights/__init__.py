"""Model weights: where they come from, and that they are the bytes they should be."""

from scenesort.weights.store import REGISTRY, WeightsEntry, fetch, load_state, locate, missing

__all__ = ["REGISTRY", "WeightsEntry", "fetch", "load_state", "locate", "missing"]
