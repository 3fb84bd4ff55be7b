"""Which format a path holds: a table, one file of poses, or a folder of models."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scenesort.errors import EvaluationError
from scenesort.evaluation.tables import POSE_COLUMNS
from scenesort.pose_files import bundler, colmap, kitti, tum
from scenesort.pose_files.base import PoseCluster, parse_number
from scenesort.pose_files.transforms import read_transforms

TRANSFORMS_NAME = "transforms.json"
SUBMISSION_NAME = "submission.csv"
UNDERSTOOD = (
    "Understood are: the challenge's CSV, a run folder of scenesort, a COLMAP model or a folder of models, nerfstudio's"
    " transforms.json, Bundler's bundle.out, and TUM or KITTI trajectories."
)

_HEAD_BYTES = 65536
_COLMAP_STEMS = ("images", "cameras", "points3D", "frames", "rigs")


@dataclass(frozen=True, slots=True)
class PoseFile:
    """One file of poses: its format ('colmap', 'transforms', 'bundler', 'tum' or 'kitti') and its cluster's name.

    `name` is the path below the given folder with `/` between parts, or the name of the file or model itself.
    """

    path: Path
    kind: str
    name: str

    def read(self, names: Path | None, collection: str | None = None, name: str | None = None) -> PoseCluster:
        """Read it, under another cluster's name if one is given; raises `EvaluationError` where it is malformed."""
        name = self.name if name is None else name
        match self.kind:
            case "tum":
                return tum.read_tum(self.path, name, names, collection)
            case "kitti":
                return kitti.read_kitti(self.path, name, names, collection)
            case "bundler":
                return bundler.read_bundler(self.path, name, names, collection)
        if names is not None:
            raise EvaluationError(f"{self.path}: the format names its photos itself, so names ({names}) can't be used.")
        if self.kind == "transforms":
            return read_transforms(self.path, name, collection)
        return colmap.read_colmap(self.path, name, collection)


def find_table(path: Path) -> Path | None:
    """Return the challenge CSV that a path is or, as a run folder, holds; None where it is something else."""
    if path.is_dir():
        return path / SUBMISSION_NAME if (path / SUBMISSION_NAME).is_file() else None
    if path.suffix.lower() == ".csv":
        return path
    head = _read_head(path).lstrip("\ufeff")
    cells = {cell.strip(' "') for line in head.splitlines()[:1] for cell in line.split(",")}
    return path if len(cells & set(POSE_COLUMNS)) > 1 else None


def find_pose_files(path: Path) -> list[PoseFile]:
    """Return the files of poses at a path, sorted by name; raises `EvaluationError` where there is none.

    In a folder these are COLMAP models, files named transforms.json and files named bundle.out, at any
    depth, all of one kind.
    """
    if not path.is_dir():
        kind, file = _kind_of_file(path)
        return [PoseFile(file, kind, _own_name(file))]
    found = sorted(_walk(path), key=lambda item: _natural(item[0].parent.relative_to(path).parts))
    if not found:
        raise EvaluationError(f"{path}: no poses found in this folder. {UNDERSTOOD}")
    first_path, first_kind = found[0]
    for file, kind in found:
        if kind != first_kind:
            raise EvaluationError(
                f"{path}: the folder holds poses of two formats, {first_path.relative_to(path)} and"
                f" {file.relative_to(path)}. Give the one to be read."
            )
    names = cluster_names([file.parent.relative_to(path).parts for file, _ in found])
    return [PoseFile(file, kind, name or _own_name(file)) for (file, kind), name in zip(found, names, strict=True)]


def cluster_names(folders: Sequence[tuple[str, ...]]) -> list[str]:
    """Name models after their folders: 'kermit/sparse/0' is 'kermit', or 'kermit/0' where there is a 'kermit/sparse/1'.

    `folders` are the parts of their paths; where the short names are not unique, all get their whole paths.
    """
    short = [tuple(part for part in parts if part != "sparse") for parts in folders]
    siblings = Counter(parts[:-1] for parts in short if parts)
    short = [
        parts[:-1] if len(parts) > 1 and parts[-1] == "0" and siblings[parts[:-1]] == 1 else parts for parts in short
    ]
    if len(set(short)) < len(short):
        short = list(folders)
    return ["/".join(parts) for parts in short]


def _own_name(file: Path) -> str:
    if file.name in (*colmap.IMAGES_FILES, TRANSFORMS_NAME, bundler.BUNDLE_NAME):
        (name,) = cluster_names([file.resolve().parent.parts[1:]])
        return name.rsplit("/", 1)[-1] or file.stem
    return file.stem


def _natural(parts: tuple[str, ...]) -> list[tuple[int, str]]:
    """Sort key by which model 10 follows model 9."""
    return [(int(part) if part.isascii() and part.isdigit() else -1, part) for part in parts]


def _walk(folder: Path) -> list[tuple[Path, str]]:
    found = []
    seen: set[Path] = set()
    for parent, subfolders, files in os.walk(folder, followlinks=True, onerror=_refuse):
        # Links may lead in circles, or twice to one model.
        if (here := Path(parent).resolve()) in seen:
            subfolders.clear()
            continue
        seen.add(here)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name, kind in ((TRANSFORMS_NAME, "transforms"), (bundler.BUNDLE_NAME, "bundler")):
            if name in files:
                found.append((Path(parent, name), kind))
        models = [name for name in colmap.IMAGES_FILES if name in files]
        if models:
            found.append((Path(parent, models[0]), "colmap"))
    return found


def _refuse(error: OSError) -> None:
    raise EvaluationError(f"{error.filename}: can't be read ({error.strerror or error}). Check the folder.") from error


def _kind_of_file(path: Path) -> tuple[str, Path]:
    """Return a file's format and the file to read, which is a model's file of images where another one was given."""
    if path.name in {f"{stem}{suffix}" for stem in _COLMAP_STEMS for suffix in (".bin", ".txt")}:
        images = path.with_name(f"images{path.suffix}")
        if not images.is_file():
            raise EvaluationError(f"{path}: no {images.name} beside it, which holds a COLMAP model's poses.")
        return "colmap", images
    head = _read_head(path).lstrip("\ufeff")
    if path.suffix.lower() == ".json" or head.lstrip().startswith("{"):
        return "transforms", path
    if head.startswith("# Bundle file"):
        return "bundler", path
    lines = [(number, line.split()) for number, line in enumerate(head.splitlines(), start=1) if line.strip()]
    number, words = next(((number, words) for number, words in lines if not words[0].startswith("#")), (1, []))
    is_numeric = sum(parse_number(word) is not None for word in words) > len(words) / 2
    if is_numeric and len(words) == tum.NUMBERS:
        return "tum", path
    if is_numeric and len(words) == kitti.NUMBERS:
        return "kitti", path
    if is_numeric:
        raise EvaluationError(
            f"{path}, line {number}: {len(words)} numbers where a TUM trajectory has {tum.NUMBERS} (timestamp tx ty tz"
            f" qx qy qz qw) and KITTI poses {kitti.NUMBERS}. {UNDERSTOOD}"
        )
    raise EvaluationError(f"{path}: the format is unknown. {UNDERSTOOD}")


def _read_head(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES).decode("utf-8", errors="replace")
    except OSError as error:
        raise EvaluationError(f"{path}: can't be read ({error.strerror or error}). Check the path.") from error
