"""`scenesort retrieval`, and the options of `scenesort run` that choose pairs, on a rendered pile with SIFT alone."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from rendered import QUICK, read_rows
from scenesort.commands import app
from tiny_models import save, vision_model

pytest_plugins = ["rendered"]

SETTINGS = [f"--set={name}={','.join(value) if isinstance(value, tuple) else value}" for name, value in QUICK.items()]
VLAD = "--set=retrieval.descriptors=vlad"


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("shared-work")


def invoke(*arguments: object) -> Any:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_a_photos_neighbours_are_printed_and_drawn(pile, work, tmp_path):
    name = pile.names("market")[0]
    common = ["-k", 3, "--preset", "fast", *SETTINGS, VLAD, "--cache", work]
    found = invoke("retrieval", "show", pile.photos / name, "-o", tmp_path / "out", "--labels", pile.labels, *common)
    assert found.exit_code == 0, found.output
    blocks = found.stdout.split("\n\n")
    assert [block.splitlines()[0] for block in blocks[:2]] == ["vlad", "screening"]
    for block in blocks[:2]:
        assert block.count("market") >= 2
    assert f"neighbours of {name}, in market" in found.stdout
    picture = np.asarray(Image.open(tmp_path / "out" / "neighbours.jpg"))
    assert picture.shape[1] > 4 * 150
    assert picture.std() > 20

    # Without labels and without a run nothing is known of scenes; a name of the collection does for a path.
    plain = invoke("retrieval", "show", name, "--photos", pile.photos, "-o", tmp_path / "out", "-q", *common)
    assert plain.exit_code == 0, plain.output
    assert "market" not in plain.stdout
    assert plain.stdout.count(".jpg") >= 6


def test_a_photo_that_is_not_there_is_named(pile, work, tmp_path):
    common = ["-o", tmp_path / "out", "--preset", "fast", *SETTINGS, VLAD, "--cache", work]
    found = invoke("retrieval", "show", "nowhere.jpg", "--photos", pile.photos, *common)
    assert found.exit_code != 0
    assert "nowhere.jpg is none of the 12 photos" in found.stderr
    assert "--photos" in found.stderr


def test_what_is_learned_is_written_and_named(pile, work, tmp_path):
    found = invoke(
        "retrieval",
        "fit",
        pile.photos,
        "-o",
        tmp_path / "learned",
        "-q",
        "--preset",
        "fast",
        *SETTINGS,
        VLAD,
        "--cache",
        work,
    )
    assert found.exit_code == 0, found.output
    assert found.stdout.split() == [str(tmp_path / "learned" / "vlad-codebook.npz")]
    assert (tmp_path / "learned" / "vlad-codebook.npz").is_file()


def test_run_matches_the_pairs_of_a_file(pile, work, tmp_path):
    names = pile.names("market")
    lines = [f"{a} {b}" for number, a in enumerate(names) for b in names[number + 1 :]]
    (tmp_path / "pairs.txt").write_text("\n".join(lines))
    found = invoke(
        "run", pile.photos, "-o", tmp_path / "out", "--preset", "fast", *SETTINGS, "--cache", work,
        "--pairs", tmp_path / "pairs.txt",
    )  # fmt: skip
    assert found.exit_code == 0, found.output
    assert f"matching: {len(lines)} to do" in found.stderr
    scenes = {row["image"]: row["scene"] for row in read_rows(tmp_path / "out" / "submission.csv")}
    assert {scenes[name] for name in names} == {"scene_01"}
    assert {scenes[name] for name in pile.names("lane")} == {"outliers"}
    (tmp_path / "pairs.txt").write_text("a.jpg b.jpg")
    wrong = invoke(
        "run",
        pile.photos,
        "-o",
        tmp_path / "out",
        "--preset",
        "fast",
        *SETTINGS,
        "--cache",
        work,
        "--pairs",
        tmp_path / "pairs.txt",
    )
    assert wrong.exit_code != 0
    assert "pairs.txt, line 1: no photo is named 'a.jpg'" in wrong.stderr


def test_run_goes_on_from_given_scenes(pile, work, tmp_path):
    """The market's photos are split in two by hand: geometry would join them, the groups keep them apart."""
    market = pile.names("market")
    groups = {name: "left" if name in market[:3] else "right" for name in market} | dict.fromkeys(
        pile.names("lane"), "street"
    )
    (tmp_path / "groups.csv").write_text(
        "photo,scene\n" + "".join(f"{name},{group}\n" for name, group in groups.items())
    )
    found = invoke(
        "run", pile.photos, "-o", tmp_path / "out", "--preset", "fast", *SETTINGS, "--cache", work,
        "--scenes", tmp_path / "groups.csv",
    )  # fmt: skip
    assert found.exit_code == 0, found.output
    rows = read_rows(tmp_path / "out" / "submission.csv")
    by_scene: dict[str, set[str]] = {}
    for row in rows:
        by_scene.setdefault(row["scene"], set()).add(groups.get(row["image"], "none"))
    by_scene.pop("outliers", None)
    assert len(by_scene) >= 2
    assert all(len(found) == 1 for found in by_scene.values())
    assert (tmp_path / "out" / "clusters.csv").is_file()


@pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None, reason="needs transformers: pip install 'scenesort[models]'"
)
def test_the_baselines_rule_runs_with_a_dinov2_folder(pile, work, tmp_path):
    """A tiny DINOv2 with random weights, through the loading path of a real one, chooses the pairs of a whole run."""
    folder = save(vision_model("dinov2"), tmp_path / "dinov2")
    rule = [
        "--set=retrieval.shortlists=threshold",
        "--set=retrieval.descriptors=dinov2",
        f"--set=retrieval.members=dinov2.model={folder},dinov2.side_px=224",
        "--set=retrieval.least_partners=6",
        "--set=retrieval.max_distance=0.01",
        "--set=pairs.exhaustive_photos=2",
        "--set=pairs.nearest_pairs_per_photo=1000",
    ]
    common = ["--preset", "fast", *SETTINGS, "--cache", work, *rule]
    found = invoke("run", pile.photos, "-o", tmp_path / "out", *common)
    assert found.exit_code == 0, found.output
    assert "retrieval (dinov2): 12 to do" in found.stderr
    assert "retrieval (search)" in found.stderr
    assert (tmp_path / "out" / "submission.csv").is_file()

    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:1000])
    cut = invoke("run", pile.photos, "-o", tmp_path / "cut", *common)
    assert cut.exit_code != 0
    assert "model.safetensors" in cut.stderr
    gone = invoke(
        "run", pile.photos, "-o", tmp_path / "gone", *common, f"--set=retrieval.members=dinov2.model={tmp_path}/no"
    )
    assert gone.exit_code != 0
    assert "is neither a folder nor a name of the weights registry" in gone.stderr


def test_the_baseline_says_that_dinov2_is_missing(pile, tmp_path, monkeypatch):
    monkeypatch.setenv("SCENESORT_WEIGHTS", str(tmp_path / "none"))
    found = invoke(
        "run", pile.photos, "-o", tmp_path / "out", "--preset", "baseline", "--set=retrieval.least_partners=6"
    )
    assert found.exit_code != 0
    assert "dinov2-base" in found.stderr
    assert "scenesort weights fetch" in found.stderr
