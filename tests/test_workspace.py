"""The run folder: whose it is, what survives a kill, what counts as damaged, what makes a key."""

import dataclasses
import enum
import errno
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenesort.errors import WorkspaceError
from scenesort.types import Camera
from scenesort.workspace import Workspace, files, key, run_folders_below


@pytest.fixture
def workspace(tmp_path):
    with Workspace.open(tmp_path / "out") as workspace:
        yield workspace


@pytest.fixture
def disk_error(monkeypatch):
    """Let every renaming into place fail with an error of the system."""

    def fail_with(code):
        def fail(*_):
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(os, "replace", fail)
        monkeypatch.setattr(os, "rename", fail)

    return fail_with


def tree(folder):
    """Contents of all files below a folder, without the log and the lock."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in {"run.log", ".lock"}
    }


def run_script(script, *arguments):
    return subprocess.run([sys.executable, "-c", script, *map(str, arguments)], capture_output=True, text=True)


ARRAYS = {
    "descriptors": np.arange(12, dtype=np.float16).reshape(4, 3),
    "empty": np.zeros((0, 2), np.float32),
    "flags": np.array([True, False]),
    "keypoints": np.linspace(0, 1, 8, dtype=np.float32).reshape(4, 2),
    "matches": np.arange(6, dtype=np.uint32).reshape(3, 2),
    "scalar": np.array(3, dtype=np.int64),
}
META = {"photo": "é/a.jpg", "sizes": [1, 2.5, None, True], "nested": {"x": []}}
KEY = key("features", "a")


class TestOpening:
    def test_creates_what_is_missing(self, tmp_path):
        with Workspace.open(tmp_path / "a" / "out", tmp_path / "b" / "cache") as workspace:
            assert workspace.root == tmp_path / "a" / "out"
            assert workspace.work.is_dir()
            assert (tmp_path / "b" / "cache").is_dir()

    def test_opens_again_what_it_made(self, tmp_path):
        for _ in range(2):
            with Workspace.open(tmp_path) as workspace:
                workspace.write_text("summary.json", "{}")

    def test_opens_again_when_only_the_results_are_left(self, tmp_path):
        with Workspace.open(tmp_path) as workspace:
            workspace.write_text("config.toml", "")
        (tmp_path / ".lock").unlink()
        Workspace.open(tmp_path).close()
        (tmp_path / "work").rmdir()
        Workspace.open(tmp_path).close()

    @pytest.mark.parametrize("name", ["a.jpg", "work", "config.toml"])
    def test_refuses_a_folder_of_somebody_else_and_leaves_it_alone(self, tmp_path, name):
        (tmp_path / name).write_text("precious")
        with pytest.raises(WorkspaceError, match="neither empty nor a run folder of scenesort: name a new or empty"):
            Workspace.open(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == [name]

    def test_refuses_a_file(self, tmp_path):
        (tmp_path / "out").write_text("precious")
        for out in (tmp_path / "out", tmp_path / "out" / "below"):
            with pytest.raises(WorkspaceError, match="file"):
                Workspace.open(out)
        with pytest.raises(WorkspaceError, match="cache"):
            Workspace.open(tmp_path / "new", tmp_path / "out")
        Workspace.open(tmp_path / "new").close()

    @pytest.mark.parametrize(
        ("code", "word"),
        [(errno.EACCES, "permission"), (errno.ENOSPC, "full"), (errno.EROFS, "read-only"), (errno.EMFILE, "Too many")],
    )
    def test_says_why_it_can_not_be_written(self, tmp_path, monkeypatch, code, word):
        def fail(*_, **__):
            raise OSError(code, os.strerror(code))

        with monkeypatch.context() as patch:
            patch.setattr(Path, "mkdir", fail)
            with pytest.raises(WorkspaceError, match=f"{tmp_path / 'out'}.*{word}"):
                Workspace.open(tmp_path / "out")
        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", fail)
            with pytest.raises(WorkspaceError, match=word):
                Workspace.open(tmp_path / "out")
        Workspace.open(tmp_path / "out").close()

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_folder_without_permission(self, tmp_path):
        tmp_path.chmod(0o500)
        with pytest.raises(WorkspaceError, match="permission"):
            Workspace.open(tmp_path / "out")

    def test_sweeps_what_a_kill_left(self, tmp_path):
        with Workspace.open(tmp_path) as workspace:
            workspace.save_arrays("features", KEY, ARRAYS, META)
            workspace.write_text("scenes/a/photos.csv", "x")
            before = tree(tmp_path)
        for place in (tmp_path, tmp_path / "work", tmp_path / "scenes" / "a", *tmp_path.glob("work/shards/*/??")):
            (place / ".tmp-host-1-0-x").write_text("half")
            (place / ".tmp-host-1-1-y" / "z").mkdir(parents=True)
        with Workspace.open(tmp_path):
            assert tree(tmp_path) == before
            assert not list(tmp_path.rglob(".tmp-*"))

    def test_sweeps_a_shared_cache_with_care(self, tmp_path):
        out, cache = tmp_path / "out", tmp_path / "cache"
        with Workspace.open(out, cache) as workspace:
            workspace.save_arrays("features", KEY, ARRAYS, META)
        (folder,) = cache.glob("shards/features/??")
        host = files.aside(folder).name.split("-")[1]
        gone = subprocess.Popen([sys.executable, "-c", ""])
        gone.wait()
        ages_s = {
            f".tmp-{host}-{gone.pid}-0-young": 10,
            f".tmp-{host}-{gone.pid}-1-old": 2 * 3600,
            f".tmp-{host}-{os.getpid()}-2-busy": 2 * 3600,
            ".tmp-elsewhere-1-3-old": 2 * 3600,
            ".tmp-elsewhere-1-4-ancient": 30 * 86400,
        }
        for name, age_s in ages_s.items():
            (folder / name).write_text("")
            os.utime(folder / name, (time.time() - age_s,) * 2)
        Workspace.open(out, cache).close()
        left = {path.name.rpartition("-")[2] for path in folder.glob(".tmp-*")}
        assert left == {"young", "busy"} | {"old"}
        assert not (folder / f".tmp-{host}-{gone.pid}-1-old").exists()


HOLD = """
import sys, time
from pathlib import Path
from scenesort.workspace import Workspace
workspace = Workspace.open(Path(sys.argv[1]))
print("locked", flush=True)
time.sleep(100)
"""


class TestLock:
    def test_second_process_is_refused_until_the_first_is_killed(self, tmp_path):
        first = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True)
        try:
            assert first.stdout.readline() == "locked\n"
            with pytest.raises(WorkspaceError, match=f"in use by another run .pid {first.pid}, host .*wait for it"):
                Workspace.open(tmp_path)
        finally:
            first.send_signal(signal.SIGKILL)
            first.communicate()
        Workspace.open(tmp_path).close()

    def test_same_process_is_refused_too(self, tmp_path):
        with Workspace.open(tmp_path), pytest.raises(WorkspaceError, match=f"pid {os.getpid()}"):
            Workspace.open(tmp_path)
        workspace = Workspace.open(tmp_path)
        workspace.close()
        workspace.close()

    def test_children_do_not_hold_it(self, tmp_path):
        with Workspace.open(tmp_path):
            started = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False)
            forked = os.fork()
            if forked == 0:
                time.sleep(2)
                os._exit(0)
        Workspace.open(tmp_path).close()
        started.communicate()
        os.kill(forked, signal.SIGKILL)
        os.waitpid(forked, 0)

    def test_a_disk_without_locks_is_no_obstacle(self, tmp_path, monkeypatch):
        def fail(*_):
            raise OSError(errno.ENOLCK, "No locks available")

        monkeypatch.setattr("fcntl.flock", fail)
        Workspace.open(tmp_path).close()


class TestCollections:
    def test_each_is_a_run_folder_of_its_own(self, tmp_path):
        with Workspace.open(tmp_path) as whole:
            with whole.collection("church") as church, whole.collection("toys") as toys:
                assert church.root == tmp_path / "church"
                assert toys.work.is_dir()
                with pytest.raises(WorkspaceError, match="in use"):
                    whole.collection("toys")
            with Workspace.open(tmp_path, collection="toys") as toys:
                assert toys.root == tmp_path / "toys"

    def test_share_the_cache(self, tmp_path):
        with Workspace.open(tmp_path / "out", tmp_path / "cache") as whole:
            with whole.collection("a") as first:
                first.save_arrays("features", KEY, ARRAYS, META)
            with whole.collection("b") as second:
                assert second.has("features", KEY)

    @pytest.mark.parametrize("name", ["", "work", "scenes", "..", ".lock", "a/b", "a\0b"])
    def test_names_that_would_be_in_the_way(self, workspace, name):
        with pytest.raises(WorkspaceError, match="rename it"):
            workspace.collection(name)

    def test_sweep_leaves_a_running_collection_alone(self, tmp_path):
        with Workspace.open(tmp_path, collection="a") as running:
            half = running.root / ".tmp-host-1-0-x"
            half.write_text("half")
            Workspace.open(tmp_path).close()
            assert half.exists()


class TestArrays:
    def test_round_trip(self, workspace):
        assert not workspace.has("features", KEY)
        assert workspace.load_arrays("features", KEY) is None
        workspace.save_arrays("features", KEY, ARRAYS, META)
        assert workspace.has("features", KEY)
        assert not workspace.has("matches", KEY)
        arrays, meta = workspace.load_arrays("features", KEY)
        assert meta == META
        assert list(arrays) == sorted(ARRAYS)
        for name, array in arrays.items():
            assert array.dtype == ARRAYS[name].dtype
            np.testing.assert_array_equal(array, ARRAYS[name], strict=True)

    def test_only_some_arrays(self, workspace):
        workspace.save_arrays("features", KEY, ARRAYS, META)
        arrays, _ = workspace.load_arrays("features", KEY, ["matches", "scalar"])
        assert list(arrays) == ["matches", "scalar"]
        with pytest.raises(KeyError, match="nothing"):
            workspace.load_arrays("features", KEY, ["nothing"])
        assert workspace.has("features", KEY)

    def test_none_at_all(self, workspace):
        workspace.save_arrays("features", KEY, {}, {})
        assert workspace.load_arrays("features", KEY) == ({}, {})

    def test_any_order_in_memory(self, workspace):
        base = np.arange(24, dtype=np.float64).reshape(4, 6)
        arrays = {"turned": base.T, "strided": base[::2, ::-1], "big_endian": base.astype(">f4")}
        workspace.save_arrays("features", KEY, arrays, {})
        loaded, _ = workspace.load_arrays("features", KEY)
        for name, array in arrays.items():
            np.testing.assert_array_equal(loaded[name], array)

    @pytest.mark.parametrize("array", [np.array(["text"]), np.array([None]), np.array([1j]), np.zeros(1, "M8[s]")])
    def test_other_dtypes_are_a_mistake(self, workspace, array):
        with pytest.raises(TypeError, match="array 'a' has dtype"):
            workspace.save_arrays("features", KEY, {"a": array}, {})

    def test_same_bytes_each_time_and_in_every_order(self, tmp_path):
        trees = []
        for turn in (1, -1):
            with Workspace.open(tmp_path / str(turn)) as workspace:
                arrays = dict(list(ARRAYS.items())[::turn])
                workspace.save_arrays("features", KEY, arrays, dict(list(META.items())[::turn]))
            trees.append(tree(tmp_path / str(turn)))
        assert trees[0] == trees[1]

    @pytest.mark.parametrize("kind", ["", "../x", "A", "a/b"])
    def test_malformed_kind_or_key_is_a_mistake(self, workspace, kind):
        with pytest.raises(ValueError, match="malformed"):
            workspace.has(kind, KEY)
        with pytest.raises(ValueError, match="malformed"):
            workspace.has("features", "../../x")

    def test_any_damage_counts_as_absent_and_is_noted(self, workspace):
        workspace.save_arrays("features", KEY, ARRAYS, META)
        (path,) = workspace.work.rglob("*.safetensors")
        whole = path.read_bytes()
        rng = np.random.default_rng(0)
        cases = [b"", whole[:5], whole[: len(whole) // 2], whole[:-1], whole + b"x", bytes(len(whole)), b"\xff" * 100]
        cases.append(whole.replace(KEY.encode(), key("other").encode()))
        for place in rng.integers(0, len(whole), 60):
            changed = bytearray(whole)
            changed[place] ^= 1 << int(rng.integers(8))
            cases.append(bytes(changed))
        for content in cases:
            path.write_bytes(content)
            found = workspace.load_arrays("features", KEY)
            if found is not None:
                # Some bits of the header's text, and of `meta`, can change without any sign of it in the arrays.
                assert {name: array.tobytes() for name, array in found[0].items()} == {
                    name: array.tobytes() for name, array in ARRAYS.items()
                }
                assert place < int.from_bytes(whole[:8], "little") + 8
            else:
                assert not workspace.has("features", KEY)
        assert "damaged artefact" in (workspace.root / "run.log").read_text()
        workspace.save_arrays("features", KEY, ARRAYS, META)
        assert path.read_bytes() == whole

    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
    def test_failed_writing_leaves_nothing(self, workspace, disk_error, code):
        disk_error(code)
        with pytest.raises(WorkspaceError, match=r"can't write .*disk"):
            workspace.save_arrays("features", KEY, ARRAYS, META)
        assert not [path for path in workspace.work.rglob("*") if path.is_file()]

    def test_other_users_of_a_cache_can_read_it(self, workspace):
        workspace.save_arrays("features", KEY, ARRAYS, META)
        (workspace.root / "plain").write_text("")
        (path,) = workspace.work.rglob("*.safetensors")
        assert path.stat().st_mode == (workspace.root / "plain").stat().st_mode

    def test_two_writers_of_one_key(self, tmp_path):
        def write(number):
            with Workspace.open(tmp_path / str(number), tmp_path / "cache") as workspace:
                for part in range(30):
                    workspace.save_arrays("features", key("features", part), ARRAYS, META)
                    assert workspace.load_arrays("features", key("features", part)) is not None

        errors = []
        threads = [threading.Thread(target=lambda n=n: errors.extend(_raised(write, n))) for n in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors


def _raised(function, *arguments):
    try:
        function(*arguments)
    except BaseException as error:
        return [error]
    return []


class TestFolders:
    @pytest.fixture
    def source(self, tmp_path):
        source = tmp_path / "source"
        (source / "0").mkdir(parents=True)
        (source / "0" / "cameras.bin").write_bytes(b"\0\1\2" * 1000)
        (source / "0" / "points3D.bin").write_bytes(b"")
        (source / "names.txt").write_text("é")
        return source

    def test_round_trip(self, workspace, source):
        assert workspace.load_folder("models", KEY) is None
        workspace.save_folder("models", KEY, source)
        assert workspace.has("models", KEY)
        assert tree(workspace.load_folder("models", KEY)) == tree(source)

    def test_what_is_there_stays(self, workspace, source):
        workspace.save_folder("models", KEY, source)
        (source / "names.txt").write_text("other")
        workspace.save_folder("models", KEY, source)
        assert (workspace.load_folder("models", KEY) / "names.txt").read_text() == "é"

    @pytest.mark.parametrize("damage", ["missing", "more", "changed", "cut", "no manifest", "bad manifest", "other"])
    def test_damage_counts_as_absent(self, workspace, source, damage):
        workspace.save_folder("models", KEY, source)
        folder = workspace.load_folder("models", KEY)
        match damage:
            case "missing":
                (folder / "0" / "points3D.bin").unlink()
            case "more":
                (folder / "0" / "more.bin").write_bytes(b"")
            case "changed":
                (folder / "0" / "cameras.bin").write_bytes(b"\0\1\3" * 1000)
            case "cut":
                (folder / "0" / "cameras.bin").write_bytes(b"\0\1\2" * 999)
            case "no manifest":
                (folder.parent / "manifest.json").unlink()
            case "bad manifest":
                (folder.parent / "manifest.json").write_text("[]")
            case "other":
                text = (folder.parent / "manifest.json").read_text()
                (folder.parent / "manifest.json").write_text(text.replace(KEY, key("other")))
        assert workspace.load_folder("models", KEY) is None
        assert not workspace.has("models", KEY)
        workspace.save_folder("models", KEY, source)
        assert workspace.load_folder("models", KEY) is not None

    def test_failed_writing_leaves_nothing(self, workspace, source, disk_error):
        disk_error(errno.ENOSPC)
        with pytest.raises(WorkspaceError, match="full"):
            workspace.save_folder("models", KEY, source)
        assert not [path for path in workspace.work.rglob("*") if path.is_file()]

    def test_source_that_is_not_there(self, workspace, tmp_path):
        with pytest.raises(WorkspaceError, match="no-such"):
            workspace.save_folder("models", KEY, tmp_path / "no-such")
        assert not workspace.has("models", KEY)


KILL = """
import os, signal, sys
from pathlib import Path
from scenesort.workspace import Workspace, key
import numpy as np

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def half_file(path):
    path.write_text("ha")
    die()

def half_folder(path):
    (path / "new.txt").write_text("ha")
    die()

workspace = Workspace.open(Path(sys.argv[1]))
match sys.argv[2]:
    case "file":
        workspace.write_file("summary.json", half_file)
    case "folder":
        workspace.replace_folder("scenes/a", half_folder)
    case "replace":
        os.replace = die
        workspace.write_text("summary.json", "new")
    case "arrays":
        os.replace = die
        workspace.save_arrays("features", key("features", "b"), {"a": np.zeros(9)}, {})
"""


class TestResults:
    def test_text_json_csv(self, workspace):
        workspace.write_text("config.toml", "a = 'é'\n")
        value = {"n": np.int64(3), "f": np.float32(0.5), "a": np.eye(2), "p": Path("x"), "s": "é", "none": None}
        workspace.write_json("summary.json", value)
        rows = ((f'p "{n}", é.jpg', 1 / 3, np.float64(0.1), n, "") for n in range(2))
        path = workspace.write_csv("scenes/a/photos.csv", ["photo", "x", "y", "n", "z"], rows)
        assert (workspace.root / "config.toml").read_bytes() == "a = 'é'\n".encode()
        text = (workspace.root / "summary.json").read_text()
        expected = {"n": 3, "f": 0.5, "a": [[1.0, 0.0], [0.0, 1.0]], "p": "x", "s": "é", "none": None}
        assert json.loads(text) == expected
        assert text.endswith("}\n")
        assert path.read_bytes().decode() == (
            'photo,x,y,n,z\n"p ""0"", é.jpg",0.3333333333333333,0.1,0,\n"p ""1"", é.jpg",0.3333333333333333,0.1,1,\n'
        )

    def test_file_names_that_are_not_utf8(self, workspace):
        name = os.fsdecode(b"caf\xe9.jpg")
        workspace.write_csv("skipped.csv", ["photo"], [[name]])
        assert (workspace.root / "skipped.csv").read_bytes() == b"photo\ncaf\xe9.jpg\n"
        workspace.write_json("summary.json", [name])
        assert json.loads((workspace.root / "summary.json").read_text()) == [name]

    def test_json_refuses_what_it_can_not_say(self, workspace):
        workspace.write_json("summary.json", 1)
        with pytest.raises(ValueError, match="JSON"):
            workspace.write_json("summary.json", float("nan"))
        with pytest.raises(TypeError, match="object"):
            workspace.write_json("summary.json", object())
        assert (workspace.root / "summary.json").read_text() == "1\n"

    @pytest.mark.parametrize("relative", ["../x", "/x", "", ".", "a/../../x", "a//b", "a\0"])
    def test_nothing_is_written_outside(self, workspace, relative):
        with pytest.raises(WorkspaceError, match="inside the run folder"):
            workspace.write_text(relative, "x")
        with pytest.raises(WorkspaceError, match="inside the run folder"):
            workspace.replace_folder(relative, lambda path: None)

    def test_replaces_a_folder_as_a_whole(self, workspace):
        for name in ("first", "second"):
            workspace.replace_folder("scenes/a", lambda path, name=name: (path / name).write_text(name))
        assert tree(workspace.root / "scenes") == {"a/second": b"second"}
        workspace.write_text("b", "file")
        workspace.replace_folder("b", lambda path: (path / "c").write_text("c"))
        assert tree(workspace.root / "b") == {"c": b"c"}

    @pytest.mark.parametrize("error", [ValueError("ours"), KeyboardInterrupt(), OSError(errno.ENOSPC, "full")])
    def test_failed_building_keeps_the_old(self, workspace, error):
        workspace.write_text("summary.json", "old")
        workspace.replace_folder("scenes/a", lambda path: (path / "old").write_text("old"))
        before = tree(workspace.root)

        def build_file(path):
            path.write_text("half")
            raise error

        def build_folder(path):
            (path / "half").write_text("half")
            raise error

        expected = WorkspaceError if isinstance(error, OSError) else type(error)
        with pytest.raises(expected):
            workspace.write_file("summary.json", build_file)
        with pytest.raises(expected):
            workspace.replace_folder("scenes/a", build_folder)
        assert tree(workspace.root) == before

    def test_failed_renaming_keeps_the_old(self, workspace, monkeypatch):
        workspace.write_text("summary.json", "old")
        workspace.replace_folder("scenes/a", lambda path: (path / "old").write_text("old"))
        before = tree(workspace.root)
        rename = os.rename
        for failing in (1, 2):
            calls = itertools.count(1)

            def rename_or_fail(source, target, calls=calls, failing=failing):
                if next(calls) == failing:
                    raise OSError(errno.EIO, "bad disk")
                rename(source, target)

            with monkeypatch.context() as patch:
                patch.setattr(os, "rename", rename_or_fail)
                with pytest.raises(WorkspaceError, match="disk"):
                    workspace.replace_folder("scenes/a", lambda path: (path / "new").write_text("new"))
            assert tree(workspace.root) == before

    @pytest.mark.parametrize("moment", ["file", "folder", "replace", "arrays"])
    def test_killed_while_writing(self, tmp_path, moment):
        with Workspace.open(tmp_path) as workspace:
            workspace.write_text("summary.json", "old")
            workspace.replace_folder("scenes/a", lambda path: (path / "old.txt").write_text("old"))
            workspace.save_arrays("features", KEY, ARRAYS, META)
            before = tree(tmp_path)
        assert run_script(KILL, tmp_path, moment).returncode == -signal.SIGKILL
        assert list(tmp_path.rglob(".tmp-*"))
        with Workspace.open(tmp_path) as workspace:
            assert tree(tmp_path) == before
            assert workspace.load_arrays("features", key("features", "b")) is None

    def test_long_names(self, workspace):
        name = "n" * 250 + ".csv"
        workspace.write_text(name, "x")
        with pytest.raises(WorkspaceError, match="too long"):
            workspace.write_text("n" * 300, "x")

    def test_log(self, tmp_path, monkeypatch):
        for message in ("first", "second é\nline 100 %s"):
            with Workspace.open(tmp_path) as workspace:
                workspace.log(message)
                lines = (tmp_path / "run.log").read_text().splitlines()  # there at once
        assert [line.partition(" ")[2] for line in lines[:2]] == ["first", "second é"]
        assert lines[2] == "line 100 %s"
        assert time.strptime(lines[0].partition(" ")[0], "%Y-%m-%dT%H:%M:%S%z")

    def test_log_never_fails(self, workspace, monkeypatch, capsys):
        def fail(*_):
            raise OSError(errno.ENOSPC, "full")

        monkeypatch.setattr("logging.StreamHandler.flush", fail)
        workspace.log("x")
        workspace.log(os.fsdecode(b"\xe9"))
        assert capsys.readouterr().err == ""


class Preset(enum.Enum):
    FAST = 1
    BEST = 2


@dataclasses.dataclass(frozen=True)
class Options:
    size_px: int = 1024
    names: tuple[str, ...] = ("a",)


@dataclasses.dataclass(frozen=True)
class OtherOptions:
    size_px: int = 1024
    names: tuple[str, ...] = ("a",)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=8,
)


def canonical(value):
    """An independent notion of equality: equal text means equal parts."""
    if isinstance(value, dict):
        return "{" + ",".join(sorted(f"{canonical(k)}:{canonical(v)}" for k, v in value.items())) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if value == 0.0 and isinstance(value, float):
        value = 0.0
    return f"{type(value).__name__}{value!r}"


class TestKey:
    def test_stays_the_same_for_ever(self):
        """A change here makes every artefact out there worthless: raise LAYOUT_VERSION knowingly."""
        parts = (None, True, 1, 1.5, "é", b"x", (1, [2]), {"b": 1, "a": 2}, Options(), Preset.FAST, np.eye(2))
        assert key("features", *parts) == "53a8e614a238fc529409ad498568369b559ba5c7519d5a6d06ad6d67ad02ddc5"

    @given(values, values)
    def test_equal_exactly_if_the_parts_are(self, first, second):
        assert (key("k", first) == key("k", second)) == (canonical(first) == canonical(second))

    @given(st.lists(values, max_size=4), st.data())
    def test_nesting_and_place_count(self, parts, data):
        cut = data.draw(st.integers(0, len(parts)))
        assert key("k", parts[:cut], parts[cut:]) != key("k", *parts)
        assert key("k", parts) == key("k", tuple(parts))
        assert key("k", *parts) != key("k", *parts, None)

    @given(st.dictionaries(st.text(), scalars))
    def test_order_of_mappings_and_sets_does_not_count(self, mapping):
        assert key("k", mapping) == key("k", dict(reversed(mapping.items())))
        assert key("k", set(mapping)) == key("k", frozenset(reversed(mapping)))

    def test_all_different(self):
        different = [
            None, True, False, 0, 1, -1, 1.0, 0.0, float("inf"), float("nan"), "", "1", b"", b"1", (), ("",), {}, set(),
            Preset.FAST, Preset.BEST, Options(), Options(size_px=1025), Options(names=("a", "b")), OtherOptions(),
            np.zeros(2), np.zeros(2, np.float32), np.zeros((2, 1)), np.zeros(0), np.ones(2), ("ab", "c"), ("a", "bc"),
            {"a": 1}, {"a": "1"}, {"a", "b"}, ["a", "b"], "\ud800",
        ]  # fmt: skip
        keys = [key("k", value) for value in different]
        assert len(set(keys)) == len(different)
        assert key("a", 1) != key("b", 1)
        assert all(len(k) == 64 for k in keys)

    def test_equal_values_of_other_types(self):
        assert key("k", np.int32(5), np.float64(0.5), np.bool_(True)) == key("k", 5, 0.5, True)
        assert key("k", -0.0) == key("k", 0.0)
        assert key("k", np.eye(3)[:, ::-1]) == key("k", np.eye(3)[:, ::-1].copy())
        assert key("k", np.arange(3, dtype=">i4")) == key("k", np.arange(3, dtype="<i4"))
        camera = Camera("PINHOLE", 4, 3, (1.0, 1.0, 2.0, 1.5))
        assert key("k", camera) == key("k", dataclasses.replace(camera))
        assert key("k", camera) != key("k", dataclasses.replace(camera, fixed=True))

    @pytest.mark.parametrize("part", [Path("a"), object(), lambda: 0, Options, np.array([None]), [Path("a")], 1j])
    def test_other_parts_are_a_mistake(self, part):
        with pytest.raises(TypeError, match="can't be part of an artefact's key"):
            key("k", part)

    def test_same_in_other_processes(self):
        script = "from scenesort.workspace import key; print(key('k', {'a', 'b', 'c'}, {'x': 1.5}))"
        results = {
            subprocess.run(
                [sys.executable, "-c", script],
                env={**os.environ, "PYTHONHASHSEED": seed},
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            for seed in ("1", "2")
        }
        assert results == {key("k", {"a", "b", "c"}, {"x": 1.5}) + "\n"}


def test_run_folders_below_are_found_and_others_are_not(tmp_path):
    with Workspace.open(tmp_path / "photos" / "old run"):
        pass
    (tmp_path / "photos" / "mine").mkdir()
    (tmp_path / "photos" / "mine" / ".lock").write_text("of another program")
    (tmp_path / "photos" / "mine" / "a.jpg").write_text("a photo")
    assert run_folders_below(tmp_path / "photos") == [tmp_path / "photos" / "old run"]
