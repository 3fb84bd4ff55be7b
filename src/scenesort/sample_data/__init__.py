"""Public photo sets with true cameras: fetched from where their authors publish them, laid out with labels.

`fetch` brings sets here; `REGISTRY` tells their addresses, terms and citations; `PILES` names sets that are mixed.
"""

from scenesort.errors import SampleDataError
from scenesort.sample_data.entries import DataFile, SampleSet, Source
from scenesort.sample_data.registry import PILES, REGISTRY

__all__ = ["PILES", "REGISTRY", "DataFile", "SampleDataError", "SampleSet", "Source"]
