"""A submission's CSV with the poses of some collections read otherwise, and every other cell as it was."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from scenesort.evaluation.conventions import AS_GIVEN, Reading, is_posed, read_as
from scenesort.evaluation.tables import POSE_COLUMNS, PoseTable, read_poses

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def convert_csv(path: Path, readings: Mapping[str, Reading]) -> bytes:
    """Return the content of a table whose collections are converted to cam_from_world by their `readings`.

    Rows, their order, other columns and line ends stay, and so do rows without a pose and collections without a
    reading. Raises `EvaluationError` where the table can't be understood.
    """
    table = read_poses(path)
    content = path.read_bytes()
    text = content.removeprefix(_BYTE_ORDER_MARK).decode("utf-8")
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    header = [name.strip() for name in rows[0]]
    # Blank lines are no rows of the table.
    converted = _with_poses([row for row in rows[1:] if row], header, table, readings)
    written = io.StringIO(newline="")
    writer = csv.writer(written, lineterminator="\r\n" if b"\r\n" in content else "\n")
    writer.writerow(rows[0])
    writer.writerows(converted)
    mark = _BYTE_ORDER_MARK if content.startswith(_BYTE_ORDER_MARK) else b""
    return mark + written.getvalue().encode("utf-8")


def to_csv(table: PoseTable, readings: Mapping[str, Reading]) -> bytes:
    """Return a table as a submission's CSV, with its collections converted by their `readings`."""
    names = zip(table.dataset, table.scene, table.image, strict=True)
    blank = [[*row, ";".join(["nan"] * 9), ";".join(["nan"] * 3)] for row in names]
    every = {name: readings.get(name, AS_GIVEN) for name in table.dataset}
    written = io.StringIO(newline="")
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(POSE_COLUMNS)
    writer.writerows(_with_poses(blank, list(POSE_COLUMNS), table, every))
    return written.getvalue().encode("utf-8")


def _with_poses(
    rows: list[list[str]], header: list[str], table: PoseTable, readings: Mapping[str, Reading]
) -> list[list[str]]:
    """The cells of each row of `table`, with new numbers where its collection has a reading and the row has a pose."""
    converted = read_as(table, readings)
    posed = is_posed(table)
    at_rotation, at_translation = header.index(POSE_COLUMNS[3]), header.index(POSE_COLUMNS[4])
    for index, cells in enumerate(rows):
        if posed[index] and table.dataset[index] in readings:
            cells[at_rotation] = ";".join(map(repr, converted.rotation[index].ravel().tolist()))
            cells[at_translation] = ";".join(map(repr, converted.translation[index].tolist()))
    return rows
