"""The main job from a folder of photos to the run folder, on rendered photos with known cameras and on real ones."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pycolmap
import pytest
from PIL import Image

import scenesort
from rendered import QUICK, models, numbers, options, read_rows, shards, write_rows
from scenesort import evaluation, plugins
from scenesort.errors import NoPhotosError, OptionError, WorkspaceError
from scenesort.types import PosedPhoto, PosedScene
from scenesort.workspace import Workspace

pytest_plugins = ["rendered"]

TOYS = Path(__file__).parents[2] / "shared" / "data" / "dev" / "toys"


def stages(result, name="pile"):
    """Return the stages of a run by name; of a stage that ran twice, both counted together."""
    counts = {}
    for stage in result.collections[name].stages:
        done, reused = counts.get(stage.name, (0, 0))
        counts[stage.name] = (done + stage.done, reused + stage.reused)
    return counts


def angles_deg(scene, pose_of):
    """Return by photo the angle between its rotation and the true one, after the similarity that fits the centres."""
    true = {photo.name: pose_of[photo.name] for photo in scene.photos}
    centers = np.array([photo.center_in_world for photo in scene.photos])
    true_centers = np.array([-pose[:, :3].T @ pose[:, 3] for pose in true.values()])
    u, _, vt = np.linalg.svd((true_centers - true_centers.mean(0)).T @ (centers - centers.mean(0)))
    true_from_ours = u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt
    angles = {}
    for photo in scene.photos:
        difference = true[photo.name][:, :3] @ true_from_ours @ photo.cam_from_world[:, :3].T
        angles[photo.name] = np.degrees(np.arccos(np.clip((np.trace(difference) - 1) / 2, -1, 1)))
    return angles


class TestRenderedPile:
    def test_scenes_are_the_true_ones(self, pile, finished):
        found = {scene.members for scene in finished.scenes}
        assert found == {tuple(pile.names("market")), tuple(pile.names("lane"))}
        assert finished.collections["pile"].outliers == tuple(pile.names("outliers"))

    def test_score(self, pile, finished):
        assert finished.evaluation.score >= 90
        again = evaluation.score(pile.labels, finished.out / "submission.csv", pile.thresholds)
        assert again.to_json() == finished.evaluation.to_json()
        assert json.loads((finished.out / "summary.json").read_text())["evaluation"] == again.to_json()

    def test_rotations_are_those_of_the_stored_pixels(self, pile, finished):
        angles = {}
        for scene in finished.scenes:
            angles |= angles_deg(scene, pile.pose_of)
        assert pile.turned in angles
        assert max(angles.values()) < 2

    def test_result_is_typed(self, pile, finished):
        assert isinstance(finished, scenesort.RunResult)
        assert isinstance(finished.evaluation, scenesort.Evaluation)
        collection = finished.collections["pile"]
        assert isinstance(collection, scenesort.CollectionResult)
        assert collection.num_posed == 11
        for scene in finished.scenes:
            assert isinstance(scene, PosedScene)
            assert scene.points_xyz.shape == (len(scene.points_rgb), 3)
            assert (scene.points_xyz.dtype, scene.points_rgb.dtype) == (np.float64, np.uint8)
            assert np.all(np.isfinite(scene.points_xyz))
            for photo in scene.photos:
                assert isinstance(photo, PosedPhoto)
                assert isinstance(photo.camera, scenesort.Camera)
                rotation = photo.cam_from_world[:, :3]
                assert np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
                assert np.linalg.det(rotation) > 0
                assert photo.point_index.max() < len(scene.points_xyz)
        assert [stage.name for stage in collection.stages][:2] == ["photos", "features"]
        assert all(stage.reused == 0 and stage.seconds >= 0 for stage in collection.stages)

    def test_run_folder(self, pile, finished):
        names = {path.name for path in finished.out.iterdir()}
        assert {"submission.csv", "summary.json", "scenes", "outliers.csv", "skipped.csv", "config.toml"} <= names
        assert {"run.log", "work"} <= names
        assert [row["photo"] for row in read_rows(finished.out / "outliers.csv")] == pile.names("outliers")
        assert read_rows(finished.out / "skipped.csv") == []
        summary = json.loads((finished.out / "summary.json").read_text())
        assert summary["collections"]["pile"]["posed"] == 11
        assert summary["collections"]["pile"]["photos"] == 12
        assert summary["versions"]["pycolmap"] == pycolmap.__version__

    def test_submission_holds_every_photo_once(self, pile, finished):
        rows = read_rows(finished.out / "submission.csv")
        assert [row["image"] for row in rows] == sorted(pile.scene_of)
        assert {row["dataset"] for row in rows} == {"pile"}
        poses = {photo.name: photo.cam_from_world for scene in finished.scenes for photo in scene.photos}
        for row in rows:
            if row["scene"] == "outliers":
                assert np.all(np.isnan(numbers(row["rotation_matrix"])))
            else:
                assert np.array_equal(numbers(row["rotation_matrix"]), poses[row["image"]][:, :3].ravel())
                assert np.array_equal(numbers(row["translation_vector"]), poses[row["image"]][:, 3])

    def test_models_open_in_colmap(self, pile, finished):
        for scene in finished.scenes:
            folder = finished.out / "scenes" / scene.name
            model = pycolmap.Reconstruction(folder / "sparse" / "0")
            images = {image.name: image for image in model.images.values()}
            assert sorted(images) == [photo.name for photo in scene.photos]
            assert {path.name for path in (folder / "images").iterdir()} == set(images)
            assert model.num_points3D() == len(scene.points_xyz) > 100
            for photo in scene.photos:
                assert (folder / "images" / photo.name).read_bytes() == (pile.photos / photo.name).read_bytes()
                assert np.allclose(images[photo.name].cam_from_world().matrix(), photo.cam_from_world, atol=1e-12)
                with Image.open(pile.photos / photo.name) as stored:
                    size = stored.size
                camera = model.camera(images[photo.name].camera_id)
                assert (camera.width, camera.height) == size
                pixels = np.array([point.xy for point in images[photo.name].points2D if point.has_point3D()])
                assert len(pixels) == len(photo.point_index)
                assert np.all((pixels >= 0) & (pixels <= size))
            errors = [point.error for point in model.points3D.values()]
            assert np.mean(errors) < 1.5

    def test_points_project_onto_their_keypoints(self, finished):
        # Proves that poses, cameras and keypoints speak of the same pixels, in the turned photo too.
        for scene in finished.scenes:
            model = pycolmap.Reconstruction(finished.out / "scenes" / scene.name / "sparse" / "0")
            for image in model.images.values():
                seen = [point for point in image.points2D if point.has_point3D()]
                projected = [image.project_point(model.point3D(point.point3D_id).xyz) for point in seen]
                misses = np.linalg.norm(np.array(projected) - np.array([point.xy for point in seen]), axis=1)
                assert np.median(misses) < 2, image.name

    def test_points_have_the_photos_colours(self, pile, finished):
        for scene in finished.scenes:
            assert scene.points_rgb.astype(float).std() > 10
            misses = []
            for photo in scene.photos:
                with Image.open(pile.photos / photo.name) as stored:
                    pixels = np.asarray(stored.convert("RGB")).astype(float)
                columns, rows = np.floor(photo.keypoints_px).astype(int).T
                misses += list(np.abs(pixels[rows, columns] - scene.points_rgb[photo.point_index]).mean(axis=1))
            assert np.median(misses) < 30

    def test_scene_tables(self, finished):
        for scene in finished.scenes:
            rows = read_rows(finished.out / "scenes" / scene.name / "photos.csv")
            assert [row["photo"] for row in rows] == list(scene.members)
            centers = {photo.name: photo.center_in_world for photo in scene.photos}
            for row in rows:
                assert row["posed"] == "yes"
                assert [float(row[f"center_{axis}"]) for axis in "xyz"] == list(centers[row["photo"]])


class TestSameTwice:
    def test_with_two_workers_from_a_fresh_folder_and_without_labels(self, finished, by_two):
        assert by_two.evaluation is None
        assert (by_two.out / "submission.csv").read_bytes() == (finished.out / "submission.csv").read_bytes()
        assert models(by_two.out) == models(finished.out)
        assert len(models(by_two.out)) >= 6

    def test_labels_change_nothing_but_the_evaluation(self, finished, by_two):
        with_labels, without = (json.loads((run.out / "summary.json").read_text()) for run in (finished, by_two))
        assert without["evaluation"] is None
        for summary in (with_labels, without):
            for entry in summary["collections"]["pile"]["stages"]:
                for measured in ("seconds", "cpu_s", "peak_memory_mb", "parent_memory_mb"):
                    del entry[measured]
            del summary["workers"], summary["options"]["execution"]
        assert {**with_labels, "evaluation": None} == without

    def test_a_cache_spares_the_work(self, pile, cache, by_two, tmp_path):
        before = shards(cache)
        result = scenesort.run(pile.photos, tmp_path / "out", options=options(), cache=cache)
        assert shards(cache) == before
        assert not shards(tmp_path / "out")
        assert all(done == 0 for name, (done, _) in stages(result).items() if name not in ("photos", "colours"))
        assert stages(result)["features"][0] == stages(result)["matching"][0] == 0
        assert (tmp_path / "out" / "submission.csv").read_bytes() == (by_two.out / "submission.csv").read_bytes()


RUN = """
import json, sys
import scenesort
values = json.loads(sys.argv[3])
scenesort.run(sys.argv[1], sys.argv[2], options=scenesort.with_values(scenesort.preset("fast"), values))
"""


def start(photos, out, **more):
    """Start a run in a process of its own."""
    values = {name: list(value) if isinstance(value, tuple) else value for name, value in {**QUICK, **more}.items()}
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(photos), str(out), json.dumps(values)],
        env={**os.environ, "TMPDIR": str(out.parent)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def children(pid):
    """Return the process numbers of a process's children."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def is_alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def wait_until(condition, limit_s):
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for child processes in /proc")
def posed_in(out):
    """The number of photos that a run's submission gives a pose at the moment."""
    return sum("nan" not in row["rotation_matrix"] for row in read_rows(out / "submission.csv"))


class TestKillAndResume:
    MOMENTS = (("features", 2), ("features", 9), ("matches", 1), ("geometries", 1), ("models", 1), ("posed", 1))

    @pytest.fixture(scope="class")
    def killed(self, pile, tmp_path_factory):
        """A run killed at several moments, one after the other, and then left to end: its folder and what was seen."""
        out = tmp_path_factory.mktemp("killed") / "out"
        store = out / "work" / "shards"
        kept, orphans, kills, posed = {}, set(), 0, []
        for kind, count in self.MOMENTS:
            process = start(pile.photos, out, **{"execution.workers": 2})
            workers = set()

            def is_time(kind=kind, count=count, process=process, workers=workers):
                with contextlib.suppress(OSError):
                    workers.update(children(process.pid))
                made = posed_in(out) if kind == "posed" else len(list((store / kind).glob("*/*.safetensors")))
                # Earlier moments may have left enough: the run must be at work all the same.
                return process.poll() is not None or (made >= count and bool(workers))

            assert wait_until(is_time, 300)
            if process.poll() is None:
                workers |= set(children(process.pid))
                process.send_signal(signal.SIGKILL)
                kills += 1
            assert process.wait(30) in (0, -signal.SIGKILL), process.stderr.read()
            process.stderr.close()
            assert workers
            # Raises if a row is missing or broken.
            evaluation.score(pile.labels, out / "submission.csv", pile.thresholds)
            posed.append(posed_in(out))
            if not wait_until(lambda workers=workers: not any(map(is_alive, workers)), 20):
                orphans |= {pid for pid in workers if is_alive(pid)}
            now = shards(store)
            assert {name: now.get(name) for name in kept} == kept, f"made again before {kind}"
            kept = now
        process = start(pile.photos, out)
        _, problems = process.communicate(timeout=600)
        assert process.returncode == 0, problems
        return out, kept, orphans, kills, posed

    def test_a_valid_submission_stands_at_every_moment_and_only_gets_better(self, killed):
        posed = killed[4]
        assert posed[0] == 0
        assert posed == sorted(posed)
        assert posed[-1] > 0

    def test_no_child_outlives_its_parent(self, killed):
        orphans, kills = killed[2:4]
        assert kills >= 3
        assert not orphans

    def test_finished_work_is_not_done_again(self, killed):
        out, kept = killed[:2]
        now = shards(out / "work" / "shards")
        assert {name: now[name] for name in kept} == kept
        reports = json.loads((out / "summary.json").read_text())["collections"]["pile"]["stages"]
        reused = {report["name"]: report["reused"] for report in reports if report["reused"]}
        assert reused["features"] == 12
        assert reused["matching"] == 66
        assert reused["mapping"] >= 5

    def test_result_is_that_of_an_uninterrupted_run(self, killed, finished):
        out = killed[0]
        assert (out / "submission.csv").read_bytes() == (finished.out / "submission.csv").read_bytes()
        assert models(out) == models(finished.out)

    def test_nothing_half_written_is_left(self, killed, finished):
        out = killed[0]
        names = {path.relative_to(out).as_posix() for path in out.rglob("*")}
        assert names == {path.relative_to(finished.out).as_posix() for path in finished.out.rglob("*")}
        assert list(out.parent.iterdir()) == [out]  # where temporary files would be


class TestDamage:
    @pytest.mark.parametrize("num_features", [1, 4])
    def test_damaged_artefacts_are_made_again(self, pile, finished, tmp_path, num_features):
        out = tmp_path / "out"
        shutil.copytree(finished.out, out, symlinks=True)
        store = out / "work" / "shards"
        for kind in ("screening", "geometries", "models"):
            shutil.rmtree(store / kind)
        damaged = [*sorted((store / "features").rglob("*.safetensors"))[:num_features]]
        damaged.append(next((store / "matches").rglob("*.safetensors")))
        for path in damaged:
            os.truncate(path, path.stat().st_size // 2)
        result = scenesort.run(pile.photos, out, options=options())
        assert (out / "submission.csv").read_bytes() == (finished.out / "submission.csv").read_bytes()
        assert models(out) == models(finished.out)
        assert stages(result)["features"][0] == num_features
        assert any("damaged" in notice for notice in result.collections["pile"].notices)


class TestPairsByRetrieval:
    """What collections above `retrieval.screened_photos` go through, forced upon a small one."""

    SEARCHED = {  # noqa: RUF012
        "retrieval__shortlists": ("knn", "growth"),
        "retrieval__descriptors": ("vlad",),
        "retrieval__neighbours": 2,
        "pairs__exhaustive_photos": 2,
        "pairs__nearest_pairs_per_photo": 4,
    }

    @pytest.fixture(scope="class")
    def searched(self, pile, tmp_path_factory):
        out = tmp_path_factory.mktemp("searched") / "out"
        return scenesort.run(pile.photos, out, options=options(**self.SEARCHED))

    def test_scenes_are_the_true_ones(self, pile, searched):
        assert {scene.members for scene in searched.scenes} == {tuple(pile.names("market")), tuple(pile.names("lane"))}
        counts = stages(searched)
        assert counts["retrieval (vlad)"] == (12, 0)
        assert counts["matching"][0] < 66
        assert counts["matching (growth)"][0] > 0

    def test_two_workers_find_the_same(self, pile, searched, cache, tmp_path):
        wanted = options(execution__workers=2, **self.SEARCHED)
        result = scenesort.run(pile.photos, tmp_path / "out", options=wanted, cache=cache)
        assert (result.out / "submission.csv").read_bytes() == (searched.out / "submission.csv").read_bytes()
        assert models(result.out) == models(searched.out)

    @pytest.mark.parametrize("kinds", [("descriptors",), ("codebooks", "proposals"), ("proposals", "screening")])
    def test_damaged_artefacts_are_made_again(self, pile, searched, tmp_path, kinds):
        out = tmp_path / "out"
        shutil.copytree(searched.out, out, symlinks=True)
        for kind in kinds:
            for path in (out / "work" / "shards" / kind).rglob("*.safetensors"):
                os.truncate(path, path.stat().st_size // 2)
        shutil.rmtree(out / "work" / "shards" / "models")
        result = scenesort.run(pile.photos, out, options=options(**self.SEARCHED))
        assert (out / "submission.csv").read_bytes() == (searched.out / "submission.csv").read_bytes()
        assert stages(result)["features"][0] == stages(result)["matching"][0] == 0


FRAGILE = """
import os, time
from scenesort.mapping.incremental import Incremental


class Fragile(Incremental):
    name = "fragile"
    version = "1"

    def map(self, task, folder):
        if len(task.photos) == 6:
            if task.attempt == 0:
                os.abort()
            return super().map(task, folder)
        if task.attempt == 0:
            time.sleep(600)
        os._exit(7)
"""


@pytest.fixture
def fragile_member(tmp_path, monkeypatch):
    """Call it with the source of a mapping member `Fragile` to install it as `fragile`."""

    def install(source):
        site = tmp_path / "site"
        info = site / "fragile-1.0.dist-info"
        info.mkdir(parents=True)
        (site / "fragile.py").write_text(textwrap.dedent(source))
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fragile\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[scenesort.mapping]\nfragile = fragile:Fragile\n")
        monkeypatch.syspath_prepend(str(site))
        plugins._members.cache_clear()

    yield install
    plugins._members.cache_clear()
    sys.modules.pop("fragile", None)


class TestMapperThatFails:
    def test_costs_its_part_alone(self, pile, cache, by_two, fragile_member, tmp_path):
        """Of a mapping member that aborts once on six photos, and hangs, then exits, on any other number."""
        fragile_member(FRAGILE)
        chosen = options(
            mapping__backend="fragile",
            mapping__share_cameras="never",
            mapping__timeout_s=20,
            execution__workers=2,
        )
        started = time.monotonic()
        result = scenesort.run(pile.photos, tmp_path / "out", options=chosen, cache=cache)
        assert time.monotonic() - started < 120
        scene, lane = result.scenes
        assert scene.members == tuple(pile.names("market"))
        assert (lane.photos, lane.unposed) == ((), tuple(pile.names("lane")))
        collection = result.collections["pile"]
        assert collection.outliers == tuple(pile.names("outliers"))
        market, lane = (
            [notice for notice in collection.notices if notice.startswith(f"mapping {count} photos")]
            for count in (6, 5)
        )
        assert len(market) == 1
        assert "SIGABRT" in market[0]
        assert "once more" in market[0]
        assert len(lane) == 2
        assert "time limit" in lane[0]
        assert "no poses" in lane[1]
        rows = read_rows(tmp_path / "out" / "submission.csv")
        assert [row["image"] for row in rows if row["scene"] == scene.name] == pile.names("market")
        assert len(rows) == 12
        summary = json.loads((tmp_path / "out" / "summary.json").read_text())
        assert summary["collections"]["pile"]["notices"] == list(collection.notices)


class TestTries:
    def test_every_part_is_mapped_again_on_another_path(self, pile, cache, by_two, tmp_path):
        chosen = options(mapping__tries=3)
        result = scenesort.run(pile.photos, tmp_path / "out", options=chosen, cache=cache)
        assert {scene.members for scene in result.scenes} == {scene.members for scene in by_two.scenes}
        # Six photos with EXIF are mapped in one way, five without in two; then each twice more.
        assert stages(result)["mapping"] == (0, 6 + 2 * 5)
        assert stages(result)["mapping (again)"] == (2 * 6 + 2 * 5, 0)
        again = scenesort.run(pile.photos, tmp_path / "again", options=chosen, cache=cache)
        assert stages(again)["mapping (again)"] == (0, 2 * 6 + 2 * 5)
        assert models(tmp_path / "again") == models(tmp_path / "out")

    def test_a_further_try_that_fails_costs_nothing(self, pile, cache, by_two, fragile_member, tmp_path):
        fragile_member(
            """
            from scenesort.mapping.incremental import Incremental

            class Fragile(Incremental):
                name = "fragile"
                version = "2"

                def map(self, task, folder):
                    if task.trial:
                        raise RuntimeError("no way")
                    return super().map(task, folder)
            """
        )
        chosen = options(mapping__backend="fragile", mapping__tries=2, mapping__share_cameras="never")
        result = scenesort.run(pile.photos, tmp_path / "out", options=chosen, cache=cache)
        assert {scene.members for scene in result.scenes} == {scene.members for scene in by_two.scenes}
        failed = [notice for notice in result.collections["pile"].notices if "no way" in notice]
        assert len(failed) == 2
        assert all("the models of other tries are kept" in notice for notice in failed)


class TestLock:
    def test_second_run_on_the_same_folder_is_refused(self, pile, tmp_path):
        with Workspace.open(tmp_path / "out"), pytest.raises(WorkspaceError, match="in use"):
            scenesort.run(pile.photos, tmp_path / "out", options=options())


class TestCollections:
    @pytest.fixture(scope="class")
    def layout(self, pile, cache, by_two, tmp_path_factory):
        """Two collections made of the pile's photos, run with labels and a sample submission in an order of its own."""
        folder = tmp_path_factory.mktemp("collections")
        contents = {"alpha": pile.names("market"), "beta": [*pile.names("lane"), *pile.names("outliers")]}
        for name, photos in contents.items():
            pile.copy(photos, folder / "in" / name)
        (folder / "in" / ".hidden").mkdir()
        (folder / "in" / "readme.txt").write_text("no photo")
        pairs = [(name, photo) for name, photos in contents.items() for photo in photos]
        shuffled = [pairs[index] for index in np.random.default_rng(0).permutation(len(pairs))]
        sample = [
            {"image_id": f"{dataset}_{photo}_public", "dataset": dataset, "scene": "cluster1", "image": photo}
            | {"rotation_matrix": "nan", "translation_vector": "nan"}
            for dataset, photo in shuffled
        ]
        write_rows(folder / "sample.csv", sample)
        truth = pile.write_labels(folder, contents)
        result = scenesort.run(
            collections=folder / "in",
            out=folder / "in" / "results",
            options=options(),
            sample=folder / "sample.csv",
            cache=cache,
            **truth,
        )
        return folder, contents, sample, truth, result

    def test_each_folder_is_a_collection(self, layout):
        _, contents, _, _, result = layout
        assert list(result.collections) == ["alpha", "beta"]
        for name, photos in contents.items():
            assert [row.image for row in result.collections[name].rows] == sorted(photos)
            assert len(result.collections[name].scenes) == 1
            rows = read_rows(result.out / name / "submission.csv")
            assert [row["image"] for row in rows] == sorted(photos)
            assert (result.out / name / "scenes" / "scene_01" / "sparse" / "0" / "images.bin").is_file()
        assert set(json.loads((result.out / "summary.json").read_text())["collections"]) == set(contents)
        assert min(scored.score for scored in result.evaluation.collections.values()) >= 90

    def test_submission_is_like_the_sample(self, layout):
        _, _, sample, truth, result = layout
        rows = read_rows(result.out / "submission.csv")
        assert list(rows[0]) == list(sample[0])
        for key in ("image_id", "dataset", "image"):
            assert [row[key] for row in rows] == [row[key] for row in sample]
        scored = evaluation.score(truth["labels"], result.out / "submission.csv", truth["thresholds"])
        assert scored.score == result.evaluation.score

    def test_results_among_the_collections_are_not_a_collection(self, layout, cache):
        folder, _, _, _, result = layout
        again = scenesort.run(collections=folder / "in", out=folder / "in" / "results", options=options(), cache=cache)
        assert list(again.collections) == ["alpha", "beta"]
        assert again.collections["alpha"].outliers == result.collections["alpha"].outliers

    def test_the_other_kind_of_run_needs_a_folder_of_its_own(self, layout, cache):
        folder, _, _, _, result = layout
        before = (result.out / "submission.csv").read_bytes()
        with pytest.raises(WorkspaceError, match=r"several collections.*give another folder"):
            scenesort.run(folder / "in" / "alpha", result.out, options=options(), cache=cache)
        assert (result.out / "submission.csv").read_bytes() == before

    def test_labels_without_thresholds(self, pile, tmp_path):
        with pytest.raises(OptionError, match="thresholds"):
            scenesort.run(pile.photos, tmp_path / "out", options=options(), labels=pile.labels)


class TestOddPhotos:
    BAD = ("cut.jpg", "empty.jpg", "noise.png", "text.jpg")

    @pytest.fixture(scope="class")
    def odd(self, pile, cache, by_two, tmp_path_factory):
        """A scene's photos among bad files and a copy; one with a mask, one with a known camera; OUT inside PHOTOS."""
        folder = pile.copy(pile.names("market"), tmp_path_factory.mktemp("odd") / "photos")
        plain = [name for name in pile.names("market") if name != pile.turned]
        copied, masked, known = plain[:3]
        (folder / "copies").mkdir()
        shutil.copy(folder / copied, folder / "copies" / "again.jpg")
        (folder / "empty.jpg").write_bytes(b"")
        (folder / "text.jpg").write_text("this is no photo\n" * 50)
        (folder / "noise.png").write_bytes(np.random.default_rng(0).bytes(5000))
        content = (folder / copied).read_bytes()
        (folder / "cut.jpg").write_bytes(content[: len(content) // 2])
        (folder / "notes.txt").write_text("left alone")
        with Image.open(folder / masked) as photo:
            mask = np.full((photo.height, photo.width), 255, np.uint8)
        mask[:, : mask.shape[1] // 3] = 0
        (folder / "masks").mkdir()
        Image.fromarray(mask).save(folder / "masks" / f"{masked}.png")
        table = folder.parent / "cameras.csv"
        header = ("image", "model", "width", "height", "params")
        write_rows(table, [dict(zip(header, pile.cameras[known], strict=True))])
        chosen = options(photos__masks=str(folder / "masks"), photos__cameras_csv=str(table))
        results = [scenesort.run(folder, folder / "out", options=chosen, cache=cache) for _ in range(2)]
        return folder, copied, masked, known, results

    def test_bad_files_are_skipped_and_listed(self, odd):
        folder, _, _, _, (result, _) = odd
        skipped = read_rows(folder / "out" / "skipped.csv")
        assert [row["photo"] for row in skipped] == list(self.BAD)
        assert all(len(row["reason"]) > 10 for row in skipped)
        assert [item.name for item in result.collections["photos"].skipped] == list(self.BAD)

    def test_submission_has_a_row_for_every_file(self, pile, odd):
        folder, copied, _, _, _ = odd
        rows = {row["image"]: row for row in read_rows(folder / "out" / "submission.csv")}
        assert list(rows) == sorted([*pile.names("market"), *self.BAD, "copies/again.jpg"])
        assert {rows[name]["scene"] for name in self.BAD} == {"outliers"}
        original, copy = rows[copied], rows["copies/again.jpg"]
        assert copy["scene"] == original["scene"] != "outliers"
        assert copy["rotation_matrix"] == original["rotation_matrix"]
        assert copy["translation_vector"] == original["translation_vector"]
        assert "nan" not in copy["translation_vector"]

    def test_known_camera_is_kept_to_the_digit(self, pile, odd):
        folder, _, _, known, _ = odd
        _, model, _, _, params = pile.cameras[known]
        found = pycolmap.Reconstruction(folder / "out" / "scenes" / "scene_01" / "sparse" / "0")
        (image,) = (image for image in found.images.values() if image.name == known)
        camera = found.camera(image.camera_id)
        assert camera.model.name == model
        assert camera.params.tolist() == numbers(params).tolist()

    def test_nothing_is_seen_behind_a_mask(self, odd):
        _, _, masked, _, (result, _) = odd
        (photo,) = (photo for scene in result.scenes for photo in scene.photos if photo.name == masked)
        assert len(photo.keypoints_px) > 20
        assert photo.keypoints_px[:, 0].min() >= photo.camera.width_px // 3

    def test_run_folder_among_the_photos_is_no_input(self, odd):
        folder, _, _, _, (first, second) = odd
        assert [row.image for row in second.collections["photos"].rows] == [
            row.image for row in first.collections["photos"].rows
        ]
        assert all(np.array_equal(a.points_xyz, b.points_xyz) for a, b in zip(first.scenes, second.scenes, strict=True))
        assert stages(second, "photos")["features"][0] == stages(second, "photos")["mapping"][0] == 0
        assert (folder / "notes.txt").read_text() == "left alone"


class TestFewPhotos:
    def run(self, names, pile, cache, tmp_path):
        folder = pile.copy(names, tmp_path / "few")
        result = scenesort.run(folder, tmp_path / "out", options=options(), cache=cache)
        rows = read_rows(tmp_path / "out" / "submission.csv")
        assert [row["image"] for row in rows] == sorted(names)
        assert {row["scene"] for row in rows} == {"outliers"}
        assert result.scenes == ()
        assert result.collections["few"].outliers == tuple(sorted(names))
        assert (tmp_path / "out" / "scenes").is_dir()

    def test_one(self, pile, cache, by_two, tmp_path):
        self.run(pile.names("market")[:1], pile, cache, tmp_path)

    def test_two_that_overlap_are_a_scene_without_poses(self, pile, cache, by_two, tmp_path):
        names = pile.names("market")[:2]
        folder = pile.copy(names, tmp_path / "few")
        result = scenesort.run(folder, tmp_path / "out", options=options(), cache=cache)
        (scene,) = result.scenes
        assert (scene.photos, scene.unposed) == ((), tuple(names))
        rows = read_rows(tmp_path / "out" / "submission.csv")
        assert {(row["scene"], row["translation_vector"]) for row in rows} == {("scene_01", "nan;nan;nan")}
        again = scenesort.load(tmp_path / "out")
        assert [(scene.name, scene.photos, scene.unposed) for scene in again.scenes] == [("scene_01", (), tuple(names))]
        assert sorted(path.name for path in (tmp_path / "out" / "scenes" / "scene_01" / "images").rglob("*.*")) == [
            name.rpartition("/")[2] for name in names
        ]

    def test_three_of_nothing_in_common(self, pile, cache, by_two, tmp_path):
        names = [pile.names(scene)[0] for scene in ("market", "lane", "outliers")]
        self.run(names, pile, cache, tmp_path)

    def test_none(self, tmp_path):
        (tmp_path / "few").mkdir()
        (tmp_path / "few" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
        with pytest.raises(NoPhotosError, match=r"broken\.jpg"):
            scenesort.run(tmp_path / "few", tmp_path / "out", options=options())
        with pytest.raises(NoPhotosError, match="doesn't exist"):
            scenesort.run(tmp_path / "nowhere", tmp_path / "out", options=options())


def test_learned_matcher_beside_nearest(pile, cache, by_two, needs_weights, tmp_path):
    needs_weights("xfeat", "xfeat-lighterglue")
    folder = pile.copy(pile.names("market"), tmp_path / "market")
    chosen = options(
        matching__mix=("sift+nearest", "xfeat+lighterglue"),
        features__xfeat_keypoints=512,
        pairs__settled_partners=0,
    )
    truth = pile.write_labels(tmp_path, {"market": pile.names("market")})
    result = scenesort.run(folder, tmp_path / "out", options=chosen, cache=cache, **truth)
    assert stages(result, "market")["matching (learned)"] == (15, 0)
    assert stages(result, "market")["features"] == (6, 6)
    (scene,) = result.scenes
    assert len(scene.photos) == 6
    assert result.evaluation.score >= 90


@pytest.mark.skipif(not TOYS.is_dir(), reason="the real photos of ../shared/data/dev/toys aren't there")
def test_real_photos(tmp_path):
    header, *lines = (TOYS.parent / "train_labels.csv").read_text().splitlines()
    labels = tmp_path / "labels.csv"
    labels.write_text("\n".join([header, *(line for line in lines if line.startswith("toys,"))]) + "\n")
    chosen = scenesort.with_values(
        scenesort.preset("fast"),
        {"matching.mix": "sift+nearest", "mapping.share_cameras": "always", "execution.device": "cpu"},
    )
    result = scenesort.run(
        TOYS, tmp_path / "out", options=chosen, labels=labels, thresholds=TOYS.parent / "train_thresholds.csv"
    )
    collection = result.collections["toys"]
    assert collection.num_posed >= 15
    assert collection.skipped == ()
    assert result.evaluation.score >= 55
