"""Groups of photos from a CSV by header name: photo and scene by hand, a run's `clusters.csv`, or a submission."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scenesort.errors import OptionError
from scenesort.plugins import did_you_mean
from scenesort.retrieval.groups import Groups
from scenesort.retrieval.index_exact import RowArray
from scenesort.types import Float32Array

PHOTO_COLUMNS = ("photo", "image")
GROUP_COLUMNS = ("scene", "cluster")
COLLECTION_COLUMN = "dataset"

NO_GROUP = ("outliers", "", "-1")
"""What a file says for no group."""

HEADER = ("photo", "cluster", "confidence")
"""Header of the rows that `group_rows` gives."""


@dataclass(frozen=True, slots=True)
class _Row:
    """One row: its place for messages, and what stands in its columns.

    `collection` is None without such a column, `group` empty for no group.
    """

    where: str
    collection: str | None
    photo: str
    group: str


def read_groups(
    path: Path, names: Sequence[str], collection: str | None = None, left_out: Collection[str] = ()
) -> Groups:
    """Read the groups of the photos `names` (n,) from a CSV with a photo column and a group column.

    The photo column is called `photo` or `image`, the group column `scene` or `cluster`; others are ignored. Where
    there is a column `dataset`, only rows of `collection` count. A photo may be named by the end of its path, or by a
    longer path that ends with its name, where that fits one photo alone. Photos of group `outliers`, `-1` or nothing,
    and those that the file leaves out, are in no group. `left_out`: files of the collection that aren't among `names`,
    such as skipped ones and copies; their rows are passed over.

    Raises OptionError, naming the line, for a photo that is unknown or in two groups, and for an unreadable file.
    """
    rows = _of_collection(list(_rows(path)), path, collection)
    row_of = {name: number for number, name in enumerate(names)}
    known = dict.fromkeys([*names, *left_out])
    by_last_part: dict[str, list[str]] = {}
    for name in known:
        by_last_part.setdefault(_last_part(name), []).append(name)
    said: dict[str, _Row] = {}
    for row in rows:
        name = _known_name(row, known, by_last_part)
        before = said.setdefault(name, row)
        if before.group != row.group:
            raise OptionError(
                f"{row.where}: photo '{name}' is in {_called(row.group)} here and in {_called(before.group)} in "
                f"{before.where.rpartition(', ')[2]}: keep one of the two"
            )
    group_of = {name: row.group for name, row in said.items() if name in row_of and row.group}
    groups = tuple(sorted(set(group_of.values())))
    number_of = {group: number for number, group in enumerate(groups)}
    labels = np.full(len(names), -1, dtype=np.int64)
    for name, group in group_of.items():
        labels[row_of[name]] = number_of[group]
    return Groups(groups, labels)


def names_collections(path: Path) -> bool:
    """Tell whether a file of groups has a column for the collection; raises OptionError for an unreadable one."""
    return any(row.collection is not None for row in _rows(path))


def group_rows(
    names: Sequence[str], labels: RowArray, confidence: Float32Array, groups: Sequence[str] = ()
) -> list[tuple[str, str, str]]:
    """Return a row (photo, cluster, confidence) for each of n photos in their order, as `read_groups` reads them.

    `labels` (n,) and `confidence` (n,) are those of `Clusters`; a cluster is written as its name in `groups`, or as its
    number where there are no names, -1 for none. Confidence has three decimals.
    """
    return [
        (name, groups[label] if groups and label >= 0 else str(label), f"{sure:.3f}")
        for name, label, sure in zip(names, labels.tolist(), confidence.tolist(), strict=True)
    ]


def _rows(path: Path) -> Iterator[_Row]:
    """Yield the rows below the header; blank lines are passed over."""
    try:
        # utf-8-sig drops the byte order mark that spreadsheet programs write.
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            reader = csv.reader(file, strict=True)
            try:
                header = [cell.strip().lower() for cell in next(reader, [])]
                photo_at = _position(path, header, PHOTO_COLUMNS)
                group_at = _position(path, header, GROUP_COLUMNS)
                collection_at = header.index(COLLECTION_COLUMN) if COLLECTION_COLUMN in header else None
                last_line = reader.line_num
                for cells in reader:
                    # A quoted cell may span lines: a row is named by its first.
                    where, last_line = f"{path}, line {last_line + 1}", reader.line_num
                    if not any(cell.strip() for cell in cells):
                        continue
                    if len(cells) != len(header):
                        raise OptionError(
                            f"{where}: {len(cells)} cells where the header has {len(header)}: check the commas, and "
                            "put names that hold a comma in double quotes"
                        )
                    collection = None if collection_at is None else cells[collection_at].strip()
                    group = cells[group_at].strip()
                    yield _Row(where, collection, cells[photo_at].strip(), "" if group in NO_GROUP else group)
            except csv.Error as error:
                raise OptionError(
                    f"{path}, line {reader.line_num}: not a row of a CSV ({error}): check the quotes"
                ) from error
    except OSError as error:
        raise OptionError(f"{path} can't be read: {error.strerror or error}") from error


def _position(path: Path, header: list[str], columns: tuple[str, ...]) -> int:
    """Place of the one column that has one of these names."""
    found = [number for number, name in enumerate(header) if name in columns]
    wanted = " or ".join(f"'{name}'" for name in columns)
    if not found:
        nearest = next(filter(None, (did_you_mean(name, header) for name in columns)), "")
        raise OptionError(
            f"{path}, line 1: the header has no column {wanted}{nearest}: its first line must name the columns, "
            "separated by commas, such as photo,scene"
        )
    if len(found) > 1:
        given = ", ".join(f"'{header[number]}'" for number in found)
        raise OptionError(f"{path}, line 1: several columns {given} where one of {wanted} is needed: keep one")
    return found[0]


def _of_collection(rows: list[_Row], path: Path, collection: str | None) -> list[_Row]:
    """Rows of a collection: all of them where rows don't tell theirs."""
    known = sorted({row.collection for row in rows if row.collection is not None})
    if not known:
        return rows
    if collection is None:
        if len(known) > 1:
            raise OptionError(f"{path} holds several collections ({', '.join(known)}): give rows of one alone")
        return rows
    if collection not in known:
        raise OptionError(
            f"{path} has no row of collection '{collection}'{did_you_mean(collection, known)}; its column "
            f"{COLLECTION_COLUMN} names {', '.join(known)}"
        )
    return [row for row in rows if row.collection == collection]


def _known_name(row: _Row, known: Collection[str], by_last_part: Mapping[str, list[str]]) -> str:
    """The photo that a row means."""
    if row.photo in known:
        return row.photo
    fitting = [
        name
        for name in by_last_part.get(_last_part(row.photo), [])
        if name.endswith(f"/{row.photo}") or row.photo.endswith(f"/{name}")
    ]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise OptionError(f"{row.where}: '{row.photo}' may be {' or '.join(sorted(fitting))}: give the whole name")
    raise OptionError(f"{row.where}: no photo is named '{row.photo}'{did_you_mean(row.photo, list(known))}")


def _last_part(name: str) -> str:
    return name.rpartition("/")[2]


def _called(group: str) -> str:
    return f"group '{group}'" if group else "no group"
