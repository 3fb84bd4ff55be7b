"""The network EfficientNet-lite0 (Tan and Le, ICML 2019; lite variant without squeeze-and-excitation, with ReLU6).

Names of parts follow the published weights, so that they load strictly.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

_STAGES = (
    # expansion, channels, repeats, stride, kernel
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)

FEATURES = 1280
STRIDE_PX = 32
"""Input pixels for each position of the feature map, across and down."""


class _SameConvolution(nn.Conv2d):
    """A convolution padded as TensorFlow does it: the odd row and column of padding come last."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Convolve (n, c, h, w): the result has the sides divided by the stride, rounded up."""
        needed = [
            max(0, (-(-side // stride) - 1) * stride + kernel - side)
            for side, stride, kernel in zip(values.shape[-2:], self.stride, self.kernel_size, strict=True)
        ]
        down, across = needed
        padded = functional.pad(values, (across // 2, across - across // 2, down // 2, down - down // 2))
        return super().forward(padded)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


class _Block(nn.Module):
    """Inverted residual bottleneck (MobileNetV2): widen, filter each channel, narrow, add the input where it fits."""

    def __init__(self, inputs: int, outputs: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self._widens = expansion > 1
        if self._widens:
            self._expand_conv = _SameConvolution(inputs, inner, 1)
            self._bn0 = _norm(inner)
        self._depthwise_conv = _SameConvolution(inner, inner, kernel, stride, groups=inner)
        self._bn1 = _norm(inner)
        self._project_conv = _SameConvolution(inner, outputs, 1)
        self._bn2 = _norm(outputs)
        self._adds_input = stride == 1 and inputs == outputs

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Map (n, c, h, w) to (n, outputs, h / stride, w / stride)."""
        inner = functional.relu6(self._bn0(self._expand_conv(values))) if self._widens else values
        inner = functional.relu6(self._bn1(self._depthwise_conv(inner)))
        narrow: torch.Tensor = self._bn2(self._project_conv(inner))
        return values + narrow if self._adds_input else narrow


class EfficientNetLite0(nn.Module):
    """Pictures (n, 3, h, w) to feature maps (n, 1280, h / 32, w / 32), all values in 0 … 6."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = _SameConvolution(3, 32, 3, 2)
        self._bn0 = _norm(32)
        self._blocks = nn.ModuleList()
        channels = 32
        for expansion, outputs, repeats, stride, kernel in _STAGES:
            for repeat in range(repeats):
                self._blocks.append(_Block(channels, outputs, expansion, kernel, stride if repeat == 0 else 1))
                channels = outputs
        self._conv_head = _SameConvolution(channels, FEATURES, 1)
        self._bn1 = _norm(FEATURES)
        self._fc = nn.Linear(FEATURES, 1000)  # for ImageNet's classes: here so that the weights load strictly

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return the feature maps before pooling."""
        values = functional.relu6(self._bn0(self._conv_stem(pictures)))
        for block in self._blocks:
            values = block(values)
        maps: torch.Tensor = functional.relu6(self._bn1(self._conv_head(values)))
        return maps
