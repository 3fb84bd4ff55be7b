"""Scores of a submission against labels.

`score` gives the Image Matching Challenge 2025's own score, to the digit, and the repaired score beside it. The tables
are read by `read_poses` and `read_thresholds`. `registration_tables` shows photo by photo how a score comes about,
`collection_statistics` what stands beside it. `compare` holds runs against each other, `diagnose` finds wrong pose
conventions. Errors that a user can mend are `EvaluationError`s.
"""

from scenesort.evaluation.comparison import Comparison, Run, compare
from scenesort.evaluation.conventions import READINGS, Reading, read_as
from scenesort.evaluation.diagnosis import Diagnosis, diagnose
from scenesort.evaluation.metric import CollectionScore, Evaluation, SceneScore, score
from scenesort.evaluation.registration import Registration, register
from scenesort.evaluation.registration_table import CollectionTable, PhotoRow, SceneTable, registration_tables
from scenesort.evaluation.statistics import CollectionStatistics, SceneStatistics, collection_statistics
from scenesort.evaluation.tables import PoseTable, Thresholds, check_thresholds, read_poses, read_thresholds

__all__ = [
    "READINGS",
    "CollectionScore",
    "CollectionStatistics",
    "CollectionTable",
    "Comparison",
    "Diagnosis",
    "Evaluation",
    "PhotoRow",
    "PoseTable",
    "Reading",
    "Registration",
    "Run",
    "SceneScore",
    "SceneStatistics",
    "SceneTable",
    "Thresholds",
    "check_thresholds",
    "collection_statistics",
    "compare",
    "diagnose",
    "read_as",
    "read_poses",
    "read_thresholds",
    "register",
    "registration_tables",
    "score",
]
