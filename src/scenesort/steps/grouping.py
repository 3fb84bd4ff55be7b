"""The step that groups photos before any pair is matched, where that is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from scenesort import retrieval, work
from scenesort.retrieval import clustering
from scenesort.retrieval.group_files import HEADER, group_rows, read_groups
from scenesort.retrieval.index_exact import RowArray
from scenesort.steps.common import Context, FoundGroups, loaded, make
from scenesort.steps.retrieving import content_of, describe_photos, fusion_options, trained_file
from scenesort.types import Float32Array, PhotoSet
from scenesort.versions import library_versions
from scenesort.work import PhotoKeys
from scenesort.workspace import key

FILE = "clusters.csv"


def find_groups(
    context: Context, collection: str, found: PhotoSet, sides: Mapping[str, PhotoKeys]
) -> FoundGroups | None:
    """Group the photos as `retrieval.groups_file` or `retrieval.clusters` says, None where neither does.

    The groups are written to `clusters.csv` in the run folder.
    """
    options = context.options.retrieval
    names = tuple(sorted(sides))
    if options.groups_file:
        left_out = {*found.duplicates, *(item.name for item in found.skipped)} - set(names)
        groups = read_groups(Path(options.groups_file).expanduser(), names, collection, left_out)
        confidence = (groups.labels >= 0).astype(np.float32)
        context.workspace.write_csv(FILE, HEADER, group_rows(names, groups.labels, confidence, groups.names))
        return FoundGroups(groups.labels, options.cluster_use == "gate")
    if options.clusters == "none" or len(names) < 2:
        context.workspace.remove(FILE)
        return None
    labels, confidence = _clustered(context, sides)
    context.workspace.write_csv(FILE, HEADER, group_rows(names, labels, confidence))
    return FoundGroups(labels, options.cluster_use == "gate")


def _clustered(context: Context, sides: Mapping[str, PhotoKeys]) -> tuple[RowArray, Float32Array]:
    """Clusters by the descriptors together, fused as the options say or just side by side."""
    options = context.options.retrieval
    member = clustering.load(options.clusters)
    described = describe_photos(context, sides)
    fusion = fusion_options(context)
    file = trained_file(context, retrieval.FUSION_FILE) if fusion else None
    settings = clustering.ClusteringOptions(
        cut_deviations=options.cluster_cut_deviations, resolution=options.cluster_resolution
    )
    job = work.ClusterJob(
        context.workspace.shard_root,
        described,
        member.name,
        settings,
        fusion or retrieval.FusionOptions(pca="none"),
        file,
        options.neighbours,
        context.options.seed,
    )
    shard = key(
        "clusters",
        (member.name, member.version, settings),
        (retrieval.PROPOSAL_VERSIONS, described, job.fusion, content_of(file) if file else ""),
        (job.neighbours, job.seed, library_versions()),
    )
    unmade = make(
        context,
        "retrieval (clusters)",
        "clusters",
        [(shard, job)],
        work.cluster,
        lambda clusters: ({"labels": clusters.labels, "confidence": clusters.confidence}, {}),
    )
    if unmade.failed:
        raise unmade.failed[0][1]
    if unmade.late:
        context.notice("time limit: no time was left to cluster the photos, so pairs are not restricted")
        return np.zeros(len(sides), dtype=np.int64), np.zeros(len(sides), dtype=np.float32)
    arrays, _ = loaded(context, "clusters", shard)
    return arrays["labels"], arrays["confidence"]
