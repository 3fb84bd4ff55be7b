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
    options = with_values(preset("balanced"), {"matching.mix": mix})
    assert needed_weights(options, 20) == weights
    # More photos than are screened pair by pair need what proposes pairs.
    assert needed_weights(options) == needed_weights(options, 1000) == sorted([*weights, "efficientnet-lite0"])


@pytest.mark.parametrize(
    ("likeness", "message"),
    [("efficientnt", "scenes.likeness = efficientnt.*efficientnet.*or take none"), ("captions", "sentence model")],
)
def test_likeness_is_checked_before_any_work(likeness, message):
    options = with_values(preset("fast"), {"matching.mix": ("sift+nearest",), "scenes.likeness": likeness})
    with pytest.raises(OptionError, match=message):
        check_retrieval(options, 20, False)


def test_likeness_by_features_needs_the_codebook_that_was_trained(tmp_path):
    options = with_values(preset("fast"), {"retrieval.trained": str(tmp_path)})
    check_retrieval(options, 20, False)
    with pytest.raises(OptionError, match="scenesort retrieval fit"):
        check_retrieval(with_values(options, {"scenes.likeness": "vlad"}), 20, False)


def test_likeness_needs_no_weights():
    assert needed_weights(with_values(preset("fast"), {"matching.mix": ("sift+nearest",)}), 20) == []


def test_an_unknown_member_is_named():
    with pytest.raises(OptionError, match="nearst"):
        needed_weights(with_values(preset("balanced"), {"matching.mix": ("sift+nearst",)}))
