"""Every option of every stage: frozen, with its default, unit and one line of meaning; presets; TOML and `--set`.

Nothing here reads photos or knows stages: a stage receives its own group of options.
"""

from scenesort.config.options import (
    GROUPS,
    MAX_INTEGER,
    BudgetOptions,
    ExecutionOptions,
    FeaturesOptions,
    MappingOptions,
    MatchingOptions,
    Options,
    PairsOptions,
    PhotosOptions,
    PoseModelsOptions,
    RetrievalOptions,
    ScenesOptions,
    SecondLookOptions,
    VerificationOptions,
)
from scenesort.config.presets import PRESET_NOTES, PRESETS, preset
from scenesort.config.values import explain, flatten, parse_assignments, read_toml, to_toml, with_values

__all__ = [
    "GROUPS",
    "MAX_INTEGER",
    "PRESETS",
    "PRESET_NOTES",
    "BudgetOptions",
    "ExecutionOptions",
    "FeaturesOptions",
    "MappingOptions",
    "MatchingOptions",
    "Options",
    "PairsOptions",
    "PhotosOptions",
    "PoseModelsOptions",
    "RetrievalOptions",
    "ScenesOptions",
    "SecondLookOptions",
    "VerificationOptions",
    "explain",
    "flatten",
    "parse_assignments",
    "preset",
    "read_toml",
    "to_toml",
    "with_values",
]
