"""Settings of members as users write them."""

import pytest

from scenesort.errors import OptionError
from scenesort.retrieval.global_descriptors import (
    GlobalDescriptorOptions,
    check_settings,
    fusion_weights,
    member_options,
)

SETTINGS = (
    "dinov2.model=/models/dinov2=b",
    " dinov2.side_px = 224",
    "dinov2.every_turn=True",
    "vlad.whitening=0.5",
    "vlad.weight=2",
    "captions.prompts=What is it, in a word? | Where is it?",
)


def test_each_member_gets_its_own_settings():
    assert member_options("dinov2", SETTINGS) == GlobalDescriptorOptions(
        model="/models/dinov2=b", side_px=224, every_turn=True
    )
    assert member_options("vlad", SETTINGS) == GlobalDescriptorOptions(whitening=0.5)
    assert member_options("captions", SETTINGS).prompts == ("What is it, in a word?", "Where is it?")
    assert member_options("efficientnet", SETTINGS) == GlobalDescriptorOptions()


def test_weights_are_those_of_the_members_that_are_fused():
    assert fusion_weights(("vlad", "dinov2"), SETTINGS) == (("vlad", 2.0),)
    assert fusion_weights(("dinov2",), SETTINGS) == ()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("dinov2", "'dinov2' is not NAME.SETTING=VALUE"),
        ("model=/x", "is not NAME.SETTING=VALUE"),
        ("dinov2.modle=/x", r"no setting 'modle' \(did you mean 'model'\?\)"),
        ("dinov2.side_px=large", r"dinov2.side_px = 'large': a whole number is wanted"),
        ("dinov2.every_turn=yes", "true or false is wanted"),
        ("dinov2.weight=much", "a number is wanted"),
        ("dinov2.pooling=best", "pooling 'best' is unknown"),
        ("dinov.model=/x", r"'dinov' \(did you mean 'dinov2'\?\)"),
    ],
)
def test_a_wrong_setting_is_named(setting, message):
    with pytest.raises(OptionError, match=message):
        check_settings(("dinov2", "vlad"), (setting,))
