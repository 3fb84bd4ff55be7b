"""Verified view graph → connected parts → scenes and outliers; look-alike places told apart."""

from scenesort.scenes.assignment import (
    assign,
    one_scene_a_photo,
    rows_of_posed,
    scene_without_model,
    without_poses,
)
from scenesort.scenes.classifiers import NONE, PairClassifier, load_classifier
from scenesort.scenes.dense_points import DensePoints, dense_points, overlapping
from scenesort.scenes.edge_confidence import edge_confidence, trusted, with_confidence, with_doubts
from scenesort.scenes.expectations import Expected, expected_points, shown_at
from scenesort.scenes.folds import Fold, Looks, deepest_fold, weigh, without_photos
from scenesort.scenes.look_alikes import Cut, weakest_cut
from scenesort.scenes.patches import View, correlations, surface_normals
from scenesort.scenes.ties import Ties
from scenesort.scenes.unique_structure import Division, divide
from scenesort.scenes.view_graph import build_view_graph, connected_parts, with_inliers

__all__ = [
    "NONE",
    "Cut",
    "DensePoints",
    "Division",
    "Expected",
    "Fold",
    "Looks",
    "PairClassifier",
    "Ties",
    "View",
    "assign",
    "build_view_graph",
    "connected_parts",
    "correlations",
    "deepest_fold",
    "dense_points",
    "divide",
    "edge_confidence",
    "expected_points",
    "load_classifier",
    "one_scene_a_photo",
    "overlapping",
    "rows_of_posed",
    "scene_without_model",
    "shown_at",
    "surface_normals",
    "trusted",
    "weakest_cut",
    "weigh",
    "with_confidence",
    "with_doubts",
    "with_inliers",
    "without_photos",
    "without_poses",
]
