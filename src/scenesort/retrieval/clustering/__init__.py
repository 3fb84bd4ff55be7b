"""Global descriptors → hard clusters of photos that look alike, before any pair is matched. See TEMPLATE.md.

Off unless asked for: appearance tells places apart worse than verified geometry does, and a photo in the wrong cluster
is lost to its scene.
"""

from scenesort.retrieval.clustering.base import ClusteringMember, ClusteringOptions, Clusters, load

__all__ = ["ClusteringMember", "ClusteringOptions", "Clusters", "load"]
