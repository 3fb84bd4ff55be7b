"""Photos → pairs worth matching: every pair screened cheaply, ranked, with a recall floor a photo."""

from scenesort.retrieval.screening import VERSION, block_pairs, screen_block, screen_descriptors
from scenesort.retrieval.shortlist import Shortlist, settled_photos, shortlist

__all__ = ["VERSION", "Shortlist", "block_pairs", "screen_block", "screen_descriptors", "settled_photos", "shortlist"]
