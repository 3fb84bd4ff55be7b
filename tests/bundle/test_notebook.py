from __future__ import annotations

import ast
import json
from pathlib import Path

from scenesort.bundle import BundleRequest
from scenesort.bundle.describing import dataset_metadata, notebook_text
from scenesort.commands.options import parse_time


def test_the_notebook_is_one_of_format_4() -> None:
    notebook = json.loads(notebook_text(BundleRequest(("balanced",))))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["metadata"]["kernelspec"]["language"] == "python"
    assert set(notebook) == {"cells", "metadata", "nbformat", "nbformat_minor"}
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in notebook["cells"]:
        assert all(isinstance(line, str) for line in cell["source"])
        assert all(line.endswith("\n") for line in cell["source"][:-1])
        expected = {"cell_type", "id", "metadata", "source"}
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
            expected |= {"outputs", "execution_count"}
            ast.parse("".join(cell["source"]))
        assert set(cell) == expected


def test_its_settings_are_those_of_the_bundle() -> None:
    request = BundleRequest(("dinov2-base", "fast"), dataset="ann/my-bundle")
    cells = json.loads(notebook_text(request))["cells"]
    values: dict[str, object] = {}
    exec("".join(next(cell["source"] for cell in cells if cell["cell_type"] == "code")), values)
    assert values["BUNDLE"] == Path("/kaggle/input/my-bundle")
    assert values["PRESET"] == "fast"
    assert parse_time(str(values["TIME_LIMIT"])) == 8.5 * 3600
    assert values["SUBMISSION"] == Path("/kaggle/working/submission.csv")
    assert "@" not in json.dumps(cells)


def test_titles_and_slugs_are_within_kaggles_limits() -> None:
    request = BundleRequest(("balanced",), dataset=f"ann/{'s' * 47}")
    for part in (1, 99):
        data = json.loads(dataset_metadata(request, "10.10.10.dev100", part, 99))
        assert 6 <= len(data["title"]) <= 50
        assert 3 <= len(data["id"].partition("/")[2]) <= 50
        assert len(data["licenses"]) == 1
