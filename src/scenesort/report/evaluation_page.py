"""An evaluation as one page that needs nothing beside it: no network, no other file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

from scenesort.evaluation import CollectionStatistics, CollectionTable, Evaluation, SceneStatistics, SceneTable
from scenesort.evaluation.pose_errors import AUC_THRESHOLDS_DEG, FAILURE_DEG
from scenesort.evaluation.registration_table import PhotoRow, PhotoState
from scenesort.evaluation.statistics import percentiles
from scenesort.report import curves

TEMPLATE = "evaluation.html.jinja"


@dataclass(frozen=True, slots=True)
class _Scene:
    """A true scene: its registration table and what stands beside it."""

    table: SceneTable
    statistics: SceneStatistics


@dataclass(frozen=True, slots=True)
class _Collection:
    table: CollectionTable
    statistics: CollectionStatistics
    scenes: tuple[_Scene, ...]
    plots: tuple[curves.Plot, ...]


def page(
    evaluation: Evaluation, tables: Mapping[str, CollectionTable], statistics: Mapping[str, CollectionStatistics]
) -> str:
    """Return the page as HTML."""
    environment = Environment(
        loader=PackageLoader("scenesort.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters.update(
        figure=_figure, percent=_percent, printable=_printable, percentiles=percentiles, mark=_mark, state=_state
    )
    collections = [_collection(table, statistics[name]) for name, table in tables.items()]
    return environment.get_template(TEMPLATE).render(
        evaluation=evaluation, collections=collections, degrees=AUC_THRESHOLDS_DEG, frame=curves
    )


def _collection(table: CollectionTable, found: CollectionStatistics) -> _Collection:
    scenes = tuple(_Scene(scene, beside) for scene, beside in zip(table.scenes, found.scenes, strict=True))
    return _Collection(table, found, scenes, _plots(found))


def _plots(found: CollectionStatistics) -> tuple[curves.Plot, ...]:
    centers, rotations, pairs = [], [], []
    for scene in found.scenes:
        relative_centers = scene.aligned.centers / (scene.aligned.threshold or math.nan)
        centers.append(curves.Sample(scene.scene, relative_centers, scene.num_photos))
        rotations.append(curves.Sample(scene.scene, scene.aligned.rotations_deg, scene.num_photos))
        errors = scene.relative.errors_deg
        pairs.append(curves.Sample(scene.scene, errors[errors < FAILURE_DEG], len(errors)))
    return (
        curves.cumulative_plot(
            "Centres: share of photos", "error after alignment ÷ largest threshold", centers, 1e-3, 10, (1,)
        ),
        curves.cumulative_plot("Rotations: share of photos", "error after alignment, degrees", rotations, 0.01, 200),
        curves.cumulative_plot(
            "Relative poses: share of pairs", "error, degrees", pairs, 0.01, 200, AUC_THRESHOLDS_DEG
        ),
    )


def _mark(row: PhotoRow, index: int, unscored: int) -> str:
    """The class of a mark: what the score makes of a photo at a threshold."""
    if not row.is_met[index]:
        return "missed"
    if index < unscored:
        return "met"
    return "removed" if row.is_removed[index] else "counts"


def _state(row: PhotoRow) -> str:
    """What is odd about a photo, or nothing."""
    match row.state:
        case PhotoState.POSED:
            return ""
        case PhotoState.ELSEWHERE:
            return f"in {row.cluster}"
        case _:
            return row.state.value


def _figure(value: float, digits: int = 3) -> str:
    """A number with some significant digits, never in powers of ten while it can be read without."""
    if not math.isfinite(value):
        return "–"
    if 0 < value < 1e-9:
        return "< 1e-9"
    return f"{value:.{digits}g}" if 1e-4 <= abs(value) < 1e6 or value == 0 else f"{value:.1e}"


def _percent(value: float | None, decimals: int = 1) -> str:
    """A share, 0 to 1, in percent."""
    return "–" if value is None or not math.isfinite(value) else f"{100 * value:.{decimals}f}%"


def _printable(text: str) -> str:
    """Text with bytes of file names that aren't UTF-8 written as `\\xNN`."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
