from __future__ import annotations

from pathlib import Path

import bundle_world
import pytest

from scenesort.bundle import BundleError, BundleRequest
from scenesort.bundle.models import (
    code_warnings,
    entries_for,
    found_models,
    licence_warnings,
    placed,
)


def names(*models: str) -> list[str]:
    return [entry.name for entry in entries_for(models)]


def test_a_preset_stands_for_the_weights_that_it_loads() -> None:
    assert names("balanced") == ["efficientnet-lite0", "xfeat", "xfeat-lighterglue"]
    # It screens pairs with ALIKED, which it matches with, too.
    assert names("baseline") == ["aliked-lightglue", "aliked-n16", "dinov2-base"]


def test_models_are_named_as_in_the_registry_or_as_on_the_hub() -> None:
    assert names("balanced", "dinov2-base", "llava-1.5-7b", "llava-1.5-7b-hf", "xfeat") == [
        "efficientnet-lite0",
        "xfeat",
        "xfeat-lighterglue",
        "dinov2-base",
        "llava-1.5",
    ]


def test_a_misspelt_model_is_told_its_nearest_name() -> None:
    with pytest.raises(BundleError, match="did you mean 'dinov2-base'"):
        names("dinov2-bas")


@pytest.mark.usefixtures("world")
def test_models_lie_in_a_weights_folder_or_in_the_hubs_layout() -> None:
    files = {file.path: file for found in found_models(entries_for(["tiny", "hubby"])) for file in placed(found)}
    home = "weights/hub/models--org--Tiny-Hub-hf"
    snapshot = f"{home}/snapshots/{bundle_world.COMMIT}"
    assert set(files) == {
        "weights/scenesort/tiny.pth",
        f"{home}/refs/main",
        f"{snapshot}/config.json",
        f"{snapshot}/sub/model.safetensors",
    }
    assert files[f"{home}/refs/main"].text == bundle_world.COMMIT
    blob = files[f"{snapshot}/sub/model.safetensors"].source
    assert blob is not None
    assert not blob.is_symlink()
    assert blob.read_bytes() == b"model"


@pytest.mark.usefixtures("world")
def test_a_model_that_has_gone_is_named() -> None:
    with pytest.raises(BundleError, match="closed"):
        found_models(entries_for(["closed"]))


def test_code_that_is_not_bundled_is_named() -> None:
    entries = entries_for(["balanced", "mast3r", "dinov2-base", "blip"])
    lacking = code_warnings(BundleRequest(("x",)), entries)
    assert [sentence.partition(":")[0] for sentence in lacking] == ["mast3r", "dinov2-base, blip"]
    assert "--source mast3r=DIR" in lacking[0]
    assert "--pin transformers==VERSION" in lacking[1]
    complete = BundleRequest(("x",), pins=("transformers==5.23.0",), sources=(("mast3r", Path()),))
    assert code_warnings(complete, entries) == []


def test_licences_that_forbid_some_use_are_told() -> None:
    (first, second) = licence_warnings(entries_for(["balanced", "mast3r", "llava-1.5"]))
    assert first.startswith("mast3r: CC-BY-NC-SA-4.0: no commercial use: keep the bundle private")
    assert second.startswith("llava-1.5: Llama 2 Community Licence: commercial use unclear")
