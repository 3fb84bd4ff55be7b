"""The challenge's submission format (Image Matching Challenge 2025): one row a photo."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scenesort.errors import OptionError
from scenesort.types import FloatArray, PhotoSet, PosedScene

OUTLIERS = "outliers"
HEADER = ("dataset", "scene", "image", "rotation_matrix", "translation_vector")


@dataclass(frozen=True, slots=True)
class SubmissionRow:
    """One photo: its collection, scene (`outliers` for none) and pose, (3, 4) float64 cam_from_world or None."""

    dataset: str
    scene: str
    image: str
    cam_from_world: FloatArray | None

    def cells(self) -> list[str]:
        """Return the row's cells; rotation row-major, numbers joined by `;`, `nan` where there is no pose."""
        if self.cam_from_world is None:
            rotation, translation = ["nan"] * 9, ["nan"] * 3
        else:
            rotation = [repr(float(value)) for value in self.cam_from_world[:, :3].ravel()]
            translation = [repr(float(value)) for value in self.cam_from_world[:, 3]]
        return [self.dataset, self.scene, self.image, ";".join(rotation), ";".join(translation)]


def submission_rows(
    dataset: str, found: PhotoSet, scenes: Sequence[PosedScene], outliers: Iterable[str]
) -> list[SubmissionRow]:
    """List every file of a collection by name: copies share their original's pose, skipped files are outliers."""
    rows: dict[str, SubmissionRow] = {}
    for scene in scenes:
        for photo in scene.photos:
            rows[photo.name] = SubmissionRow(dataset, scene.name, photo.name, photo.cam_from_world)
        for name in scene.unposed:
            rows[name] = SubmissionRow(dataset, scene.name, name, None)
    for name in [*outliers, *(item.name for item in found.skipped)]:
        rows[name] = SubmissionRow(dataset, OUTLIERS, name, None)
    for name, original in found.duplicates.items():
        like = rows[original]
        rows[name] = SubmissionRow(dataset, like.scene, name, like.cam_from_world)
    return [rows[name] for name in sorted(rows)]


def write_rows(path: Path, rows: Sequence[SubmissionRow], sample: Path | None = None) -> None:
    """Write a submission; with `sample`, its rows, order and `image_id` column, as the challenge wants it.

    Raises OptionError when the sample can't be read or names a photo that the run didn't see.
    """
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file, lineterminator="\n")
        if sample is None:
            writer.writerow(HEADER)
            writer.writerows(row.cells() for row in rows)
        else:
            header, lines = _like_sample(rows, sample)
            writer.writerow(header)
            writer.writerows(lines)


def _like_sample(rows: Sequence[SubmissionRow], sample: Path) -> tuple[list[str], list[list[str]]]:
    try:
        with sample.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            reader = csv.DictReader(file)
            header = [name for name in reader.fieldnames or [] if name == "image_id" or name in HEADER]
            wanted = list(reader)
    except OSError as error:
        raise OptionError(f"--sample {sample}: {error.strerror}; check the path") from error
    if not {"dataset", "image"} <= set(header):
        raise OptionError(f"--sample {sample}: the columns dataset and image are wanted; is it a sample submission?")
    known = {(row.dataset, row.image): row for row in rows}
    lines = []
    for number, line in enumerate(wanted, start=2):
        row = known.get((line["dataset"], line["image"]))
        if row is None:
            raise OptionError(
                f"--sample {sample}, line {number}: "
                f"photo {line['image']} of collection {line['dataset']} was not in this run"
            )
        cells: Mapping[str, str] = dict(zip(HEADER, row.cells(), strict=True))
        lines.append([line["image_id"] if name == "image_id" else cells[name] for name in [*_ordered(header)]])
    return _ordered(header), lines


def _ordered(header: Sequence[str]) -> list[str]:
    """The sample's columns in its order, with any that it lacks behind them."""
    return [*header, *(name for name in HEADER if name not in header)]
