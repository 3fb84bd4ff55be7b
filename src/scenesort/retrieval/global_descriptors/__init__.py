"""Photo → one vector for the whole picture: photos that look alike have a large scalar product. See TEMPLATE.md."""

from scenesort.retrieval.global_descriptors.base import (
    FeatureDescriptorMember,
    GlobalDescriptorOptions,
    PhotoDescriptorMember,
    load,
    stored,
    weights_of,
)
from scenesort.retrieval.global_descriptors.models import check_given, fingerprint_of
from scenesort.retrieval.global_descriptors.settings import check_settings, fusion_weights, member_options

__all__ = [
    "FeatureDescriptorMember",
    "GlobalDescriptorOptions",
    "PhotoDescriptorMember",
    "check_given",
    "check_settings",
    "fingerprint_of",
    "fusion_weights",
    "load",
    "member_options",
    "stored",
    "weights_of",
]
