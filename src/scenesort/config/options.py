"""The options of every stage as frozen values: default, unit, range and one line of meaning each."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

MAX_INTEGER = 2**31 - 2
"""Largest whole number of any option: COLMAP's are 32 bits wide, and a second attempt adds one to the seed."""


def option(
    default: Any,
    meaning: str,
    unit: str = "",
    choices: tuple[str, ...] = (),
    low: float | None = None,
    high: float | None = None,
) -> Any:
    """Declare an option: its default, one line of meaning, its unit, the values or the range allowed."""
    if high is None and isinstance(default, int) and not isinstance(default, bool):
        high = MAX_INTEGER
    return field(
        default=default, metadata={"help": meaning, "unit": unit, "choices": choices, "low": low, "high": high}
    )


@dataclass(frozen=True, slots=True)
class PhotosOptions:
    """Which photos are read, and what is known about their cameras."""

    max_megapixels: float = option(200.0, "larger photos are skipped and listed", "megapixels", low=0.01)
    min_side_px: int = option(32, "photos with a shorter side are skipped and listed", "px", low=1)
    camera_model: str = option(
        "SIMPLE_RADIAL",
        "COLMAP camera model of photos without known intrinsics",
        choices=("SIMPLE_PINHOLE", "PINHOLE", "SIMPLE_RADIAL", "RADIAL", "OPENCV", "OPENCV_FISHEYE"),
    )
    camera_params: str = option("", "known intrinsics of all photos, COLMAP's order, separated by commas")
    single_camera: bool = option(False, "all photos of one size come from one camera")
    cameras_csv: str = option("", "known intrinsics by photo: a CSV with image,model,width,height,params")
    masks: str = option("", "folder of masks named like the photos plus .png; features on black are dropped")
    default_focal_ratio: float = option(1.2, "guessed focal length as a multiple of the longer side", low=0.1)
    find_turns: bool = option(True, "photos turned by 90 or 180 degrees against their neighbours are matched upright")


@dataclass(frozen=True, slots=True)
class FeaturesOptions:
    """How keypoints are found."""

    max_side_px: int = option(1024, "photos are shrunk to this longer side before features are found", "px", low=64)
    sift_keypoints: int = option(8192, "most SIFT keypoints a photo", low=16)
    xfeat_keypoints: int = option(2048, "most XFeat keypoints a photo", low=16)
    aliked_keypoints: int = option(2048, "most ALIKED keypoints a photo", low=16)
    disk_keypoints: int = option(2048, "most DISK keypoints a photo", low=16)
    superpoint_keypoints: int = option(2048, "most SuperPoint keypoints a photo", low=16)
    more_sides_px: tuple[str, ...] = option(
        (), "further longer sides, such as 1536,2048, at which photos that have them are looked at, too", "px"
    )
    tiles: int = option(
        1,
        "photos larger than max_side_px are looked at in so many tiles a side, too, each shrunk to max_side_px; 1: no",
        low=1,
        high=4,
    )

    def most_keypoints(self, member: str) -> int:
        """Return the most keypoints a photo of a feature member; members without an option of their own have 4,096."""
        return int(getattr(self, f"{member}_keypoints", 4096))


@dataclass(frozen=True, slots=True)
class RetrievalOptions:
    """Which pairs are looked at at all. They are then screened, and the best are matched."""

    shortlists: tuple[str, ...] = option(
        ("auto",),
        "what proposes pairs: exhaustive, knn, threshold, mst, sequence, file, growth (along verified pairs), several; "
        "auto: exhaustive in small collections, else knn and growth",
    )
    # A look at one pair costs about a thousandth of what a photo costs otherwise.
    screened_photos: int = option(200, "auto looks at every pair in collections up to this size", low=2)
    descriptors: tuple[str, ...] = option(
        ("vlad", "efficientnet"), "global descriptors that knn, threshold and mst search, each by itself unless fused"
    )
    members: tuple[str, ...] = option(
        (), "settings of global descriptors, NAME.SETTING=VALUE, such as dinov2.model=FOLDER; NAME.weight is for fusion"
    )
    neighbours: int = option(30, "knn: fewest nearest photos of each; twice the log2 of the photos if more", low=1)
    max_distance: float = option(0.3, "threshold: largest L2 distance of descriptors of unit length", low=0.0, high=2.0)
    least_partners: int = option(20, "threshold: nearest photos of each photo that are proposed at any distance", low=0)
    sequence_powers: int = option(6, "sequence: partners 1, 2, 4, … photos later in time, so many", low=1, high=30)
    sequence_gap_s: float = option(0.0, "sequence: a longer gap between two photos ends it; 0: none does", "s", low=0.0)
    pairs_file: str = option("", "file: pairs of photos, two names a line, all of which are matched")
    groups_file: str = option(
        "",
        "photos are grouped as in this CSV of photo and scene, a clusters.csv or a submission; only pairs within a "
        "group are matched",
    )
    growth_rounds: int = option(3, "growth: most rounds of propose, match, verify", low=1)
    growth_pairs_per_photo: float = option(2.0, "growth: most pairs of a round, for each photo", low=0.0)
    fusion: str = option(
        "none",
        "descriptors are made one, by principal components of each or of all together, and searched so",
        choices=("none", "independent", "shared"),
    )
    trained: str = option(
        "",
        "folder of what `scenesort retrieval fit` learned from other photos (codebook, fusion); empty: learned from "
        "those at hand",
    )
    fusion_components: int = option(512, "most principal components of a fusion fitted on the photos at hand", low=1)
    clusters: str = option(
        "none", "clustering member (mst, hdbscan, leiden) that groups photos before any pair is matched, or none"
    )
    cluster_use: str = option(
        "gate",
        "gate: only pairs within a group are matched; order: they come first, in every photo's ranking",
        choices=("gate", "order"),
    )
    cluster_cut_deviations: float = option(
        2.5, "mst: edges this many robust deviations longer than the median are cut", low=0.0, high=100.0
    )
    cluster_resolution: float = option(0.2, "leiden: more gives more and smaller groups", low=0.001, high=100.0)


@dataclass(frozen=True, slots=True)
class PairsOptions:
    """Which of the proposed pairs are matched: they are screened cheaply, the best are matched."""

    # Below about twice the partners a photo, a shortlist keeps most pairs anyway.
    exhaustive_photos: int = option(
        25, "collections up to this size match every proposed pair with every matcher", low=2
    )
    screen_with: str = option(
        "xfeat",
        "feature member whose descriptors screen the pairs",
        choices=("xfeat", "aliked", "sift", "disk", "superpoint"),
    )
    screen_keypoints: int = option(1024, "keypoints a photo used in screening, best first", low=16)
    pairs_per_photo: int = option(12, "best-ranked partners of each photo that the learned matchers get", low=1)
    grown_pairs_per_photo: int = option(
        5, "growth: partners of each photo that the learned matchers get on top, by what they verified; 0: none", low=0
    )
    settled_partners: int = option(
        6,
        "a photo with so many strong partners after nearest-neighbour matching needs no learned matcher; 0: none does",
        low=0,
    )
    strong_inliers: int = option(100, "verified inliers of a strong partner", low=4)
    nearest_pairs_per_photo: int = option(
        40, "best-ranked partners of each photo that nearest-neighbour matching gets", low=1
    )


@dataclass(frozen=True, slots=True)
class MatchingOptions:
    """How pairs are matched."""

    mix: tuple[str, ...] = option(
        ("sift+nearest", "xfeat+lighterglue"),
        "features+matcher to run side by side; their matches are put together before verification",
    )
    max_ratio: float = option(0.8, "ratio test of nearest-neighbour matching", low=0.1)
    max_angle_deg: float = option(40.0, "largest angle between matched descriptors", "degrees", low=1.0)
    filter_threshold: float = option(0.1, "least confidence of a LightGlue match", low=0.0)
    depth_confidence: float = option(0.95, "LightGlue for ALIKED stops early above this confidence; -1 never stops")
    width_confidence: float = option(
        0.99, "LightGlue for ALIKED drops hopeless keypoints above this confidence; -1 keeps all"
    )
    half_precision: str = option(
        "auto", "bf16 in LightGlue; auto: where the processor has it", choices=("auto", "on", "off")
    )


@dataclass(frozen=True, slots=True)
class SecondLookOptions:
    """Verified pairs matched again, on crops of what both photos show, brought to one size. Not with a time limit."""

    matcher: str = option(
        "",
        "features+matcher, such as xfeat+lighterglue, or efficientloftr or vismatch, that matches pairs again; empty: "
        "none",
    )
    model: str = option(
        "", "efficientloftr: a folder in place of the registry's model; vismatch: the name of its matcher"
    )
    region: str = option(
        "crops",
        "crops: what both photos show by the inliers so far; photos: all of both",
        choices=("crops", "photos"),
    )
    max_inliers: int = option(100, "verified pairs of fewer inliers are looked at again; 0: all", low=0)
    pairs_per_photo: int = option(10, "partners of each photo that are looked at again, those of most inliers", low=1)
    side_px: int = option(1024, "longer side of a crop as matched; none is enlarged more than twice", "px", low=64)
    merge_px: float = option(
        2.0,
        "points of several pairs this near to each other, in the photo shrunk to features.max_side_px, are one",
        "px",
        low=0.0,
    )


@dataclass(frozen=True, slots=True)
class VerificationOptions:
    """What makes a pair's geometry believed."""

    min_inliers: int = option(15, "fewest inliers of a verified pair", low=4)
    max_error_px: float = option(4.0, "largest epipolar error of an inlier", "px", low=0.1)
    confidence: float = option(0.999, "RANSAC stops when this sure to have seen the best model", low=0.5, high=0.999999)
    max_trials: int = option(2000, "most RANSAC trials a model", low=10)
    guided: bool = option(
        False, "a verified pair's keypoints are matched again where its geometry allows, by nearest descriptors"
    )


@dataclass(frozen=True, slots=True)
class ScenesOptions:
    """When photos belong together."""

    min_photos: int = option(3, "fewest posed photos of a scene", low=2)
    # As many as a pose needs (mapping.pose_min_inliers): a photo that hangs on fewer can't be posed anyway.
    min_joining_inliers: int = option(
        30,
        "a pair of fewer inliers joins two parts only if a third photo matches both of its photos; 0: any joins",
        low=0,
    )
    max_cut_ratio: float = option(
        0.05, "a model is split where photos share less than this share of the points they should; 0: never", low=0.0
    )
    min_fold_excess: float = option(
        2.5,
        "a model is split where points of each side differ this many times as often in the other side's photos as in "
        "one place; 0: never",
        low=0.0,
    )
    dense_looks: bool = option(
        False,
        "models of up to 150 photos are looked at by points all over their photos, too, with min_fold_excess: tells "
        "places apart that differ in little, for a few CPU seconds a photo; not with a time limit",
    )
    min_edge_confidence: float = option(
        0.0,
        "verified pairs of less confidence, by the matches that they should have and don't have, are not mapped; 0: "
        "all are",
        low=0.0,
        high=1.0,
    )
    pair_classifier: str = option("none", "learned classifier of look-alikes whose vote counts, too, or none")
    # Two different buildings have given 43 verified inliers: a few dozen prove nothing.
    min_leftover_inliers: int = option(
        60,
        "verified inliers with each of two photos, or twice as many with one, that tie a photo without a pose to a "
        "scene",
        low=4,
    )
    likeness: str = option(
        "efficientnet",
        "global descriptor by which photos without a pose that have fewer verified inliers (twice "
        "verification.min_inliers) join the scene they look like, or none; not with a time limit, nor where its "
        "weights are missing",
    )


@dataclass(frozen=True, slots=True)
class MappingOptions:
    """How the photos of a scene get poses."""

    backend: str = option("incremental", "mapping member, or pose model by name (mast3r, vggt, …)")
    start_with: str = option(
        "",
        "pose model from whose refined poses COLMAP's incremental mapper goes on, too; the healthier models are kept; "
        "empty: none",
    )
    fill_with: str = option(
        "", "pose model for photos that the backend left without a pose; kept where their matches agree; empty: none"
    )
    compare_with: str = option(
        "", "second mapping member or pose model that maps every part too; the healthier models are kept; empty: none"
    )
    merge_models: bool = option(
        False,
        "models of one part whose common points agree on one place are joined, mapped on and kept if healthier",
    )
    share_cameras: str = option(
        "auto",
        "photos of one size without EXIF share a camera: auto maps both ways and compares",
        choices=("auto", "never", "always"),
    )
    tries: int = option(
        3,
        "a part is mapped so many times, each time on another path (global: with another seed), and the healthiest "
        "models are kept; once with a time limit or a pose model",
        low=1,
        high=100,
    )
    tries_photos: int = option(100, "parts of more photos are mapped once", low=0)
    max_models: int = option(25, "most models tried in one connected part of the view graph", low=1)
    init_min_inliers: int = option(100, "fewest inliers of the pair that starts a model", low=10)
    pose_min_inliers: int = option(30, "fewest inliers of a pose estimated from points", low=4)
    fill_min_inliers: int = option(
        10,
        "fewest inliers of the pose of a photo that no model has posed, registered once the models stand; 0: none is",
        low=0,
    )
    max_reprojection_error_px: float = option(4.0, "observations with a larger error are dropped", "px", low=0.1)
    robust_loss_px: float = option(
        0.5,
        "scale of the Cauchy loss in the last bundle adjustment, about the keypoints' precision; 0: none",
        "px",
        low=0.0,
    )
    timeout_s: float = option(3600.0, "time limit of one attempt at one part", "s", low=1.0)


@dataclass(frozen=True, slots=True)
class PoseModelsOptions:
    """How feed-forward pose models run, as mapping.backend, start_with, fill_with or compare_with."""

    model: str = option("", "weights: a name of the registry, a hub name, a folder or file; empty: the member's own")
    side_px: int = option(0, "longer side of the picture that the model sees; 0: the member's own", "px", low=0)
    precision: str = option(
        "auto", "numbers that models compute with", choices=("auto", "float32", "bfloat16", "float16")
    )
    accept_licence: bool = option(False, "a model's licence that forbids commercial use is accepted")
    window_photos: int = option(0, "most photos that a model sees at once; 0: as many as memory allows", low=0)
    overlap_photos: int = option(8, "photos that a window repeats from those before it", low=2)
    refinement: str = option(
        "ba",
        "none: poses as predicted; ba: bundle adjustment on verified matches; ba_points: from the model's own points; "
        "ba_retriangulate: points made anew between rounds",
        choices=("none", "ba", "ba_points", "ba_retriangulate"),
    )
    intrinsics: str = option(
        "scene",
        "photos that share a camera in refinement: of one frame size, of one camera group, or none",
        choices=("scene", "group", "free"),
    )


@dataclass(frozen=True, slots=True)
class BudgetOptions:
    """What a run may take. With a time limit, results depend on the machine's speed."""

    time_limit_s: float = option(
        0.0, "the run ends within this time: less is tried, the most valuable first; 0: no limit", "s", low=0.0
    )
    memory_limit_mb: float = option(
        0.0,
        "fewer workers run, and larger photos are left out, so that memory stays below this; 0: no limit",
        "MB",
        low=0.0,
    )


@dataclass(frozen=True, slots=True)
class ExecutionOptions:
    """Where the work runs. Nothing here changes results."""

    workers: int = option(0, "worker processes; 0: one for each core", low=0)
    device: str = option(
        "auto",
        "where models run; cuda: spread over all its GPUs",
        choices=("auto", "cpu", "cuda", "cuda:NUMBER", "mps"),
    )
    task_timeout_s: float = option(900.0, "time limit of one small task, such as the features of a photo", "s", low=1.0)


@dataclass(frozen=True, slots=True)
class Options:
    """All options of a run."""

    photos: PhotosOptions = field(default_factory=PhotosOptions)
    features: FeaturesOptions = field(default_factory=FeaturesOptions)
    retrieval: RetrievalOptions = field(default_factory=RetrievalOptions)
    pairs: PairsOptions = field(default_factory=PairsOptions)
    matching: MatchingOptions = field(default_factory=MatchingOptions)
    second_look: SecondLookOptions = field(default_factory=SecondLookOptions)
    verification: VerificationOptions = field(default_factory=VerificationOptions)
    scenes: ScenesOptions = field(default_factory=ScenesOptions)
    mapping: MappingOptions = field(default_factory=MappingOptions)
    pose_models: PoseModelsOptions = field(default_factory=PoseModelsOptions)
    budget: BudgetOptions = field(default_factory=BudgetOptions)
    execution: ExecutionOptions = field(default_factory=ExecutionOptions)
    seed: int = option(0, "seed of every random step", low=0)


GROUPS = tuple(item.name for item in dataclasses.fields(Options) if item.name != "seed")
