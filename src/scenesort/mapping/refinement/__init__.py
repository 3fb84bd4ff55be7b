"""Refinement of predicted poses by our own verified matches: one module for every backend."""

from scenesort.mapping.refinement.base import Intrinsics, Refinement, RefinementSettings, Variant
from scenesort.mapping.refinement.refine import refine

__all__ = ["Intrinsics", "Refinement", "RefinementSettings", "Variant", "refine"]
