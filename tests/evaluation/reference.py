"""The challenge metric in plain loops, straight from its definition: slow, and kept apart from the code it checks."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Cameras = dict[str, FloatArray]
"""photo → (3,) centre, not finite where there is no pose."""


def similarity_by_quaternion(submitted: FloatArray, true: FloatArray) -> FloatArray:
    """Horn's similarity (3, 4) of two sets of centres (3, n).

    The order of the sums, and the first of equal eigenvalues, decide the rotation where the centres lie on a line.
    """
    submitted_mean, true_mean = submitted.mean(axis=1), true.mean(axis=1)
    v0, v1 = submitted - submitted_mean[:, None], true - true_mean[:, None]
    xx, xy, xz = (sum(v0[0] * v1[axis]) for axis in range(3))
    yx, yy, yz = (sum(v0[1] * v1[axis]) for axis in range(3))
    zx, zy, zz = (sum(v0[2] * v1[axis]) for axis in range(3))
    matrix = [
        [xx + yy + zz, yz - zy, zx - xz, xy - yx],
        [yz - zy, xx - yy - zz, xy + yx, zx + xz],
        [zx - xz, xy + yx, yy - xx - zz, yz + zy],
        [xy - yx, zx + xz, yz + zy, zz - xx - yy],
    ]
    values, vectors = np.linalg.eigh(matrix)
    w, x, y, z = vectors[:, np.argmax(values)]
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    rotation = np.eye(3) + 2 * w * cross + 2 * cross @ cross
    return join_similarity(rotation, v0, v1, submitted_mean, true_mean)


def similarity_by_svd(submitted: FloatArray, true: FloatArray) -> FloatArray:
    """Kabsch's rotation with the same scale."""
    submitted_mean, true_mean = submitted.mean(axis=1), true.mean(axis=1)
    v0, v1 = submitted - submitted_mean[:, None], true - true_mean[:, None]
    left, _, right = np.linalg.svd(v1 @ v0.T)
    rotation = left @ right
    if np.linalg.det(rotation) < 0:
        rotation = rotation - 2 * np.outer(left[:, 2], right[2])
    return join_similarity(rotation, v0, v1, submitted_mean, true_mean)


def join_similarity(
    rotation: FloatArray, v0: FloatArray, v1: FloatArray, submitted_mean: FloatArray, true_mean: FloatArray
) -> FloatArray:
    linear = rotation * np.sqrt(np.sum(v1**2) / np.sum(v0**2))
    return np.column_stack([linear, true_mean - linear @ submitted_mean])


def squared_errors(similarity: FloatArray, submitted: FloatArray, true: FloatArray) -> FloatArray:
    moved = similarity[:, :3] @ submitted + similarity[:, 3:]
    return np.sum((moved - true) ** 2, axis=0)


def reference_inliers(
    submitted: FloatArray, true: FloatArray, thresholds: FloatArray, triples: Iterable[tuple[int, ...]] | None = None
) -> tuple[list[int], FloatArray]:
    """Inliers at each of t thresholds, and errors (n, t), for centres (n, 3).

    `triples` are those to be searched, numbered among the cameras with a pose; by default all.
    """
    finite = np.isfinite(submitted).all(axis=1)
    errors = np.full((len(submitted), len(thresholds)), np.inf)
    submitted, true = submitted[finite].T, true[finite].T
    best_count = [0] * len(thresholds)
    best_sum = [np.inf] * len(thresholds)
    best_errors = [np.full(submitted.shape[1], np.inf)] * len(thresholds)
    for triple in combinations(range(submitted.shape[1]), 3) if triples is None else triples:
        with np.errstate(all="ignore"):
            first = similarity_by_quaternion(submitted[:, triple], true[:, triple])
            first_errors = squared_errors(first, submitted, true)
        met: list[bytes] = []
        for threshold in thresholds:
            members = first_errors < threshold**2
            if members.sum() <= 2 or members.tobytes() in met:
                continue
            met.append(members.tobytes())
            with np.errstate(all="ignore"):
                refitted = similarity_by_svd(submitted[:, members], true[:, members])
                refitted_errors = squared_errors(refitted, submitted, true)
            total = refitted_errors.sum()
            for index, other in enumerate(thresholds):
                count = int(np.sum(refitted_errors < other**2))
                if count > best_count[index] or (count == best_count[index] and total < best_sum[index]):
                    best_count[index], best_sum[index] = count, total
                    best_errors[index] = np.sqrt(refitted_errors)
    errors[finite] = np.array(best_errors).T
    return [int(np.sum(errors[:, index] < value)) for index, value in enumerate(thresholds)], errors


def beyond_three(inliers: list[int]) -> int:
    return sum(max(0, count - 3) for count in inliers[2:])


def reference_collection(
    scenes: dict[str, Cameras], clusters: dict[str, Cameras], thresholds: dict[str, FloatArray]
) -> tuple[float, float, float, float]:
    """Score, repaired score, mAA and clusterness of one collection, all in percent."""
    accurate = common_sum = 0
    official_photos = official_clusters = repaired_photos = repaired_clusters = 0
    num_scenes = num_scored = 0
    first = next(iter(clusters))
    for scene, photos in scenes.items():
        if scene == "outliers":
            continue
        num_scenes += 1
        num_scored = len(thresholds[scene]) - 2
        best: tuple[int, int, str | None] = (0, -1, None)
        for name, cluster in clusters.items():
            if name == "outliers":
                continue
            common = [photo for photo in photos if photo in cluster]
            if not common:
                continue
            submitted = np.array([cluster[photo] for photo in common])
            inliers, _ = reference_inliers(submitted, np.array([photos[photo] for photo in common]), thresholds[scene])
            if (len(common), beyond_three(inliers)) > best[:2]:
                best = (len(common), beyond_three(inliers), name)
        num_common, pair_accurate, chosen = best
        repaired_photos += len(photos)
        if chosen is not None:
            accurate += pair_accurate
            common_sum += num_common
            official_photos += len(photos)
            official_clusters += len(clusters[chosen])
            repaired_clusters += len(clusters[chosen])
        elif first != "outliers":
            official_photos += len(photos)
            official_clusters += len(clusters[first])
    results = []
    for photos_sum, clusters_sum in ((official_photos, official_clusters), (repaired_photos, repaired_clusters)):
        denominator = num_scored * (photos_sum - 3 * num_scenes)
        accuracy = accurate / denominator if denominator > 0 else 0.0
        clusterness = common_sum / clusters_sum if clusters_sum else 0.0
        total = accuracy + clusterness
        results.append((200 * accuracy * clusterness / total if total else 0.0, 100 * accuracy, 100 * clusterness))
    (official, accuracy, clusterness), (repaired, _, _) = results
    return official, repaired, accuracy, clusterness
