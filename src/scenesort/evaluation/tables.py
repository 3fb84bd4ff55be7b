"""The challenge's three CSV tables: labels, submission and thresholds, read by header name and checked.

Labels and submission share one layout: `dataset,scene,image,rotation_matrix,translation_vector`, where the rotation is
9 numbers (row by row) and the translation 3 numbers, joined by `;`. Thresholds are `dataset,scene,thresholds`:
distances in the unit of the scene's true cameras, also joined by `;`. Further columns (`image_id`, …) are ignored. What
the tables call a dataset is a collection everywhere else in scenesort.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scenesort.errors import EvaluationError
from scenesort.types import FloatArray

POSE_COLUMNS = ("dataset", "scene", "image", "rotation_matrix", "translation_vector")
THRESHOLD_COLUMNS = ("dataset", "scene", "thresholds")

NUM_UNSCORED_THRESHOLDS = 2
"""The challenge searches the first two thresholds of a scene and scores the others."""

Thresholds = dict[tuple[str, str], FloatArray]
"""(dataset, scene) → (t,) float64 distances in the unit of the scene's true cameras."""


@dataclass(frozen=True, slots=True, eq=False)
class PoseTable:
    """Labels or a submission: one row a photo, in the file's order.

    `dataset`, `scene` and `image` hold n names each. `rotation` (n, 3, 3) and `translation` (n, 3), both float64, are
    cam_from_world in the unit of the row's scene, nan or infinite where the photo has no pose. `line` holds the n line
    numbers in the file, from 1. `source` names the table in messages.
    """

    dataset: tuple[str, ...]
    scene: tuple[str, ...]
    image: tuple[str, ...]
    rotation: FloatArray
    translation: FloatArray
    line: tuple[int, ...]
    source: str

    def __post_init__(self) -> None:
        rows = len(self.dataset)
        lengths = {len(self.scene), len(self.image), len(self.line)}
        if lengths != {rows} or self.rotation.shape != (rows, 3, 3) or self.translation.shape != (rows, 3):
            raise ValueError("The columns of a PoseTable must have the same number of rows.")

    def __len__(self) -> int:
        return len(self.dataset)

    @property
    def center_in_world(self) -> FloatArray:
        """Camera centres -Rᵀt, (n, 3) float64, in the unit of each row's scene; not finite where there is no pose."""
        with np.errstate(invalid="ignore", over="ignore"):
            centers: FloatArray = -np.einsum("nji,nj->ni", self.rotation, self.translation)
        return centers

    def where(self, row: int) -> str:
        """The place of a row for a message: table, line, collection and photo."""
        return f"{self.source}, line {self.line[row]}, collection '{self.dataset[row]}', photo '{self.image[row]}'"


def read_poses(path: Path) -> PoseTable:
    """Read labels or a submission; raises `EvaluationError` where a row can't be understood.

    Any spelling of nan and of infinity is accepted and means that the photo has no pose.
    """
    names: list[tuple[str, str, str]] = []
    rotations: list[list[float]] = []
    translations: list[list[float]] = []
    lines: list[int] = []
    for line, cells in _read_rows(path, POSE_COLUMNS):
        dataset, scene, image, rotation_text, translation_text = cells
        where = f"{path}, line {line}, collection '{dataset}', photo '{image}'"
        _check_names(where, dataset=dataset, scene=scene, image=image)
        names.append((dataset, scene, image))
        rotations.append(_parse_numbers(rotation_text, where, "rotation_matrix", 9))
        translations.append(_parse_numbers(translation_text, where, "translation_vector", 3))
        lines.append(line)
    if not names:
        raise EvaluationError(f"{path}: the table has no rows below its header. Give one row for each photo.")
    return PoseTable(
        dataset=tuple(dataset for dataset, _, _ in names),
        scene=tuple(scene for _, scene, _ in names),
        image=tuple(image for _, _, image in names),
        rotation=np.array(rotations, dtype=np.float64).reshape(-1, 3, 3),
        translation=np.array(translations, dtype=np.float64),
        line=tuple(lines),
        source=str(path),
    )


def read_thresholds(path: Path) -> Thresholds:
    """Read the thresholds of each (dataset, scene); raises `EvaluationError` where they can't be understood.

    Every scene must have the same number of thresholds, and at least 3.
    """
    thresholds: Thresholds = {}
    count: int | None = None
    for line, (dataset, scene, text) in _read_rows(path, THRESHOLD_COLUMNS):
        where = f"{path}, line {line}, collection '{dataset}', scene '{scene}'"
        _check_names(where, dataset=dataset, scene=scene)
        if (dataset, scene) in thresholds:
            raise EvaluationError(f"{where}: the scene's thresholds are given twice. Delete one of the rows.")
        values = np.array(_parse_numbers(text, where, "thresholds"), dtype=np.float64)
        count = _check_scene_thresholds(values, count, where)
        thresholds[dataset, scene] = values
    if not thresholds:
        raise EvaluationError(f"{path}: the table has no rows below its header. Give one row for each scene.")
    return thresholds


def check_thresholds(thresholds: Mapping[tuple[str, str], FloatArray], source: str) -> None:
    """Raise `EvaluationError` unless all scenes have the same number of usable thresholds, and at least 3.

    `source` names the table in the message.
    """
    count: int | None = None
    for (dataset, scene), values in thresholds.items():
        count = _check_scene_thresholds(values, count, f"{source}, collection '{dataset}', scene '{scene}'")


def _check_scene_thresholds(values: FloatArray, count: int | None, where: str) -> int:
    """The number of thresholds, which must be that of the scenes before, if any."""
    if values.ndim != 1 or len(values) <= NUM_UNSCORED_THRESHOLDS:
        raise EvaluationError(
            f"{where}: {values.size} thresholds where at least {NUM_UNSCORED_THRESHOLDS + 1} are needed, because"
            f" the first {NUM_UNSCORED_THRESHOLDS} are not scored. Give more, joined by ';'."
        )
    if not np.all(np.isfinite(values) & (values >= 0)):
        raise EvaluationError(f"{where}: a threshold is negative or not finite. Give distances of 0 or more.")
    if count is not None and len(values) != count:
        raise EvaluationError(
            f"{where}: {len(values)} thresholds where the first scene of the table has {count}. Give every scene"
            " the same number of thresholds."
        )
    return len(values)


def _read_rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number and the cells of `columns` for each row below the header; blank lines are skipped."""
    try:
        # utf-8-sig drops the byte order mark that spreadsheet programs write.
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = [name.strip() for name in next(reader, [])]
            positions = _find_columns(path, header, columns)
            last_line = reader.line_num
            for cells in reader:
                line, last_line = last_line + 1, reader.line_num
                if not cells:
                    continue
                if len(cells) != len(header):
                    raise EvaluationError(
                        f"{path}, line {line}: {len(cells)} cells where the header has {len(header)}. Check the commas,"
                        " and put names that hold a comma in double quotes."
                    )
                yield line, [cells[position] for position in positions]
    except OSError as error:
        raise EvaluationError(f"{path}: can't be read ({error.strerror or error}). Check the path.") from error
    except UnicodeDecodeError as error:
        raise EvaluationError(f"{path}: not UTF-8 text ({error.reason}). Save the table as UTF-8 CSV.") from error
    except csv.Error as error:
        raise EvaluationError(f"{path}, line {reader.line_num}: not a CSV row ({error}). Check the quotes.") from error


def _find_columns(path: Path, header: list[str], columns: tuple[str, ...]) -> list[int]:
    if not any(header):
        raise EvaluationError(f"{path}: the file is empty. Its first line must name {','.join(columns)}.")
    missing = [name for name in columns if name not in header]
    if len(header) == 1 and len(missing) == len(columns) and any(mark in header[0] for mark in ";\t"):
        raise EvaluationError(
            f"{path}, line 1: the columns are not separated by commas. Save the table as CSV with commas."
        )
    if missing:
        raise EvaluationError(
            f"{path}, line 1: missing columns: {', '.join(missing)}. The header must name {','.join(columns)}."
        )
    repeated = [name for name in columns if header.count(name) > 1]
    if repeated:
        raise EvaluationError(f"{path}, line 1: repeated columns: {', '.join(repeated)}. Keep one of each.")
    return [header.index(name) for name in columns]


def _check_names(where: str, **names: str) -> None:
    for column, name in names.items():
        if not name.strip():
            raise EvaluationError(f"{where}: '{column}' is empty. Give it a name.")


def _parse_numbers(text: str, where: str, column: str, count: int | None = None) -> list[float]:
    """The numbers of one cell, joined by ';'; nan and infinity are numbers here."""
    parts = text.split(";")
    if count is not None and len(parts) != count:
        raise EvaluationError(f"{where}: '{column}' has {len(parts)} values where {count} are needed, joined by ';'.")
    numbers = []
    for part in parts:
        number = _parse_number(part)
        if number is None:
            raise EvaluationError(
                f"{where}: '{column}' holds '{part.strip()}' where a number should be. Give numbers joined by ';', or"
                " nan for a photo without a pose."
                if count is not None
                else f"{where}: '{column}' holds '{part.strip()}' where a number should be. Give numbers joined by ';'."
            )
        numbers.append(number)
    return numbers


def _parse_number(text: str) -> float | None:
    try:
        # Python reads '1_000' and digits of other scripts as numbers; other programs don't.
        return float(text) if text.isascii() and "_" not in text else None
    except ValueError:
        return None
