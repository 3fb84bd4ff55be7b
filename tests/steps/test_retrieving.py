"""Pairs proposed, screened and grown on a rendered pile, with SIFT alone."""

from __future__ import annotations

import importlib.util
import itertools
import shutil

import numpy as np
import pytest
from PIL import Image

from pictures import textured
from rendered import options, read_rows
from scenesort import steps, training, work
from scenesort.errors import NoPhotosError, OptionError
from scenesort.execution import WorkerPool
from scenesort.members import check_retrieval, needed_weights
from scenesort.progress import Silent
from scenesort.retrieval.proposals import neighbours_wanted
from scenesort.steps import Context
from scenesort.steps.common import FoundGroups
from scenesort.steps.retrieving import global_looks
from scenesort.types import PhotoSet
from scenesort.workspace import Workspace
from tiny_models import save_llava, save_sentence_model

pytest_plugins = ["rendered"]

VLAD = {"retrieval__descriptors": ("vlad",), "retrieval__neighbours": 1}


@pytest.fixture(scope="module")
def world(pile, tmp_path_factory):
    """A context on the pile, and the features of its photos."""
    folder = tmp_path_factory.mktemp("steps")
    with Workspace.open(folder / "out") as workspace, WorkerPool(1, scratch=workspace.work) as pool:
        context = Context(workspace, pool, options(), "cpu", Silent())
        found = steps.find_photos(context, pile.photos, [])
        _, sides = steps.find_features(context, found)
        yield context, sides


def with_options(context, **values):
    context.options = options(**values)
    context.stages.clear()
    return context


def photo_set(sides):
    return PhotoSet(tuple(side.photo for _, side in sorted(sides.items())))


def names_of(sides, pairs):
    names = sorted(sides)
    return [(names[first], names[second]) for first, second in pairs.tolist()]


def done(context):
    """Photos or pairs made anew by stage; a stage that ran twice counts together."""
    counts = {}
    for stage in context.stages:
        counts[stage.name] = counts.get(stage.name, 0) + stage.done
    return counts


def test_few_photos_are_all_looked_at_without_descriptors(world):
    context, sides = world
    proposed = steps.propose_pairs(with_options(context), photo_set(sides), sides)
    assert len(proposed) == 66
    assert proposed.rules == ("exhaustive",)
    assert done(context) == {}
    scored = steps.screen_pairs(context, sides, proposed)
    assert scored.always.all()
    assert not steps.screen_pairs(with_options(context, pairs__exhaustive_photos=11), sides, proposed).always.any()


def test_neighbours_are_proposed_and_made_once(pile, world):
    context, sides = world
    wanted = {"retrieval__shortlists": ("knn", "mst"), **VLAD}
    proposed = steps.propose_pairs(with_options(context, **wanted), photo_set(sides), sides)
    assert set(proposed.rules) == {"vlad-knn", "vlad-mst"}
    assert done(context) == {"retrieval (vlad codebook)": 1, "retrieval (vlad)": 12, "retrieval (search)": 1}
    best = names_of(sides, proposed.pairs[:10])
    assert sum(pile.scene_of[a] == pile.scene_of[b] for a, b in best) >= 8
    again = steps.propose_pairs(with_options(context, **wanted), photo_set(sides), sides)
    assert done(context) == {"retrieval (vlad)": 0, "retrieval (search)": 0}
    np.testing.assert_array_equal(again.pairs, proposed.pairs)
    np.testing.assert_array_equal(again.proposed_by, proposed.proposed_by)


def test_pairs_of_a_file_are_matched_whatever_their_rank(world, tmp_path):
    context, sides = world
    names = sorted(sides)
    (tmp_path / "pairs.txt").write_text(f"{names[3]} {names[1]}\n{names[0]} {names[9]}\n")
    wanted = {"retrieval__shortlists": ("file",), "retrieval__pairs_file": str(tmp_path / "pairs.txt")}
    few = {"pairs__exhaustive_photos": 2, "pairs__nearest_pairs_per_photo": 1}
    with_options(context, **wanted, **few)
    scored = steps.screen_pairs(context, sides, steps.propose_pairs(context, photo_set(sides), sides))
    matched = steps.match_quickly(context, sides, scored)
    assert set(matched[0].where) == {(names[1], names[3]), (names[0], names[9])}


def test_photos_without_a_time_are_told_of(world):
    context, sides = world
    proposed = steps.propose_pairs(with_options(context, retrieval__shortlists=("sequence",)), photo_set(sides), sides)
    times = {name: side.photo.taken_at_s for name, side in sides.items()}
    if any(time_s is not None for time_s in times.values()):
        assert all(None not in (times[a], times[b]) for a, b in names_of(sides, proposed.pairs))
    else:
        assert len(proposed) == 0
        assert any("no photo tells when it was taken" in notice for notice in context.notices)


def test_growth_finds_what_a_chain_of_pairs_promises(pile, world, tmp_path):
    """Of each scene a chain of pairs is proposed; growth has to find the others, and no pair across scenes."""
    context, sides = world
    chains = [pile.names("market"), pile.names("lane")]
    every = steps.propose_pairs(with_options(context), photo_set(sides), sides)
    whole = steps.verify_pairs(
        context, sides, steps.match_quickly(context, sides, steps.screen_pairs(context, sides, every))
    )
    graph = {frozenset(pair) for pair in whole.inliers}
    links = []
    for chain in chains:
        # A chain along verified pairs, greedily.
        joined = [chain[0]]
        while len(joined) < len(chain):
            links.append(next((a, b) for a in joined for b in chain if b not in joined and frozenset((a, b)) in graph))
            joined.append(links[-1][1])
    (tmp_path / "pairs.txt").write_text("".join(f"{a} {b}\n" for a, b in links))
    wanted = {
        "retrieval__shortlists": ("file", "growth"),
        "retrieval__pairs_file": str(tmp_path / "pairs.txt"),
        "pairs__exhaustive_photos": 2,
    }
    with_options(context, **wanted)
    scored = steps.screen_pairs(context, sides, steps.propose_pairs(context, photo_set(sides), sides))
    matched = steps.match_quickly(context, sides, scored)
    before = steps.verify_pairs(context, sides, matched)
    assert {frozenset(pair) for pair in before.inliers} == {frozenset(link) for link in links}
    grown = steps.grow(context, sides, scored, matched, before)
    found = {frozenset(pair) for pair in grown.verified.inliers}
    within = {pair for pair in graph if len({pile.scene_of[name] for name in pair}) == 1}
    assert len(found & within) >= 0.9 * len(within)
    assert grown.verified.inliers.items() >= before.inliers.items()
    assert {frozenset(pair) for pair in grown.matched[0].where} >= found
    assert len(grown.scored) == len(grown.matched[0].where)
    # Without being asked for, nothing grows.
    with_options(context, **{**wanted, "retrieval__shortlists": ("file",)})
    same = steps.grow(context, sides, scored, matched, before)
    assert same.verified is before


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """Fifty small photos of other things: as many as a fusion needs to be learned from."""
    folder = tmp_path_factory.mktemp("others")
    for seed in range(50):
        Image.fromarray(textured(80, 96, seed)).save(folder / f"{seed:02d}.png")
    return folder


def test_what_was_learned_from_other_photos_is_used(world, others, tmp_path):
    context, sides = world
    wanted = {"retrieval__shortlists": ("knn",), "retrieval__fusion": "independent", **VLAD}
    written = training.fit(others, tmp_path / "trained", options(**wanted))
    assert [path.name for path in written] == ["vlad-codebook.npz", "fusion.npz"]
    trained = {**wanted, "retrieval__trained": str(tmp_path / "trained")}
    proposed = steps.propose_pairs(with_options(context, **trained), photo_set(sides), sides)
    assert proposed.rules == ("fused-knn",)
    # Photos with the codebook of others have other descriptors than with their own.
    stored = [steps.describe_photos(with_options(context, **some), sides) for some in (trained, wanted)]
    first, second = (work.load_descriptors(context.workspace.shard_root, each)["vlad"] for each in stored)
    assert first.shape != second.shape or not np.array_equal(first, second)
    (tmp_path / "trained" / "vlad-codebook.npz").write_bytes(b"nothing")
    with pytest.raises(OptionError, match=r"holds no codebook of vlad"):
        steps.propose_pairs(with_options(context, **trained), photo_set(sides), sides)
    (tmp_path / "trained" / "vlad-codebook.npz").unlink()
    with pytest.raises(OptionError, match=r"has no vlad-codebook.npz; make it with: scenesort retrieval fit"):
        steps.propose_pairs(with_options(context, **trained), photo_set(sides), sides)
    with pytest.raises(OptionError, match=r"retrieval.trained is given"):
        training.fit(others, tmp_path / "more", options(**trained))


def test_a_blank_photo_does_not_spoil_what_is_learned(others, tmp_path):
    folder = tmp_path / "photos"
    shutil.copytree(others, folder)
    Image.new("RGB", (90, 70), (128, 128, 128)).save(folder / "blank.png")
    wanted = options(retrieval__shortlists=("knn",), retrieval__fusion="independent", **VLAD)
    assert len(training.fit(folder, tmp_path / "trained", wanted)) == 2


def test_what_is_asked_for_wrongly_is_told_before_any_work(tmp_path):
    (tmp_path / "pairs.txt").write_text("a b")
    (tmp_path / "groups.csv").write_text("photo,scene\na,b\n")
    pairs, groups = str(tmp_path / "pairs.txt"), str(tmp_path / "groups.csv")
    for values, message in [
        ({"shortlists": ("file",)}, "needs retrieval.pairs_file: give it, or use --pairs FILE"),
        ({"shortlists": ("file",), "pairs_file": "nowhere.txt"}, "nowhere.txt: there is no such file"),
        ({"pairs_file": pairs}, "is given and not used"),
        ({"groups_file": "nowhere.csv"}, "nowhere.csv: there is no such file"),
        ({"groups_file": groups, "clusters": "mst"}, "both group the photos: give one"),
        ({"shortlists": ("knn",), "trained": str(tmp_path)}, "has no vlad-codebook.npz"),
        ({"shortlists": ("knn",), "descriptors": ("captions",)}, "captions needs a sentence model"),
        ({"shortlists": ("growth",)}, "nothing to grow from"),
        ({"clusters": "kmeans"}, "no clustering member 'kmeans'"),
    ]:
        wanted = options(**{f"retrieval__{name}": value for name, value in values.items()})
        with pytest.raises(OptionError, match=message):
            check_retrieval(wanted, 500, is_nested=False)
    nested = options(retrieval__shortlists=("file",), retrieval__pairs_file=pairs)
    with pytest.raises(OptionError, match="holds the pairs of one collection"):
        check_retrieval(nested, 500, is_nested=True)
    with pytest.raises(OptionError, match="has no column dataset"):
        check_retrieval(options(retrieval__groups_file=groups), 500, is_nested=True)
    clip = options(retrieval__shortlists=("knn",), retrieval__descriptors=("clip",))
    with pytest.raises(OptionError, match=r"clip has no model of its own: add clip\.model=FOLDER"):
        needed_weights(clip, 500)


def test_a_fusion_is_not_learned_from_a_few_photos(pile, tmp_path):
    few = options(retrieval__fusion="shared", retrieval__shortlists=("knn",), **VLAD)
    with pytest.raises(NoPhotosError, match=r"has 6 photos of use; a fusion needs 50 or more"):
        training.fit(pile.copy(pile.names("market"), tmp_path / "few"), tmp_path / "out", few)
    assert not (tmp_path / "out").exists()


def test_groups_of_a_file_are_each_a_collection(pile, world, tmp_path):
    context, sides = world
    names = sorted(sides)
    rows = [f"{name},{'one' if row < 5 else 'two' if row < 9 else 'outliers'}" for row, name in enumerate(names)]
    (tmp_path / "groups.csv").write_text("photo,scene\n" + "\n".join(rows) + "\n")
    wanted = {"retrieval__groups_file": str(tmp_path / "groups.csv"), "pairs__exhaustive_photos": 4}
    found = photo_set(sides)
    with_options(context, **wanted)
    groups = steps.find_groups(context, "pile", found, sides)
    assert groups.sizes.tolist() == [5] * 5 + [4] * 4 + [0] * 3
    proposed = steps.propose_pairs(context, photo_set(sides), sides, groups)
    expected = {*itertools.combinations(range(5), 2), *itertools.combinations(range(5, 9), 2)}
    assert {tuple(pair) for pair in proposed.pairs.tolist()} == expected
    scored = steps.screen_pairs(context, sides, proposed, groups)
    assert scored.always.tolist() == [first >= 5 for first, _ in scored.pairs.tolist()]
    written = read_rows(context.workspace.path("clusters.csv"))
    assert [row["cluster"] for row in written] == ["one"] * 5 + ["two"] * 4 + ["-1"] * 3
    # What is written is read back, and neighbours stay inside as well.
    again = {**VLAD, "retrieval__groups_file": str(context.workspace.path("clusters.csv"))}
    with_options(context, **again, retrieval__shortlists=("knn",))
    same = steps.find_groups(context, "pile", found, sides)
    np.testing.assert_array_equal(same.labels, groups.labels)
    assert {
        tuple(pair) for pair in steps.propose_pairs(context, photo_set(sides), sides, same).pairs.tolist()
    } <= expected


def test_large_and_small_groups_are_each_searched_by_themselves(world):
    """Groups of seven and four: the small one is screened whole, the large one keeps its floor of neighbours."""
    context, sides = world
    labels = np.array([0] * 7 + [1] * 4 + [-1])
    groups = FoundGroups(labels, is_gate=True)
    with_options(context, **VLAD, retrieval__screened_photos=4, retrieval__shortlists=("auto",))
    proposed = steps.propose_pairs(context, photo_set(sides), sides, groups)
    pairs = {tuple(pair) for pair in proposed.pairs.tolist()}
    assert all(labels[a] == labels[b] >= 0 for a, b in pairs)
    assert pairs >= set(itertools.combinations(range(7, 11), 2))
    wanted = neighbours_wanted(7, 1)
    for photo in range(7):
        assert sum(photo in pair for pair in pairs) >= wanted
    assert set(proposed.rules) == {"exhaustive", "vlad-knn"}


@pytest.mark.parametrize("member", ["mst", "hdbscan", "leiden"])
def test_clusters_gate_or_order_the_pairs(world, member):
    context, sides = world
    found = photo_set(sides)
    wanted = {"retrieval__clusters": member, **VLAD}
    gate = steps.find_groups(with_options(context, **wanted), "pile", found, sides)
    assert gate.is_gate
    assert len(gate.labels) == 12
    assert all(
        gate.labels[a] == gate.labels[b] >= 0
        for a, b in steps.propose_pairs(context, photo_set(sides), sides, gate).pairs
    )
    order = steps.find_groups(with_options(context, **wanted, retrieval__cluster_use="order"), "pile", found, sides)
    assert done(context)["retrieval (clusters)"] == 0
    np.testing.assert_array_equal(order.labels, gate.labels)
    proposed = steps.propose_pairs(context, photo_set(sides), sides, order)
    assert len(proposed) == 66
    scored = steps.screen_pairs(context, sides, proposed, order)
    np.testing.assert_array_equal(scored.first_group, order.labels)


@pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None, reason="needs transformers: pip install 'scenesort[models]'"
)
def test_what_a_model_said_of_each_photo_is_kept(world, tmp_path):
    """A tiny LLaVA and a tiny sentence model with random weights, through the loading path of real ones."""
    context, sides = world
    model, sentences = save_llava(tmp_path / "llava"), save_sentence_model(tmp_path / "sentences")
    members = (f"captions.model={model}", f"captions.sentence_model={sentences}", "captions.max_new_tokens=4")
    wanted = {"retrieval__descriptors": ("captions",), "retrieval__shortlists": ("knn",)}
    with_options(context, **wanted, retrieval__members=members)
    proposed = steps.propose_pairs(context, photo_set(sides), sides)
    assert proposed.rules == ("captions-knn",)
    assert len(proposed) > 0
    said = read_rows(context.workspace.path("captions.csv"))
    assert [row["photo"] for row in said] == sorted(sides)
    assert all(row["caption"].strip() for row in said)
    # Another prompt is another descriptor; the same one is not asked again.
    steps.describe_photos(with_options(context, **wanted, retrieval__members=members), sides)
    assert done(context) == {"retrieval (captions)": 0}
    asked = (*members, "captions.prompts=what is it")
    steps.describe_photos(with_options(context, **wanted, retrieval__members=asked), sides)
    assert done(context) == {"retrieval (captions)": 12}


def test_looks_of_some_photos_are_rows_of_all_photos_descriptors(world):
    context, sides = world
    with_options(context, **VLAD)
    some = sorted(sides)[1::3]
    looks = global_looks(context, sides, "vlad", some)
    described = steps.describe_photos(context, sides)
    rows = work.load_descriptors(context.workspace.shard_root, described)["vlad"]
    assert set(some) <= set(looks)
    for name in some:
        np.testing.assert_array_equal(looks[name], rows[sorted(sides).index(name)].astype(np.float32))


def test_looks_by_pixels_describe_no_other_photos_and_leave_captions_alone(world, tmp_path):
    context, sides = world
    model, sentences = save_llava(tmp_path / "llava"), save_sentence_model(tmp_path / "sentences")
    members = (f"captions.model={model}", f"captions.sentence_model={sentences}", "captions.max_new_tokens=3")
    with_options(context, retrieval__members=members)
    context.workspace.remove("captions.csv")
    some = sorted(sides)[:3]
    looks = global_looks(context, sides, "captions", some)
    assert sorted(looks) == some
    assert done(context) == {"looks (captions)": 3}
    assert not context.workspace.path("captions.csv").exists()


def test_scores_are_those_of_any_other_order_of_blocks(world):
    context, sides = world
    with_options(context)
    every = np.array(list(itertools.combinations(range(len(sides)), 2)))
    scores = steps.score_pairs(context, sides, every)
    some = np.random.default_rng(0).permutation(len(every))[:20]
    np.testing.assert_array_equal(steps.score_pairs(context, sides, every[some]), scores[some])
