"""The registry is complete, and says what it knows."""

from __future__ import annotations

import re

import pytest

from scenesort.errors import OptionError
from scenesort.weights import REGISTRY, HubSource, UrlSource, WeightsEntry, WeightsFile, WheelSource
from scenesort.weights.entries import source_kind
from scenesort.weights.sources.archive import is_safe

ASKED_FOR = {
    *("aliked-n16", "disk", "xfeat", "aliked-lightglue", "disk-lightglue", "superpoint", "efficientloftr"),
    *("efficientnet-lite0", "dinov2-small", "dinov2-base", "dinov2-large", "dinov2-giant", "siglip"),
    *("blip", "llava-1.5", "mast3r", "vggt", "must3r", "da3-small", "da3-base"),
}
NOT_COMMERCIAL = {"superpoint", "mast3r", "must3r", "vggt"}


def test_all_models_are_there():
    assert set(REGISTRY) >= ASKED_FOR
    assert {name for name, entry in REGISTRY.items() if entry.needs_consent} == NOT_COMMERCIAL


@pytest.mark.parametrize("entry", REGISTRY.values(), ids=REGISTRY)
def test_an_entry_is_complete(entry):
    assert REGISTRY[entry.name] is entry
    for text in (entry.what_for, entry.licence, entry.inputs, entry.memory):
        assert text == text.strip() != ""
    assert entry.licence_url.startswith("https://")
    assert entry.size_mb > 0
    assert entry.sources
    assert len({file.name for file in entry.files}) == len(entry.files)
    known = sum(file.size_bytes or 0 for file in entry.files)
    assert known <= (entry.size_mb + 0.51) * 1e6
    if all(file.size_bytes for file in entry.required()):
        assert known == pytest.approx(entry.size_mb * 1e6, abs=0.6e6)
    for file in entry.files:
        assert is_safe(file.name)
        assert file.sha256 is None or re.fullmatch("[0-9a-f]{64}", file.sha256)
        assert file.md5 is None or re.fullmatch("[0-9a-f]{32}", file.md5)


@pytest.mark.parametrize("entry", REGISTRY.values(), ids=REGISTRY)
def test_sources_fit_their_entry(entry):
    for source in entry.sources:
        match source:
            case WheelSource():
                assert re.fullmatch(r"[a-z0-9-]+==[0-9.]+", source.requirement)
                assert [name for name, _ in source.members] == [file.name for file in entry.files]
            case HubSource():
                assert entry.folder
                assert re.fullmatch("[0-9a-f]{40}", source.revision)
                assert source.repository.count("/") == 1
            case UrlSource():
                assert not entry.folder
                assert source.url.startswith("https://")
        assert source.describe()


def test_what_was_measured_is_pinned_and_in_the_package_registry():
    for entry in REGISTRY.values():
        if entry.evidence == "measured":
            assert entry.from_registry()
            assert all(file.sha256 and file.size_bytes for file in entry.files)
        else:
            assert not entry.from_registry()
            assert any(file.sha256 or file.md5 for file in entry.files) == (entry.evidence == "published")


def test_a_model_of_several_files_needs_a_folder():
    files = (WeightsFile("a"), WeightsFile("b"))
    with pytest.raises(ValueError, match="needs a folder"):
        WeightsEntry("x", "", files, (), "", True, "", "", "", 1.0)


def test_kinds_of_sources():
    assert [source_kind(word) for word in ("wheel", "hub", "url")] == ["wheel", "hub", "url"]
    with pytest.raises(OptionError, match="no kind of source is called 'ftp'; there are: wheel, hub, url"):
        source_kind("ftp")
