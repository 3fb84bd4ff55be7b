"""Pair → matches → verified two-view geometry. Members are found by name; see TEMPLATE.md for how to add one."""

from scenesort.matching.base import MatchingMember, load, parse_mix

__all__ = ["MatchingMember", "load", "parse_mix"]
