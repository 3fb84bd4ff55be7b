"""The real thing, of minutes: a bundle of the default models, a new environment, no network, a scored submission.

Left out with: pytest --ignore=tests/bundle/test_real_bundle.py
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import scenesort
from scenesort.bundle import BundleRequest, create, verify
from scenesort.commands.options import DEFAULT_PRESET
from scenesort.synthetic import CollectionSpec, SceneSpec, make_collection

NO_NETWORK = """
import socket

FAMILIES = (socket.AF_INET, socket.AF_INET6)


def refuse(*_, **__):
    raise OSError("the test has no network")


class Socket(socket.socket):
    def connect(self, address):
        return refuse() if self.family in FAMILIES else super().connect(address)

    def connect_ex(self, address):
        return refuse() if self.family in FAMILIES else super().connect_ex(address)


socket.socket = Socket
socket.create_connection = socket.getaddrinfo = refuse
"""
"""As `sitecustomize` it holds for every Python of an environment, pip and workers too."""


def called(command: list[str], **variables: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON", "HF_"))}
    environment.pop("SCENESORT_WEIGHTS", None)
    found = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**environment, **variables}, timeout=600
    )
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, needs_weights) -> Path:
    needs_weights("xfeat", "xfeat-lighterglue")
    folder = tmp_path_factory.mktemp("bundle")
    probe = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", str(folder / "probe"), "typer"]
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("pip reaches no package registry")
    create(BundleRequest((DEFAULT_PRESET,)), folder / "made")
    return folder / "made"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a new environment in which nothing connects to anything."""
    environment = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "sitecustomize.py").write_text(NO_NETWORK)
    return environment / "bin" / "python"


def rendered(folder: Path) -> Path:
    """Write five photos of a square, their labels, and a sample submission; returns the folder of collections."""
    scene = SceneSpec("gate", "square", 5, 5, width_px=400, height_px=300)
    photos = make_collection(folder, CollectionSpec("gate", (scene,), 0, 3, 400, 300))
    collections = folder / "collections"
    collections.mkdir()
    photos.rename(collections / photos.name)
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with (folder / "sample.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["image_id", "dataset", "scene", "image", "rotation_matrix", "translation_vector"])
        for number, row in enumerate(reversed(rows)):
            writer.writerow([f"id{number}", row["dataset"], "cluster1", row["image"], *["nan"] * 2])
    return collections


def test_the_notebook_goes_from_the_bundle_to_a_scored_submission(bundle: Path, python: Path, tmp_path: Path) -> None:
    assert verify(bundle).is_good
    blocked = "import socket; socket.create_connection(('127.0.0.1', 9))"
    refused = subprocess.run([str(python), "-c", blocked], capture_output=True, text=True, check=False)
    assert "the test has no network" in refused.stderr
    collections = rendered(tmp_path)
    cells = json.loads((bundle / "scenesort-challenge.ipynb").read_text())["cells"]
    settings, *code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    paths = {
        "BUNDLE": bundle,
        "COLLECTIONS": collections,
        "SAMPLE": tmp_path / "sample.csv",
        "WORK": tmp_path / "work",
        "SUBMISSION": tmp_path / "submission.csv",
    }
    assert all(f"\n{name} = " in settings for name in paths)
    ours = "".join(f"{name} = Path({str(path)!r})\n" for name, path in paths.items())
    script = tmp_path / "notebook.py"
    script.write_text("\n".join([settings, ours, "TARGET = None", *code]))
    printed = called([str(python), str(script)], OMP_NUM_THREADS="1")
    assert "5 of 5 photos posed in 1 scene" in printed
    submission = (tmp_path / "submission.csv").read_text()
    assert [line.partition(",")[0] for line in submission.splitlines()] == ["image_id", *(f"id{n}" for n in range(5))]
    result = scenesort.score(tmp_path / "labels.csv", tmp_path / "submission.csv", tmp_path / "thresholds.csv")
    assert result.score > 60
    where = called([str(python), "-c", "import scenesort, torch; print(scenesort.__file__); print(torch.__file__)"])
    assert all(line.startswith(str(python.parents[1])) for line in where.split())
