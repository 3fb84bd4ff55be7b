"""transforms.json of nerfstudio, instant-ngp and NeRF's synthetic scenes.

Source: nerfstudio's documentation, "Data conventions", and its `process_data/colmap_utils.py`. `transform_matrix` is
world_from_cam with OpenGL axes (x right, y up, z back). `applied_transform`, and after it `applied_scale`, took the
original world to the file's: both are undone. `orientation_override` only steers nerfstudio's own loader.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from scenesort.errors import EvaluationError
from scenesort.geometry import invert, nearest_rotation
from scenesort.pose_files.base import NamedPose, PoseCluster, PoseSource, check_rotation, make_cluster, unreadable
from scenesort.types import FloatArray

_FLIP_YZ = np.diag([1.0, -1.0, -1.0])
_LAST_ROW = np.array([0.0, 0.0, 0.0, 1.0])


def read_transforms(path: Path, name: str, collection: str | None = None) -> PoseCluster:
    """Read the frames of a transforms.json; raises `EvaluationError` naming the frame where one is malformed.

    A uniform scale in a frame's 3x3 part (Blender's objects can carry one) is taken out: it moves no camera.
    """
    source = PoseSource(path, collection)
    content = _load(source)
    frames = content.get("frames") if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(frames, list):
        raise EvaluationError(f"{source.where()}: no list 'frames' in it. Is it a transforms.json?")
    original_from_file = _original_from_file(content, source)
    poses = []
    for number, frame in enumerate(frames, start=1):
        image = frame.get("file_path") if isinstance(frame, dict) else None
        if not isinstance(image, str) or not image.strip():
            raise EvaluationError(f"{source.where(f'frame {number}')}: no 'file_path'. Give each frame its photo.")
        where = source.where(f"frame {number}", image)
        if "transform_matrix" not in frame:
            raise EvaluationError(f"{where}: no 'transform_matrix'. Leave out a frame that has no pose.")
        matrix = _matrix(frame["transform_matrix"], f"{where}: 'transform_matrix'")
        with np.errstate(all="ignore"):
            poses.append(NamedPose(image, number, _cam_from_world(original_from_file @ matrix, where)))
    return make_cluster(name, source, poses, entry="frame")


def _load(source: PoseSource) -> object:
    try:
        return json.loads(source.path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise unreadable(source, error) from error
    except json.JSONDecodeError as error:
        where = source.where(f"line {error.lineno}")
        raise EvaluationError(f"{where}: not JSON ({error.msg}, column {error.colno}). Correct the file.") from error
    except UnicodeDecodeError as error:
        raise EvaluationError(f"{source.where()}: not UTF-8 text ({error.reason}). Save it as UTF-8.") from error
    except (ValueError, RecursionError) as error:
        raise EvaluationError(f"{source.where()}: not JSON that can be read ({error}). Correct the file.") from error


def _original_from_file(content: dict[str, object], source: PoseSource) -> FloatArray:
    """Return the (4, 4) transform from the file's world back to the original one."""
    applied = np.eye(4)
    if content.get("applied_transform") is not None:
        applied = _matrix(content["applied_transform"], f"{source.where()}: 'applied_transform'")
    if content.get("applied_scale") is not None:
        scale = content["applied_scale"]
        if isinstance(scale, bool) or not isinstance(scale, int | float) or not 0 < scale <= sys.float_info.max:
            raise EvaluationError(f"{source.where()}: 'applied_scale' is {_short(scale)}. Give a number above 0.")
        applied = np.diag([scale, scale, scale, 1.0]) @ applied
    with np.errstate(all="ignore"):
        is_usable = np.linalg.cond(applied[:3, :3]) < 1e6
    if not is_usable:
        raise EvaluationError(f"{source.where()}: 'applied_transform' can't be undone. Correct or remove it.")
    return np.asarray(np.linalg.inv(applied), dtype=np.float64)


def _matrix(value: object, what: str) -> FloatArray:
    """Return a (4, 4) float64 matrix of nested lists of 3 or 4 rows."""
    rows = value if isinstance(value, list) else []
    if len(rows) not in (3, 4) or not all(isinstance(row, list) and len(row) == 4 for row in rows):
        raise EvaluationError(f"{what} is not 4x4 or 3x4 numbers. Give rows of four numbers.")
    for number in (number for row in rows for number in row):
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise EvaluationError(f"{what} holds {_short(number)} where a number should be. Correct it.")
        if not abs(number) <= sys.float_info.max:
            raise EvaluationError(f"{what} holds {_short(number)}, which is no finite number. Correct it.")
    matrix = np.array([*rows[:3], rows[3] if len(rows) == 4 else _LAST_ROW], dtype=np.float64)
    if not np.allclose(matrix[3], _LAST_ROW, rtol=0, atol=1e-6):
        raise EvaluationError(f"{what} has a last row other than 0 0 0 1. Is it written column by column? Turn it.")
    return matrix


def _short(value: object) -> str:
    return repr(value)[:40]


def _cam_from_world(world_from_cam: FloatArray, where: str) -> FloatArray:
    axes = world_from_cam[:3, :3]
    unscaled = axes / (np.linalg.norm(axes) / np.sqrt(3.0))
    check_rotation(np.where(np.isfinite(unscaled), unscaled, 0.0), where)
    rotation = nearest_rotation(unscaled) @ _FLIP_YZ
    return invert(np.column_stack([rotation, world_from_cam[:3, 3]]))
