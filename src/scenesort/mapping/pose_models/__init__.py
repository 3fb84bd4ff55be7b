"""Feed-forward models of poses as members of the mapping family: one contract, an adapter a model."""

from scenesort.mapping.pose_models.base import (
    GROUP,
    OpenScene,
    PhotoInput,
    PointMap,
    PoseModel,
    PoseModelOptions,
    PosePrediction,
    ScenePrediction,
    load,
)
from scenesort.mapping.pose_models.identity import check, identity, needed_weights

__all__ = [
    "GROUP",
    "OpenScene",
    "PhotoInput",
    "PointMap",
    "PoseModel",
    "PoseModelOptions",
    "PosePrediction",
    "ScenePrediction",
    "check",
    "identity",
    "load",
    "needed_weights",
]
