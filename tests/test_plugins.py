"""Members are found by name through entry points."""

from importlib.metadata import EntryPoint

import pytest

from scenesort import features, mapping, matching, plugins
from scenesort.errors import MissingDependencyError, OptionError
from scenesort.mapping import pose_models
from scenesort.weights import REGISTRY

FAMILIES = {"features": features, "matching": matching, "mapping": mapping, "pose_models": pose_models}
BUILT_IN = {
    "features": {"aliked", "sift", "xfeat"},
    "matching": {"lightglue", "lighterglue", "nearest"},
    "mapping": {"incremental"},
    "pose_models": {"depth-anything-3", "mast3r", "must3r", "oracle", "oracle-incremental", "pi3", "vggt"},
}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_built_in_member_is_registered_under_its_own_name(family):
    names = plugins.member_names(f"scenesort.{family}")
    assert set(names) >= BUILT_IN[family]
    assert names == sorted(names)
    for name in BUILT_IN[family]:
        member = FAMILIES[family].load(name)
        assert member.name == name
        assert member.version
        assert set(getattr(member, "weights", ())) <= set(REGISTRY)


@pytest.mark.parametrize("family", FAMILIES)
def test_an_unknown_member_is_named_with_those_installed(family):
    wrong = sorted(BUILT_IN[family])[0] + "x"
    with pytest.raises(
        OptionError,
        match=rf"no {family} member( or pose model)? '{wrong}' \(did you mean '{wrong[:-1]}'\?\); installed: ",
    ):
        FAMILIES[family].load(wrong)


def test_a_member_whose_package_is_missing_breaks_alone(monkeypatch):
    broken = EntryPoint("stranger", "no_such_package_here:Member", "scenesort.features")
    monkeypatch.setattr(plugins, "_members", lambda group: {"stranger": broken})
    with pytest.raises(
        MissingDependencyError, match=r"'stranger' needs a package that can't be imported: .*no_such_package"
    ):
        features.load("stranger")


def test_a_strangers_package_uses_the_same_door(monkeypatch):
    strange = EntryPoint("stranger", "fractions:Fraction", "scenesort.features")
    monkeypatch.setattr(plugins, "_members", lambda group: {"stranger": strange})
    assert features.load("stranger").__name__ == "Fraction"


@pytest.mark.parametrize(("word", "hint"), [("xfaet", " (did you mean 'xfeat'?)"), ("zzz", ""), ("", "")])
def test_did_you_mean(word, hint):
    assert plugins.did_you_mean(word, ["xfeat", "sift"]) == hint
