"""What members need."""

from __future__ import annotations

import pytest

from scenesort.config import preset, with_values
from scenesort.errors import OptionError
from scenesort.members import check_retrieval, needed_weights


@pytest.mark.parametrize(
    ("mix", "weights"),
    [
        (("sift+nearest",), []),
        (("sift+nearest", "xfeat+lighterglue"), ["xfeat", "xfeat-lighterglue"]),
        (("xfeat+nearest", "aliked+lightglue"), ["aliked-lightglue", "aliked-n16", "xfeat"]),
    ],
)
def test_weights_of_features_and_matchers_once_each(mix, weights):
    options = with_values(preset("balanced"), {"matching.mix": mix, "scenes.likeness": "none"})
    assert needed_weights(options, 20) == weights
    # More photos than are screened pair by pair need what proposes pairs.
    assert needed_weights(options) == needed_weights(options, 1000) == sorted([*weights, "efficientnet-lite0"])


def test_likeness_needs_the_weights_of_its_descriptor():
    options = with_values(preset("fast"), {"matching.mix": ("sift+nearest",)})
    assert needed_weights(options, 20) == ["efficientnet-lite0"]
    assert needed_weights(with_values(options, {"scenes.likeness": "vlad"}), 20) == []
    with pytest.raises(OptionError, match="efficientnt"):
        needed_weights(with_values(options, {"scenes.likeness": "efficientnt"}), 20)
    assert needed_weights(with_values(options, {"scenes.likeness": "dinov2"}), 20) == ["dinov2-small"]
    with pytest.raises(OptionError, match="sentence model"):
        check_retrieval(with_values(options, {"scenes.likeness": "captions"}), 20, False)


def test_an_unknown_member_is_named():
    with pytest.raises(OptionError, match="nearst"):
        needed_weights(with_values(preset("balanced"), {"matching.mix": ("sift+nearst",)}))
