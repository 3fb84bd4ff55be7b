"""Results as files that other tools open."""

from scenesort.export.hloc import write_features, write_matches, write_pairs
from scenesort.export.scene_folder import write_scene_folder
from scenesort.export.submission import OUTLIERS, SubmissionRow, submission_rows, write_rows

__all__ = [
    "OUTLIERS",
    "SubmissionRow",
    "submission_rows",
    "write_features",
    "write_matches",
    "write_pairs",
    "write_rows",
    "write_scene_folder",
]
