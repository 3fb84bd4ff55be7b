"""Bundle adjustment of a scene that is given as arrays, with priors on where its cameras stand.

COLMAP's pose priors are positions (and gravity): it has none for rotations or intrinsics. Rotations are left to the
points, which determine them well.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

import numpy as np
import pycolmap

from scenesort.colmap.convert import from_scene, to_scene
from scenesort.colmap.robust import NEVER_RESIDUALS
from scenesort.types import FloatArray, PosedScene

MIN_PRIORS = 3
"""COLMAP ties a model to its priors by a similarity, which fewer positions don't determine."""


@dataclass(frozen=True, slots=True)
class AdjustmentSettings:
    """What is adjusted and how.

    `loss_scale_px`: scale of the Cauchy loss; 0: least squares. `constant_cameras`: ids of cameras whose intrinsics are
    kept, beside those that are `fixed`; of the others focal lengths change, and distortion with `refine_distortion`.
    `left_out`: names of photos that take no part: their poses stay and their observations don't count.
    """

    loss_scale_px: float = 1.0
    constant_cameras: frozenset[int] = frozenset()
    refine_distortion: bool = True
    left_out: frozenset[str] = frozenset()
    max_iterations: int = 100
    seed: int = 0


def adjust(
    scene: PosedScene, settings: AdjustmentSettings, prior_stddev: FloatArray | None = None
) -> PosedScene | None:
    """Return the scene with poses, intrinsics and points adjusted, or None where the solver finds no usable answer.

    `prior_stddev`: (p,) in the scene's units, how far each photo's centre may be from where it stands now; nan for
    photos without a prior, None for no priors at all. With fewer than three priors two cameras are held instead. Order
    of photos, observations and points stays; photos must be sorted by name. Photos without observations don't move.
    """
    pycolmap.logging.minloglevel = int(pycolmap.logging.Level.FATAL)
    model = from_scene(scene)
    fixed = frozenset(photo.camera_id for photo in scene.photos if photo.camera.fixed)
    active = {
        image_id: row
        for image_id, row in ((row + 1, row) for row in range(len(scene.photos)))
        if scene.photos[row].name not in settings.left_out and len(scene.photos[row].point_index)
    }
    if len(active) < 2 or not len(scene.points_xyz):
        return None
    config = pycolmap.BundleAdjustmentConfig()
    for image_id in active:
        config.add_image(image_id)
    for camera_id in sorted(
        (fixed | settings.constant_cameras) & {scene.photos[row].camera_id for row in active.values()}
    ):
        config.set_constant_cam_intrinsics(camera_id)
    priors = [] if prior_stddev is None else _priors(scene, model, active, prior_stddev)
    options = _options(settings)
    if len(priors) < MIN_PRIORS:
        config.fix_gauge(pycolmap.BundleAdjustmentGauge.TWO_CAMS_FROM_WORLD)
        adjuster = pycolmap.create_default_bundle_adjuster(options, config, model)
    else:
        prior_options = pycolmap.PosePriorBundleAdjustmentOptions()
        prior_options.alignment_ransac.random_seed = settings.seed
        # A model that is predicted wrong in places must not be held there by the square of the distance.
        prior_options.ceres.prior_position_loss_function_type = pycolmap.LossFunctionType.CAUCHY
        adjuster = pycolmap.create_pose_prior_bundle_adjuster(options, prior_options, config, priors, model)
    if not adjuster.solve().is_solution_usable():
        return None
    adjusted = to_scene(model, scene.name, fixed)
    return adjusted if _is_finite(adjusted) else None


def _options(settings: AdjustmentSettings) -> pycolmap.BundleAdjustmentOptions:
    options = pycolmap.BundleAdjustmentOptions()
    options.print_summary = False
    options.refine_extra_params = settings.refine_distortion
    if settings.loss_scale_px > 0:
        options.ceres.loss_function_type = pycolmap.LossFunctionType.CAUCHY
        options.ceres.loss_function_scale = settings.loss_scale_px
    options.ceres.solver_options.num_threads = 1
    options.ceres.solver_options.max_num_iterations = settings.max_iterations
    options.ceres.min_num_residuals_for_cpu_multi_threading = NEVER_RESIDUALS
    return options


def _priors(
    scene: PosedScene, model: pycolmap.Reconstruction, active: Set[int] | dict[int, int], prior_stddev: FloatArray
) -> list[pycolmap.PosePrior]:
    priors = []
    for image_id in active:
        stddev = float(prior_stddev[image_id - 1])
        if not np.isfinite(stddev):
            continue
        priors.append(
            pycolmap.PosePrior(
                pose_prior_id=image_id,
                corr_data_id=model.image(image_id).data_id,
                position=scene.photos[image_id - 1].center_in_world,
                position_covariance=stddev**2 * np.eye(3),
                coordinate_system=pycolmap.PosePriorCoordinateSystem.CARTESIAN,
            )
        )
    return priors


def _is_finite(scene: PosedScene) -> bool:
    return bool(
        np.isfinite(scene.points_xyz).all()
        and all(
            np.isfinite(photo.cam_from_world).all() and np.isfinite(photo.camera.params).all() for photo in scene.photos
        )
    )
