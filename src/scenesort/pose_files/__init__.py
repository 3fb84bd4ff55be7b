"""Poses in other tools' formats, read as submissions or labels; docs/reference/pose-formats.md tells each convention.

`read_submission` finds out the format: the challenge's CSV, scenesort's run folders, COLMAP models, nerfstudio's
transforms.json, Bundler's bundle.out, TUM and KITTI trajectories. Everything becomes cam_from_world with OpenCV axes.
Errors that a user can mend are `EvaluationError`s.
"""

from scenesort.pose_files.base import PoseCluster, PoseSource
from scenesort.pose_files.submission import read_labels, read_poses_file, read_submission, restrict

__all__ = ["PoseCluster", "PoseSource", "read_labels", "read_poses_file", "read_submission", "restrict"]
