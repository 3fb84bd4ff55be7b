"""Feed-forward models of poses as members of the mapping family: one contract, an adapter a model."""

from scenesort.mapping.pose_models.base import (
    OpenScene,
    PhotoInput,
    PointMap,
    PoseModel,
    PoseModelOptions,
    PosePrediction,
    ScenePrediction,
    load,
)

__all__ = [
    "OpenScene",
    "PhotoInput",
    "PointMap",
    "PoseModel",
    "PoseModelOptions",
    "PosePrediction",
    "ScenePrediction",
    "load",
]
