"""A scene of any length, posed by a model that sees a window of it at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from scenesort.errors import WeightsError
from scenesort.mapping.pose_models import PhotoInput, PoseModel, ScenePrediction
from scenesort.mapping.scene_memory.joining import LEAST_SHARED
from scenesort.mapping.scene_memory.memory import free_memory, is_out_of_memory
from scenesort.mapping.scene_memory.model import JoinedModel
from scenesort.mapping.scene_memory.ordering import grow_order, links_of
from scenesort.mapping.scene_memory.windows import next_window
from scenesort.types import ImageArray, MappingPhoto, Pair


def predict_scene(
    model: PoseModel,
    photos: Sequence[MappingPhoto],
    inliers: Mapping[Pair, int],
    load_image: Callable[[str], ImageArray],
    *,
    window_photos: int,
    overlap_photos: int,
    tell: Callable[[str], None],
) -> list[ScenePrediction]:
    """Pose the photos of one scene: models largest first, each in a frame of its own, photos in the order they came.

    Photos are fed along the view graph, `window_photos` at once, of which `overlap_photos` repeat posed ones.
    `inliers`: pair → verified inliers. Images are loaded window by window, one by one where the model has memory.
    When memory runs out the window is halved. A window that can't be joined begins another model. Raises WeightsError
    when memory runs out at the model's least number of photos, and when the scene has fewer photos than that.
    """
    least = max(model.least_photos, 1)
    if len(photos) < least:
        raise WeightsError(
            f"{model.name} poses at least {least} photos, and this scene has {len(photos)}; take another backend"
        )
    # Windows are joined on photos that both hold.
    least = max(least, min(LEAST_SHARED + 1, len(photos)))
    by_name = {photo.name: photo for photo in photos}
    order, links = grow_order(by_name, inliers), links_of(by_name, inliers)
    size = max(window_photos, least)
    found: list[JoinedModel] = []
    while len(posed := {name for one in found for name in one.names}) < len(order):
        window = next_window(order, [one.names for one in found], links, size, overlap_photos)
        names = _filled(window.photos, order, posed, least)
        prediction = _predict(model, [by_name[name] for name in names], load_image)
        if prediction is None:
            if len(names) <= least:
                raise WeightsError(
                    f"{model.name} ran out of memory with {len(names)} photos at once, and it needs as many; close "
                    "other programs, lower pose_models.side_px, or choose another device or backend"
                )
            size = max(least, len(names) // 2)
            tell(f"{model.name} ran out of memory with {len(names)} photos at once: going on with {size}")
            continue
        reason = "no verified pair ties them to the others"
        if window.model is not None:
            reason = found[window.model].add(prediction)
        if reason:
            if found:
                tell(f"{len(window.new)} photos ({window.new[0]} …) begin a model of their own: {reason}")
            found.append(JoinedModel(prediction))
    scenes = [one.prediction(order) for one in found]
    return sorted(scenes, key=lambda scene: -len(scene.photos))


def _filled(names: Sequence[str], order: Sequence[str], posed: Collection[str], least: int) -> tuple[str, ...]:
    """A window of at least `least` photos: where it is short, others come along, posed ones first."""
    others = sorted((name for name in order if name not in names), key=lambda name: name not in posed)
    return (*names, *others[: max(0, least - len(names))])


def _predict(
    model: PoseModel, photos: Sequence[MappingPhoto], load_image: Callable[[str], ImageArray]
) -> ScenePrediction | None:
    """Pose a window; None when memory ran out."""

    def loaded(photo: MappingPhoto) -> PhotoInput:
        return PhotoInput(photo.name, load_image(photo.name), photo.camera, photo.taken_at_s)

    try:
        if model.native_memory and (scene := model.open_scene()) is not None:
            for photo in photos:
                scene.add(loaded(photo))
            return scene.finish()
        return model.predict([loaded(photo) for photo in photos])
    except Exception as error:
        if not is_out_of_memory(error):
            raise
    # Only here is the failed call's memory no longer held by its traceback.
    free_memory()
    return None
