"""Photo → one vector for the whole picture: photos that look alike have a large scalar product. See TEMPLATE.md."""

from scenesort.model_folders import check_given, fingerprint_of, workers_that_fit
from scenesort.retrieval.global_descriptors.base import (
    CaptionMember,
    FeatureDescriptorMember,
    GlobalDescriptorOptions,
    PhotoDescriptorMember,
    load,
    stored,
    weights_of,
)
from scenesort.retrieval.global_descriptors.codebooks import codebook_name, load_codebook, save_codebook
from scenesort.retrieval.global_descriptors.settings import check_settings, fusion_weights, member_options

__all__ = [
    "CaptionMember",
    "FeatureDescriptorMember",
    "GlobalDescriptorOptions",
    "PhotoDescriptorMember",
    "check_given",
    "check_settings",
    "codebook_name",
    "fingerprint_of",
    "fusion_weights",
    "load",
    "load_codebook",
    "member_options",
    "save_codebook",
    "stored",
    "weights_of",
    "workers_that_fit",
]
