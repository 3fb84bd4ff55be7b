"""Photos → pairs worth matching: proposed from descriptors, or all; screened, ranked, with a recall floor a photo."""

from scenesort.retrieval.fusion import FUSION_FILE, FusionOptions, fit_fusion, load_fusion, save_fusion
from scenesort.retrieval.group_files import names_collections
from scenesort.retrieval.groups import groups_first, within_groups
from scenesort.retrieval.growth import GrowthOptions, is_worthwhile, next_pairs, shared_strength
from scenesort.retrieval.index import Neighbours
from scenesort.retrieval.index_exact import Float16Array, RowArray
from scenesort.retrieval.pair_files import read_pairs
from scenesort.retrieval.proposals import Proposals, exhaustive, exhaustive_within, renumbered, sequence, union
from scenesort.retrieval.screening import VERSION, screen, screen_descriptors, screening_blocks
from scenesort.retrieval.searching import (
    FUSED,
    PROPOSAL_VERSIONS,
    RULES,
    SEARCHING,
    SearchOptions,
    fused,
    nearest_of,
    resolve,
    search,
)
from scenesort.retrieval.shortlist import ScoredPairs, settled_photos, shortlist

__all__ = [
    "FUSED",
    "FUSION_FILE",
    "PROPOSAL_VERSIONS",
    "RULES",
    "SEARCHING",
    "VERSION",
    "Float16Array",
    "FusionOptions",
    "GrowthOptions",
    "Neighbours",
    "Proposals",
    "RowArray",
    "ScoredPairs",
    "SearchOptions",
    "exhaustive",
    "exhaustive_within",
    "fit_fusion",
    "fused",
    "groups_first",
    "is_worthwhile",
    "load_fusion",
    "names_collections",
    "nearest_of",
    "next_pairs",
    "read_pairs",
    "renumbered",
    "resolve",
    "save_fusion",
    "screen",
    "screen_descriptors",
    "screening_blocks",
    "search",
    "sequence",
    "settled_photos",
    "shared_strength",
    "shortlist",
    "union",
    "within_groups",
]
