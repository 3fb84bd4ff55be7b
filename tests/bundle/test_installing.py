"""The installer that a bundle carries, as its user starts it: a program of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import bundle_world
import pytest

from scenesort.bundle.standalone import environment, install, machine
from scenesort.bundle.standalone.contents import MANIFEST, BundleFault, read_manifest


def started(bundle: Path, *words: object, status: int = 0) -> str:
    """Run a bundle's installer in a Python that doesn't see scenesort's sources; returns what it printed."""
    command = [sys.executable, str(bundle / "install.py"), *map(str, words)]
    found = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert found.returncode == status, found.stdout + found.stderr
    return found.stdout + found.stderr


def shown(helpers: Path, code: str) -> str:
    """Return what Python code prints after `env.sh`."""
    script = f'. "{helpers}/env.sh" && "{sys.executable}" -c "{code}"'
    found = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    return found.stdout.strip()


@pytest.mark.parametrize("form", ["whole", "parts/part-2"])
def test_a_private_folder_has_the_bundles_packages_weights_and_trees(made: Path, tmp_path: Path, form: str) -> None:
    before = bundle_world.files_below(made / form)
    printed = started(made / form, "--target", tmp_path / "private", "--work", tmp_path / "work")
    assert f"in a notebook:  %run {tmp_path}/work/offline.py" in printed
    code = "import tree, tinydep, os; print(tree.ANSWER, tinydep.__version__, os.environ['HF_HUB_OFFLINE'])"
    assert shown(tmp_path / "work", code) == "42 2.0 1"
    weights = Path(shown(tmp_path / "work", "import os; print(os.environ['SCENESORT_WEIGHTS'])"))
    assert (weights / "tiny.pth").read_bytes() == bundle_world.CONTENT
    assert (form == "whole") == weights.is_relative_to(made)
    assert bundle_world.files_below(made / form) == before


def test_hub_models_are_found_by_scenesort_and_by_the_hubs_library(made: Path, tmp_path: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    started(made / "parts/part-1", "--target", tmp_path / "private", "--work", tmp_path / "work")
    cache = Path(shown(tmp_path / "work", "import os; print(os.environ['HF_HUB_CACHE'])"))
    for name, content in (("config.json", b"{}"), ("sub/model.safetensors", b"model")):
        found = hub.try_to_load_from_cache("org/Tiny-Hub-hf", name, cache_dir=cache)
        assert Path(found).read_bytes() == content


def test_parts_that_lie_apart_are_found_or_named(made: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "a/b/one", tmp_path / "two"
    shutil.copytree(made / "parts/part-1", first)
    printed = started(first, "--check", "--work", tmp_path / "work", status=1)
    assert "missing (part 2)" in printed
    assert "--parts" in printed
    shutil.copytree(made / "parts/part-2", second)
    assert "checked" in started(first, "--check", "--parts", second, "--work", tmp_path / "work")
    assert not (tmp_path / "work").exists()


def test_damage_is_found_before_anything_is_installed(made: Path, tmp_path: Path) -> None:
    bundle = shutil.copytree(made / "whole", tmp_path / "bundle")
    weights = bundle / "weights/scenesort/tiny.pth"
    weights.unlink()  # a link to the user's own
    weights.write_bytes(bytes(len(bundle_world.CONTENT)))
    printed = started(bundle, "--target", tmp_path / "private", "--work", tmp_path / "work", status=1)
    assert "tiny.pth: its bytes are not those that were bundled" in printed
    assert not (tmp_path / "private").exists()
    assert "checked" in started(bundle, "--check", "--quick", "--work", tmp_path / "work")


def test_a_folder_with_anything_else_is_left_alone(made: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").write_text("years")
    printed = started(made / "whole", "--target", tmp_path / "mine", "--work", tmp_path / "work", status=1)
    assert "something other than an installed bundle" in printed
    assert os.listdir(tmp_path / "mine") == ["thesis.tex"]


def test_another_python_is_refused_before_anything_is_imported(made: Path, tmp_path: Path) -> None:
    bundle = shutil.copytree(made / "whole", tmp_path / "bundle")
    text = (bundle / MANIFEST).read_text().replace('"python": "3.11"', '"python": "3.14"')
    (bundle / MANIFEST).write_text(text)
    shutil.rmtree(bundle / "scenesort_bundle")
    assert "this bundle is for Python 3.14" in started(bundle, "--check", status=1)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("manylinux_2_28_x86_64", "manylinux_2_28_riscv64", "Linux on riscv64"),
        ("manylinux_2_28_x86_64", "manylinux_2_99_x86_64", r"needs glibc 2\.99"),
        ('"without": {}', '"without": {"nosuch": "1.0"}', r"nosuch was left out .* install nosuch 1\.0 first"),
    ],
)
def test_a_machine_that_it_does_not_fit_is_refused(made: Path, tmp_path: Path, old: str, new: str, said: str) -> None:
    text = (made / "whole" / MANIFEST).read_text()
    assert old in text
    (tmp_path / MANIFEST).write_text(text.replace(old, new))
    manifest = read_manifest(tmp_path)
    check = machine.check_without if "without" in old else machine.check_machine
    with pytest.raises(BundleFault, match=said):
        check(manifest)


def test_what_would_be_replaced_is_told(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # pytest and iniconfig are here in other versions than these.
    wheels = tmp_path / "wheels"
    bundle_world.write_wheel(wheels, "iniconfig", "99.0")
    bundle_world.write_wheel(wheels, "tinydep", "1.0", ("iniconfig>=99", "pytest"))
    found = machine.planned_changes(["--no-index", "--find-links", str(wheels), "tinydep"])
    assert [(change.name, change.bundled) for change in found] == [("iniconfig", "99.0")]
    sentences = machine.warn_of_replaced(found)
    assert "iniconfig" in sentences[0]
    assert "restart the kernel" in sentences[1]
    assert "--target DIR" in sentences[1]
    assert machine.warn_of_replaced([]) == []
    install.warn_of_versions(machine.wheels_in([wheels]))
    assert "stays as it is; the private folder has 99.0" in capsys.readouterr().out


def test_what_pip_cannot_solve_is_told(tmp_path: Path) -> None:
    bundle_world.write_wheel(tmp_path, "tinydep", "1.0", ("hugedep",))
    with pytest.raises(BundleFault, match="hugedep"):
        machine.planned_changes(["--no-index", "--find-links", str(tmp_path), "tinydep"])


def test_the_notable_packages_are_named_first() -> None:
    found = machine.changes({"pytest": "0.1", "numpy": "0.1", "nosuch": "1"})
    assert [change.name for change in found] == ["numpy", "pytest"]


def test_the_helper_tells_of_packages_that_were_imported_before(tmp_path: Path) -> None:
    root = tmp_path / "bundle"
    (root / "weights/scenesort").mkdir(parents=True)
    (root / "sources/one/src").mkdir(parents=True)
    settings, before = environment.variables(root), environment.prepended(root, tmp_path / "private")
    assert settings == {
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "SCENESORT_WEIGHTS": str(root / "weights/scenesort"),
    }
    assert before["PYTHONPATH"] == f"{tmp_path}/private:{root}/sources/one/src"
    versions = {"json5": "9", "iniconfig": "99.0", "opencv-python-headless": "5.0.0.93"}
    (tmp_path / "offline.py").write_text(environment.helper_text(settings, before, versions))
    code = f"""
import json, os, sys, types
for name, version in (("iniconfig", "1.0"), ("cv2", "5.0.0")):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__version__ = version
sys.path.insert(0, {str(tmp_path)!r})
import offline
print(json.dumps([sys.path[:2], os.environ["PYTHONPATH"], os.environ["PATH"], os.environ["TRANSFORMERS_OFFLINE"]]))
"""
    variables = {**os.environ, "PYTHONPATH": "/mine", "PATH": "/bin"}
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=variables)
    warning, values = found.stdout.splitlines()
    assert warning.startswith("warning: iniconfig 1.0 was imported here before, and the bundle has 99.0")
    assert json.loads(values) == [
        [f"{tmp_path}/private", f"{root}/sources/one/src"],
        f"{tmp_path}/private:{root}/sources/one/src:/mine",
        f"{tmp_path}/private/bin:/bin",
        "1",
    ]


def test_shell_variables_survive_odd_paths(tmp_path: Path) -> None:
    text = environment.shell_text({"A": "it's $HOME `x`"}, {"B": "/new dir"})
    (tmp_path / "env.sh").write_text(text)
    script = f'B=/old; . {tmp_path}/env.sh; printf "%s|%s" "$A" "$B"; B=; . {tmp_path}/env.sh; printf "|%s" "$B"'
    found = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout == "it's $HOME `x`|/new dir:/old|/new dir"
