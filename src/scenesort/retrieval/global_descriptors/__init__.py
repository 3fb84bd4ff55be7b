"""Photo → one vector for the whole picture: photos that look alike have a large scalar product. See TEMPLATE.md."""

from scenesort.retrieval.global_descriptors.base import (
    FeatureDescriptorMember,
    GlobalDescriptorOptions,
    PhotoDescriptorMember,
    load,
    stored,
    weights_of,
)

__all__ = [
    "FeatureDescriptorMember",
    "GlobalDescriptorOptions",
    "PhotoDescriptorMember",
    "load",
    "stored",
    "weights_of",
]
