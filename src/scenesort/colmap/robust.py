"""The last bundle adjustment of a finished model, which the precise majority of its keypoints decides."""

from __future__ import annotations

import pycolmap

NEVER_RESIDUALS = 2_000_000_000
"""Above this many residuals bundle adjustment takes several threads: never, so results don't depend on the machine."""
FUNCTION_TOLERANCE = 1e-6
"""The solver stops when a step lowers the cost by less than this share: centres then move by less than a thousandth of
the scene, after half of the steps."""


def adjust_robustly(model: pycolmap.Reconstruction, loss_scale_px: float, fixed: frozenset[int] = frozenset()) -> None:
    """Adjust a finished model once more with a Cauchy loss, in place; a scale of 0 px leaves the model alone.

    The mapper's own adjustment weighs all residuals alike, so coarse keypoints and leftover wrong matches pull on the
    poses as hard as sub-pixel ones; the robust loss lets the precise majority decide.
    """
    if loss_scale_px <= 0:
        return
    options = pycolmap.BundleAdjustmentOptions()
    options.print_summary = False
    options.ceres.loss_function_type = pycolmap.LossFunctionType.CAUCHY
    options.ceres.loss_function_scale = loss_scale_px
    options.ceres.solver_options.num_threads = 1
    options.ceres.solver_options.function_tolerance = FUNCTION_TOLERANCE
    options.ceres.min_num_residuals_for_cpu_multi_threading = NEVER_RESIDUALS
    config = pycolmap.BundleAdjustmentConfig()
    for image_id in model.reg_image_ids():
        config.add_image(image_id)
    for camera_id in sorted(fixed & {image.camera_id for image in model.images.values()}):
        config.set_constant_cam_intrinsics(camera_id)
    config.fix_gauge(pycolmap.BundleAdjustmentGauge.TWO_CAMS_FROM_WORLD)
    pycolmap.create_default_bundle_adjuster(options, config, model).solve()
    model.update_point_3d_errors()
