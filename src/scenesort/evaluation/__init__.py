"""Scores of a submission against labels.

`score` gives the Image Matching Challenge 2025's own score, to the digit, and the repaired score beside it. The tables
are read by `read_poses` and `read_thresholds`. Errors that a user can mend are `EvaluationError`s.
"""

from scenesort.evaluation.metric import CollectionScore, Evaluation, SceneScore, score
from scenesort.evaluation.registration import Registration, register
from scenesort.evaluation.tables import PoseTable, Thresholds, check_thresholds, read_poses, read_thresholds

__all__ = [
    "CollectionScore",
    "Evaluation",
    "PoseTable",
    "Registration",
    "SceneScore",
    "Thresholds",
    "check_thresholds",
    "read_poses",
    "read_thresholds",
    "register",
    "score",
]
