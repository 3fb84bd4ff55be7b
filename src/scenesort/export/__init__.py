"""Results as files that other tools open."""

from scenesort.export.scene_folder import write_scene_folder
from scenesort.export.submission import SubmissionRow, submission_rows, write_rows

__all__ = ["SubmissionRow", "submission_rows", "write_rows", "write_scene_folder"]
