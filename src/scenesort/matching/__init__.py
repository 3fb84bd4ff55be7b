"""Pair → matches → verified two-view geometry. Members are found by name; see TEMPLATE.md for how to add one."""

from scenesort.matching.base import MatchingMember, load, parse_mix
from scenesort.matching.guided import guided_matches, with_guided

__all__ = ["MatchingMember", "guided_matches", "load", "parse_mix", "with_guided"]
