"""Any matcher of the package vismatch (BSD-3-Clause), if the user has installed it; read at version 1.4.0.

vismatch pins an older kornia, brings torchvision, and downloads a matcher's weights at its first use from wherever that
matcher keeps them; most matchers have licences of their own.
"""

from __future__ import annotations

import contextlib
import io
from typing import Any, ClassVar

import numpy as np

from scenesort.errors import MissingDependencyError, OptionError
from scenesort.pair_matching.base import PairMatcherOptions, PixelMatches
from scenesort.plugins import did_you_mean
from scenesort.types import ImageArray

INSTALL = "pip install vismatch"

SCALED = ("roma", "dkm", "dedode")
"""In names of matchers that scale coordinates of -1 to 1 to a picture's sides, so that its corner is at 0 as ours is;
the centre of the first pixel is at 0 in the others."""


class Vismatch:
    """The matcher that `second_look.model` names, `loftr` or `roma` for example."""

    name: ClassVar[str] = "vismatch"
    version: ClassVar[str] = "1"
    weights: ClassVar[tuple[str, ...]] = ()
    package: ClassVar[str] = "vismatch"

    def __init__(self, options: PairMatcherOptions, device: str) -> None:
        self.check(options.model)
        package = _package()
        with contextlib.redirect_stdout(io.StringIO()):
            self._matcher: Any = package.get_matcher(options.model, device=device)
        self._matcher.skip_ransac = True  # verification is ours
        self._seed = options.seed
        scaled = any(word in options.model for word in SCALED)
        self._offset_px = np.float32(0.0 if scaled else 0.5)

    @staticmethod
    def check(model: str) -> None:
        """Raise OptionError for a matcher that the package hasn't, MissingDependencyError without the package."""
        known = list(_package().available_models)
        if model not in known:
            given = f"'{model}'{did_you_mean(model, known)}" if model else "none"
            raise OptionError(
                f"second_look.model names vismatch's matcher, and {given} is given; it has: {', '.join(known)}"
            )

    def match(self, image_a: ImageArray, image_b: ImageArray) -> PixelMatches:
        """Match two pictures; see PairMatcher. Matchers without a confidence get 1 for each match."""
        pictures = [np.ascontiguousarray(image.transpose(2, 0, 1), np.float32) / 255 for image in (image_a, image_b)]
        import torch

        # Some matchers draw their matches at random: a pair's must not depend on the pairs before it.
        torch.manual_seed(self._seed)
        np.random.seed(self._seed % 2**32)  # noqa: NPY002 - what others' code draws from
        with contextlib.redirect_stdout(io.StringIO()):
            found = self._matcher(*pictures)
        points_a, points_b = (
            np.asarray(found[f"matched_kpts{side}"], np.float32).reshape(-1, 2) + self._offset_px for side in (0, 1)
        )
        scores = found["matched_confidences"]
        if scores is None:
            scores = np.ones(len(points_a))
        return PixelMatches(points_a, points_b, np.asarray(scores, np.float32))


def _package() -> Any:
    try:
        import vismatch
    except ImportError as error:
        raise MissingDependencyError(
            f"vismatch needs the package vismatch ({error}); install it, best in an environment of its own, as it "
            f"wants an older kornia than scenesort: {INSTALL}"
        ) from error
    return vismatch
