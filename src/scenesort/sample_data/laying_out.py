"""A set, or a pile of several, as a folder: photos, labels, thresholds, and a text on where they are from."""

from __future__ import annotations

import csv
import errno
import json
import os
import shutil
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scenesort.errors import SampleDataError
from scenesort.export import SubmissionRow, write_rows
from scenesort.geometry import center_in_world
from scenesort.sample_data.entries import SampleSet, Source
from scenesort.sample_data.layouts import TruePhoto, flat_names, read_photos
from scenesort.types import FloatArray

THRESHOLD_PERCENT = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""As in the demo, there of the distance to the scene, here of the camera spread."""

MIN_POSED = 3
MARKER = "set.json"

_NO_LINKS = {errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


@dataclass(frozen=True, slots=True)
class Part:
    """A set, the source that it came from, and the folder of what came, unpacked."""

    entry: SampleSet
    source: Source
    folder: Path


def camera_spread(cam_from_world: FloatArray) -> float:
    """Return the median distance, in world units, of cameras (n, 3, 4) from the median of their centres by axis.

    All around, it is about the distance at which the optical axes meet, along a front about half of that: 2.3 units of
    2.5 on `buddha`, 20.7 m of 20.0 m on `castle-p30`, 4.8 m of 8.9 m on `fountain-p11`.
    Outlying cameras hardly move it.
    """
    centers = center_in_world(cam_from_world)
    return float(np.median(np.linalg.norm(centers - np.median(centers, axis=0), axis=1)))


def lay_out(target: Path, name: str, parts: Sequence[Part]) -> None:
    """Fill the empty folder `target` with the set or pile `name`.

    `photos/<name>/` holds the photos; `labels.csv` and `thresholds.csv` are the challenge's tables, with the sets as
    scenes of the collection `name`. Where one of the sets has no true cameras there are no tables. Photos without a
    pose in a set that has poses are left out, because labels can't score them. Raises SampleDataError, EvaluationError.
    """
    photos_folder = target / "photos" / name
    photos_folder.mkdir(parents=True)
    rows: list[SubmissionRow] = []
    thresholds: list[tuple[str, str, str]] = []
    left_out: dict[str, list[str]] = {}
    counts: dict[str, int] = {}
    is_labelled = all(part.entry.truth for part in parts)
    for part in parts:
        photos = read_photos(part.folder, part.source.layout)
        kept = [photo for photo in photos if photo.cam_from_world is not None or not part.entry.truth]
        counts[part.entry.name] = len(kept)
        left_out[part.entry.name] = [photo.name for photo in photos if photo not in kept]
        for photo, file_name in zip(
            kept, flat_names(kept, f"{part.entry.name}_" if len(parts) > 1 else ""), strict=True
        ):
            _place(photo.path, photos_folder / file_name)
            rows.append(SubmissionRow(name, part.entry.name, file_name, photo.cam_from_world))
        if is_labelled:
            thresholds.append((name, part.entry.name, _thresholds(part.entry, kept)))
    if is_labelled:
        write_rows(target / "labels.csv", rows)
        with (target / "thresholds.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("dataset", "scene", "thresholds"))
            writer.writerows(thresholds)
    (target / "README.txt").write_text(_readme(name, parts, counts, left_out, is_labelled), encoding="utf-8")
    made_of = [{"set": part.entry.name, "source": part.source.name} for part in parts]
    content = {"name": name, "made_of": made_of, "labelled": is_labelled, "photos": [row.image for row in rows]}
    (target / MARKER).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _thresholds(entry: SampleSet, kept: Sequence[TruePhoto]) -> str:
    if len(kept) < MIN_POSED:
        raise SampleDataError(
            f"photo set '{entry.name}': {len(kept)} photos came with a true camera, where {entry.num_photos} are "
            "known; the source has changed"
        )
    spread = camera_spread(np.array([photo.cam_from_world for photo in kept], dtype=np.float64))
    if not spread > 0:
        raise SampleDataError(f"photo set '{entry.name}': its true cameras stand in one place: no scale to score by")
    return ";".join(repr(percent / 100 * spread) for percent in THRESHOLD_PERCENT)


def _place(source: Path, target: Path) -> None:
    # Links, so that the downloads stay whole until all is done; they cost no room.
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copyfile(source, target)


def _readme(
    name: str, parts: Sequence[Part], counts: dict[str, int], left_out: dict[str, list[str]], is_labelled: bool
) -> str:
    lines = [f"{name}: photos with {'true cameras' if is_labelled else 'no labels'}, laid out by scenesort.", ""]
    for part in parts:
        entry, source = part.entry, part.source
        fields = [
            ("what", f"{entry.title}; {counts[entry.name]} photos"),
            ("source", source.page),
            ("", source.note),
            ("terms", entry.terms),
            ("known from", entry.terms_from),
            ("to cite", entry.citation),
            ("cameras", entry.truth or "none are published: these photos can be sorted, not scored"),
            ("checksums", source.checksums),
        ]
        if left_out[entry.name]:
            fields.append(("left out", f"photos without a true camera: {', '.join(left_out[entry.name])}"))
        lines += [entry.name, *(_field(label, text) for label, text in fields if text), ""]
    if is_labelled:
        percents = ", ".join(f"{percent:g}" for percent in THRESHOLD_PERCENT)
        lines.append(
            textwrap.fill(
                "labels.csv: cam_from_world, x right, y down, z forward, in each set's own unit. thresholds.csv: "
                f"{percents} % of the median distance of a set's true cameras from the median of their centres.",
                100,
            )
        )
    return "\n".join(lines).rstrip() + "\n"


def _field(label: str, text: str) -> str:
    if " " not in text:  # an address stays on its line
        return f"  {label:<11} {text}"
    return textwrap.fill(
        f"{label:<11} {text}",
        100,
        initial_indent="  ",
        subsequent_indent=" " * 14,
        break_long_words=False,
        break_on_hyphens=False,
    )
