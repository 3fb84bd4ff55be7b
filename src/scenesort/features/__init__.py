"""Photo → keypoints and descriptors. Members are found by name; see TEMPLATE.md for how to add one."""

from scenesort.features.base import FeatureMember, load

__all__ = ["FeatureMember", "load"]
