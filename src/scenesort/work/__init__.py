"""What a worker process does: one small function a stage, between artefacts on disk and the stages' values.

A job names the artefacts it reads by kind and key; its result goes back to the parent, which alone writes. Models and
recently read features stay in the process from job to job.
"""

from scenesort.work.classifying import ClassifyJob, classify
from scenesort.work.comparing import COMPARISON_VERSION, CompareJob, compare
from scenesort.work.features import FeaturesJob, extract
from scenesort.work.loading import PhotoKeys, frame_keypoints, keypoint_starts, upright_keypoints
from scenesort.work.looking_again import LookAgainJob, look_again
from scenesort.work.mapping import ColourJob, MapJob, MappedPart, WindowJob, colours, map_part, plan_windows
from scenesort.work.pairing import MatchJob, VerifyJob, VerifyPair, match, verify
from scenesort.work.retrieval import (
    AggregateJob,
    ClusterJob,
    CodebookJob,
    Described,
    DescribeJob,
    ScreenJob,
    SearchJob,
    StoredDescriptors,
    aggregate,
    cluster,
    describe,
    learn_codebook,
    load_descriptors,
    screen,
    search,
)
from scenesort.work.sweeping import SWEEP_VERSION, SweepJob, sweep

__all__ = [
    "COMPARISON_VERSION",
    "SWEEP_VERSION",
    "AggregateJob",
    "ClassifyJob",
    "ClusterJob",
    "CodebookJob",
    "ColourJob",
    "CompareJob",
    "DescribeJob",
    "Described",
    "FeaturesJob",
    "LookAgainJob",
    "MapJob",
    "MappedPart",
    "MatchJob",
    "PhotoKeys",
    "ScreenJob",
    "SearchJob",
    "StoredDescriptors",
    "SweepJob",
    "VerifyJob",
    "VerifyPair",
    "WindowJob",
    "aggregate",
    "classify",
    "cluster",
    "colours",
    "compare",
    "describe",
    "extract",
    "frame_keypoints",
    "keypoint_starts",
    "learn_codebook",
    "load_descriptors",
    "look_again",
    "map_part",
    "match",
    "plan_windows",
    "screen",
    "search",
    "sweep",
    "upright_keypoints",
    "verify",
]
