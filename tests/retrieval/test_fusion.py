"""Fusion against a literal computation, its four variants, files and odd input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from scenesort.errors import OptionError
from scenesort.retrieval import fusion
from scenesort.retrieval.fusion import (
    VARIANTS,
    FusionOptions,
    fit_fusion,
    fuse,
    fuse_collection,
    load_fusion,
    save_fusion,
)


def descriptors(count=120, seed=0, **dimensions):
    random = np.random.default_rng(seed)
    hidden = random.normal(size=(count, 6))
    return {
        name: (3 + hidden @ random.normal(size=(6, dimension)) + 0.3 * random.normal(size=(count, dimension))).astype(
            np.float32
        )
        for name, dimension in (dimensions or {"dino": 24, "vlad": 40}).items()
    }


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def similarities(rows):
    return rows.astype(np.float64) @ rows.astype(np.float64).T


def literal(fitted_on, collection, pca, components, weights):
    """The definition, in float64 with scikit-learn's PCA, as similarities, which know no signs of components."""
    share = {name: weight / sum(weights.values()) for name, weight in weights.items()}
    train = {name: unit(fitted_on[name].astype(np.float64)) for name in weights}
    here = {name: unit(collection[name].astype(np.float64)) for name in weights}
    if pca == "shared":
        joined = [np.hstack([np.sqrt(share[name]) * rows[name] for name in weights]) for rows in (train, here)]
        return similarities(unit(PCA(components, svd_solver="full").fit(joined[0]).transform(joined[1])))
    total = 0.0
    for name, weight in share.items():
        part = PCA(components, svd_solver="full").fit(train[name]).transform(here[name])
        total = total + weight * similarities(unit(part))
    return total


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_four_variants_are_what_they_say(variant):
    assert len(VARIANTS) == 4
    pca, fitted_on = variant.split("-")
    weights = {"dino": 2.0, "vlad": 0.5}
    options = FusionOptions(pca=pca, fitted_on=fitted_on, components=5, weights=tuple(weights.items()))
    here, elsewhere = descriptors(seed=1), descriptors(count=200, seed=2)
    trained = fit_fusion(elsewhere, options)
    fused, used = fuse_collection(here, options, trained)
    true = literal(elsewhere if fitted_on == "training" else here, here, pca, 5, weights)
    assert fused.dtype == np.float16
    assert fused.shape == (120, used.dimension) == (120, 5 if pca == "shared" else 10)
    np.testing.assert_allclose(similarities(fused), true, atol=3e-3)
    assert (used is trained) == (fitted_on == "training")


@pytest.mark.parametrize("pca", ["independent", "shared"])
def test_fewer_photos_than_numbers_take_the_other_gram_matrix(pca):
    here = descriptors(30, dino=64, vlad=50)
    options = FusionOptions(pca=pca, components=8, least_photos=2)
    fused = fuse(fit_fusion(here, options), here)
    np.testing.assert_allclose(similarities(fused), literal(here, here, pca, 8, {"dino": 1.0, "vlad": 1.0}), atol=3e-3)
    # More components than photos: those without variance are dropped.
    full = fit_fusion(here, FusionOptions(pca=pca, components=500, least_photos=2))
    assert all(projection.basis.shape[1] == 29 for projection in full.projections)
    for projection in full.projections:
        np.testing.assert_allclose(projection.basis.T @ projection.basis, np.eye(29), atol=1e-3)
        assert (projection.basis.max(axis=0) == np.abs(projection.basis).max(axis=0)).all()


@given(st.sampled_from(["independent", "shared", "none"]), st.integers(1, 90), st.integers(0, 3), st.integers(1, 30))
@settings(max_examples=30, deadline=None)
def test_fused_descriptors_are_unit_and_know_no_order_scale_or_block(pca, count, seed, components):
    here = descriptors(count, seed)
    options = FusionOptions(pca=pca, components=components, least_photos=20)
    fitted = fit_fusion(here, options)
    fused = fuse(fitted, here)
    np.testing.assert_allclose(np.linalg.norm(fused.astype(np.float64), axis=1), 1, atol=2e-3)
    scaled = {name: 7 * rows for name, rows in reversed(here.items())}
    np.testing.assert_allclose(fuse(fit_fusion(scaled, options), scaled), fused, atol=4e-3)
    order = np.random.default_rng(seed).permutation(count)
    shuffled = {name: rows[order] for name, rows in here.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fusion, "BLOCK_ROWS", 7)
        np.testing.assert_allclose(fuse(fitted, shuffled), fused[order], atol=1e-3)


def test_without_pca_similarity_is_the_weighted_mean():
    here = descriptors(9)
    fitted = fit_fusion(here, FusionOptions(pca="none", weights=(("dino", 3.0),)))
    assert fitted.weights == (0.75, 0.25)
    true = 0.75 * similarities(unit(here["dino"])) + 0.25 * similarities(unit(here["vlad"]))
    np.testing.assert_allclose(similarities(fuse(fitted, here)), true, atol=2e-3)


def test_collections_too_small_or_all_alike_are_fused_without_pca():
    few = descriptors(49)
    assert fit_fusion(few, FusionOptions()).pca == "none"
    assert fit_fusion(descriptors(50), FusionOptions()).pca == "independent"
    alike = {"dino": np.tile(few["dino"][:1], (60, 1))}
    fused = fuse(fit_fusion(alike, FusionOptions()), alike)
    np.testing.assert_allclose(similarities(fused), 1, atol=2e-3)


def test_a_photo_that_is_the_mean_is_still_unit():
    rows = np.eye(4, dtype=np.float32)
    here = {"a": np.concatenate([rows, rows])}
    fitted = fit_fusion(here, FusionOptions(least_photos=2))
    fused = fuse(fitted, {"a": np.ones((1, 4), dtype=np.float32)})
    assert np.linalg.norm(fused.astype(float)) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("pca", ["independent", "shared", "none"])
def test_a_saved_fusion_is_the_same(tmp_path, pca):
    here = descriptors()
    fitted = fit_fusion(here, FusionOptions(pca=pca, components=7))
    save_fusion(fitted, tmp_path / "fusion")
    loaded = load_fusion(tmp_path / "fusion")
    assert (loaded.pca, loaded.names, loaded.dimensions, loaded.weights) == (
        fitted.pca,
        fitted.names,
        fitted.dimensions,
        fitted.weights,
    )
    np.testing.assert_array_equal(fuse(loaded, here), fuse(fitted, here))


def test_files_that_hold_no_fusion_are_named(tmp_path):
    path = tmp_path / "fusion.npz"
    save_fusion(fit_fusion(descriptors(), FusionOptions()), path)
    whole = path.read_bytes()
    for content in (b"", b"text", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(OptionError, match="holds no fitted fusion"):
            load_fusion(path)
    np.savez(path, version=np.array(99))
    with pytest.raises(OptionError, match="another version"):
        load_fusion(path)
    with pytest.raises(OptionError, match="absent"):
        load_fusion(tmp_path / "absent.npz")


def test_mistakes_are_explained():
    here = descriptors()
    fitted = fit_fusion(here, FusionOptions())
    with pytest.raises(OptionError, match=r"fitted for dino \(24\), vlad \(40\), not for dino \(24\)"):
        fuse(fitted, {"dino": here["dino"]})
    with pytest.raises(OptionError, match="different numbers of photos: dino 120, vlad 119"):
        fit_fusion({"dino": here["dino"], "vlad": here["vlad"][1:]}, FusionOptions())
    with pytest.raises(OptionError, match="'gist', which is not among"):
        fit_fusion(here, FusionOptions(weights=(("gist", 1.0),)))
    with pytest.raises(OptionError, match="zeros, inf or nan"):
        fit_fusion({"dino": np.zeros((60, 4), np.float32)}, FusionOptions())
    with pytest.raises(OptionError, match="no descriptors"):
        fit_fusion({}, FusionOptions())
    with pytest.raises(OptionError, match="no fitted fusion is given"):
        fuse_collection(here, VARIANTS["shared-training"])
    with pytest.raises(OptionError, match="pca 'independent'"):
        fuse_collection(here, VARIANTS["shared-training"], fitted)
    for wrong in ({"pca": "both"}, {"fitted_on": "x"}, {"components": 0}, {"weights": (("a", 0.0),)}):
        with pytest.raises(OptionError):
            FusionOptions(**wrong)
