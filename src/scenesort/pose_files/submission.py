"""Poses of other tools as a submission, or as labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scenesort.errors import EvaluationError
from scenesort.evaluation.tables import PoseTable, read_poses
from scenesort.evaluation.validation import OUTLIERS
from scenesort.pose_files.base import PoseCluster
from scenesort.pose_files.finding import PoseFile, find_pose_files, find_table
from scenesort.pose_files.matching import PhotoNames

NO_LINE = 0
"""The line of a row that the file doesn't have: a photo without a pose."""


def read_poses_file(path: Path, names: Path | None = None) -> list[PoseCluster]:
    """Read the poses of another tool: each file or model is a cluster, named after its folder, sorted by name.

    `names` lists the photos for Bundler, TUM and KITTI. Raises `EvaluationError` where the format is unknown, a file is
    malformed, or there are no poses at all.
    """
    return _read(path, [(file, None, file.name) for file in find_pose_files(path)], names)


def read_submission(
    path: Path, labels: PoseTable, *, dataset: str | None = None, names: Path | None = None
) -> PoseTable:
    """Read a submission in any format that is understood; it covers the photos of the labels, each once.

    A challenge CSV, or the one in a run folder, is read as it is. Otherwise each file or model is a cluster; a photo
    without a pose is in `outliers`, with nan and line 0. The rows of clusters come first, in the clusters' order, and
    within one in the labels' order. With `dataset` the table covers that collection alone (`restrict` does the same to
    labels; give the whole labels here, which tell the folders of other collections); without it the folders' first
    parts tell the collection, where the labels have several.
    Raises `EvaluationError` where a file is malformed, a photo is unknown, ambiguous, or given twice.
    """
    datasets = tuple(dict.fromkeys(labels.dataset))
    if dataset is not None and dataset not in datasets:
        raise EvaluationError(f"{labels.source}: no collection '{dataset}'. It has: {', '.join(datasets)}.")
    table = find_table(path)
    if table is not None:
        if names is not None:
            raise EvaluationError(f"{table}: a table names its photos itself, so names ({names}) can't be used.")
        return restrict(read_poses(table), dataset)
    wanted = datasets if dataset is None else (dataset,)
    placed = [_place(file, wanted, labels, path) for file in _of_collections(find_pose_files(path), dataset, datasets)]
    for name in wanted:
        if name not in {collection for _, collection, _ in placed}:
            raise EvaluationError(
                f"{path}: nothing for collection '{name}' of {labels.source}. Add its poses in a folder '{name}', or"
                " choose the one collection to be scored."
            )
    clusters = _read(path, placed, names)
    posed = [row for name in wanted for row in _posed_rows(clusters, name, labels)]
    return _fill(posed, labels, wanted, str(path))


def read_labels(path: Path, *, dataset: str, names: Path | None = None) -> PoseTable:
    """Read labels: a challenge CSV as it is, or another tool's poses, whose clusters are the scenes of `dataset`.

    Photos are called as the file calls them. Raises `EvaluationError` as `read_poses_file` does, and where a photo is
    given twice.
    """
    table = find_table(path)
    if table is not None:
        return read_poses(table)
    rows: dict[str, _Row] = {}
    for cluster in _read(path, [(file, dataset, file.name) for file in find_pose_files(path)], names):
        if cluster.by_timestamp:
            raise EvaluationError(f"{cluster.source.where()}: the trajectory names no photos. Give names.")
        for index, image in enumerate(cluster.image):
            _add(rows, _Row(dataset, image, cluster, index))
    return _table(list(rows.values()), [], str(path))


def restrict(table: PoseTable, dataset: str | None) -> PoseTable:
    """Return the rows of one collection, or all for None; raises `EvaluationError` where there are none."""
    if dataset is None:
        return table
    rows = [row for row, name in enumerate(table.dataset) if name == dataset]
    if not rows:
        known = ", ".join(dict.fromkeys(table.dataset))
        raise EvaluationError(f"{table.source}: no collection '{dataset}'. It has: {known}.")
    return PoseTable(
        dataset=tuple(table.dataset[row] for row in rows),
        scene=tuple(table.scene[row] for row in rows),
        image=tuple(table.image[row] for row in rows),
        rotation=table.rotation[rows],
        translation=table.translation[rows],
        line=tuple(table.line[row] for row in rows),
        source=table.source,
    )


@dataclass(frozen=True, slots=True)
class _Row:
    """Photo `image` of the labels has the pose in row `index` of a cluster."""

    dataset: str
    image: str
    cluster: PoseCluster
    index: int

    @property
    def where(self) -> str:
        return self.cluster.where(self.index)


def _of_collections(files: list[PoseFile], dataset: str | None, datasets: Sequence[str]) -> list[PoseFile]:
    """Leave out the folders of other collections, where one is chosen and has a folder of its own among them."""
    firsts = [file.name.partition("/")[0] for file in files]
    if dataset not in firsts:
        return files
    return [file for file, first in zip(files, firsts, strict=True) if first == dataset or first not in datasets]


def _place(file: PoseFile, wanted: Sequence[str], labels: PoseTable, path: Path) -> tuple[PoseFile, str, str]:
    """Return a file with its collection and its cluster's name, which leaves out the collection's folder."""
    first, _, rest = file.name.partition("/")
    if first in wanted:
        return file, first, rest or first
    if len(wanted) > 1:
        raise EvaluationError(
            f"{file.path}: the labels ({labels.source}) have {len(wanted)} collections ({', '.join(wanted)}), and the"
            f" folders below {path} don't tell whose poses these are. Choose the collection, or put them in"
            " folders so named."
        )
    return file, wanted[0], file.name


def _read(path: Path, placed: Sequence[tuple[PoseFile, str | None, str]], names: Path | None) -> list[PoseCluster]:
    if names is not None and len(placed) > 1:
        raise EvaluationError(f"{path}: {len(placed)} files of poses, so one list of names ({names}) can't serve them.")
    files: dict[tuple[str | None, str], Path] = {}
    for file, collection, name in placed:
        other = files.setdefault((collection, name), file.path)
        if other is not file.path:
            raise EvaluationError(
                f"{file.path}: its cluster would be called '{name}', as that of {other} is. Rename one of the folders."
            )
        if name == OUTLIERS:
            raise EvaluationError(
                f"{file.path}: a cluster can't be called '{OUTLIERS}', which are the photos that belong nowhere. Rename"
                " the folder or file, or leave it out."
            )
    clusters = [file.read(names, collection, name) for file, collection, name in placed]
    if not any(len(cluster) for cluster in clusters):
        raise EvaluationError(f"{path}: no photo has a pose in it. Check that it is the right file.")
    return clusters


def _posed_rows(clusters: Sequence[PoseCluster], dataset: str, labels: PoseTable) -> list[_Row]:
    """Match the poses of one collection to its photos, in the clusters' order and within one in the labels'."""
    photos = [image for image, name in zip(labels.image, labels.dataset, strict=True) if name == dataset]
    order = {image: position for position, image in enumerate(photos)}
    known = PhotoNames(photos)
    rows: dict[str, _Row] = {}
    ordered: list[_Row] = []
    for cluster in clusters:
        if cluster.source.collection != dataset:
            continue
        mine = [
            _add(rows, _Row(dataset, _find(cluster, index, known, labels), cluster, index))
            for index in range(len(cluster))
        ]
        ordered += sorted(mine, key=lambda row: order[row.image])
    return ordered


def _find(cluster: PoseCluster, index: int, known: PhotoNames, labels: PoseTable) -> str:
    name = cluster.image[index]
    found = known.find_timestamp(name) if cluster.by_timestamp else known.find(name)
    if len(found) == 1:
        return found[0]
    if found:
        raise EvaluationError(
            f"{cluster.where(index)}: the name fits several photos of the labels: {', '.join(found[:4])}"
            f"{', …' if len(found) > 4 else ''}. Spell it with more of its path."
        )
    if cluster.by_timestamp:
        raise EvaluationError(
            f"{cluster.where(index)}: no photo of the labels ({labels.source}) in this collection is named after this"
            " timestamp. Give names: a file with a timestamp and a photo on each line."
        )
    raise EvaluationError(
        f"{cluster.where(index)}: the labels ({labels.source}) have no such photo in this collection. Correct the name,"
        " or take the photo out."
    )


def _add(rows: dict[str, _Row], row: _Row) -> _Row:
    other = rows.setdefault(row.image, row)
    if other is row:
        return row
    if other.cluster is row.cluster:
        raise EvaluationError(
            f"{row.where}: photo '{row.image}' has a pose already in {other.cluster.entry}"
            f" {other.cluster.number[other.index]}. Each photo has one pose."
        )
    raise EvaluationError(
        f"{row.where}: photo '{row.image}' is in two clusters, '{other.cluster.name}' ({other.cluster.source.path}) and"
        f" '{row.cluster.name}'. Each photo belongs to one: take it out of one of them, or leave out that model."
    )


def _fill(posed: Sequence[_Row], labels: PoseTable, wanted: Sequence[str], source: str) -> PoseTable:
    """Add the photos that have no pose, behind the others so that `outliers` is no collection's first cluster."""
    done = {(row.dataset, row.image) for row in posed}
    photos = dict.fromkeys(zip(labels.dataset, labels.image, strict=True))
    return _table(posed, [photo for photo in photos if photo[0] in wanted and photo not in done], source)


def _table(posed: Sequence[_Row], unposed: Sequence[tuple[str, str]], source: str) -> PoseTable:
    none = len(unposed)
    rotation = np.array([row.cluster.rotation[row.index] for row in posed], dtype=np.float64).reshape(-1, 3, 3)
    translation = np.array([row.cluster.translation[row.index] for row in posed], dtype=np.float64).reshape(-1, 3)
    return PoseTable(
        dataset=(*(row.dataset for row in posed), *(dataset for dataset, _ in unposed)),
        scene=(*(row.cluster.name for row in posed), *([OUTLIERS] * none)),
        image=(*(row.image for row in posed), *(image for _, image in unposed)),
        rotation=np.concatenate([rotation, np.full((none, 3, 3), np.nan)]),
        translation=np.concatenate([translation, np.full((none, 3), np.nan)]),
        line=(*(row.cluster.number[row.index] for row in posed), *([NO_LINE] * none)),
        source=source,
    )
