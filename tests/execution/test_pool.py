"""Worker processes: what one task does wrong costs that task alone, and nothing outlives the parent."""

import functools
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import pool_tasks
import pytest

from scenesort.errors import OptionError, PhotoError, WorkerError
from scenesort.execution import WorkerPool, cpu_count, own_device, resolve_device, run_tasks
from scenesort.execution.machine import _quota

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture(scope="module")
def pool():
    with WorkerPool(2) as pool:
        yield pool


def wait_until(condition, limit_s=5.0):
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "nothing happened in time"
        time.sleep(0.02)


def processes_with(mark):
    """Numbers of the living processes whose environment holds `mark`."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def dead_children():
    """Numbers of this process's children that have ended and that nobody has waited for."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state == "Z" and int(parent) == os.getpid():
            found.append(int(path.parent.name))
    return found


@pytest.fixture(autouse=True)
def _no_dead_child_is_left():
    yield
    wait_until(lambda: not dead_children())


class TestOutcomes:
    @pytest.mark.parametrize("workers", [1, 2, 3])
    def test_values_come_in_the_order_of_the_tasks(self, workers):
        outcomes = list(run_tasks(pool_tasks.double, range(20), workers=workers))
        assert [(outcome.task, outcome.result()) for outcome in outcomes] == [(n, 2 * n) for n in range(20)]

    def test_a_slow_task_holds_up_nobody_when_order_does_not_count(self, pool):
        tasks = [outcome.task for outcome in pool.run(pool_tasks.slow_if_first, range(4), ordered=False)]
        assert tasks[-1] == 0
        assert sorted(tasks) == [0, 1, 2, 3]
        assert [outcome.task for outcome in pool.run(pool_tasks.slow_if_first, range(4))] == [0, 1, 2, 3]

    def test_no_tasks(self, pool):
        assert list(pool.run(pool_tasks.double, [])) == []

    @pytest.mark.parametrize("ordered", [True, False])
    @pytest.mark.parametrize(("window", "expected"), [(None, 4), (1, 1), (7, 7)])
    def test_tasks_are_taken_no_further_ahead_than_the_window(self, pool, ordered, window, expected):
        num_taken = 0
        farthest = 0

        def tasks():
            nonlocal num_taken
            for number in itertools.count():
                num_taken += 1
                yield number

        outcomes = pool.run(pool_tasks.double, tasks(), ordered=ordered, window=window)
        for num_yielded, _ in enumerate(itertools.islice(outcomes, 30)):
            time.sleep(0.002)
            farthest = max(farthest, num_taken - num_yielded)
        assert farthest == expected

    def test_partial_functions_and_large_values(self, pool):
        assert [o.result() for o in pool.run(functools.partial(pow, 2), range(3))] == [1, 2, 4]
        assert [o.result() for o in pool.run(pool_tasks.big, range(6))] == [bytes([n]) * 5_000_000 for n in range(6)]

    def test_large_tasks(self, pool):
        tasks = [bytes(5_000_000), bytes(10)] * 3
        assert [outcome.result() for outcome in pool.run(len, tasks)] == [5_000_000, 10] * 3

    @linux_only
    def test_time_and_memory_are_those_of_the_task(self):
        ballast = b"x" * 400_000_000  # the parent's size is not the child's
        before, large, after = run_tasks(pool_tasks.allocate, [1, 250, 1], workers=1)
        assert before.peak_memory_mb < 400
        assert 240 < large.peak_memory_mb - before.peak_memory_mb < 300
        assert abs(after.peak_memory_mb - before.peak_memory_mb) < 50
        (busy,) = run_tasks(pool_tasks.burn, [0.2], workers=1)
        assert 0.2 <= busy.cpu_s < 0.4
        assert busy.seconds >= 0.2
        assert ballast


class TestFailures:
    DEEDS = (
        ("abort", "SIGABRT"),
        ("segfault", "SIGSEGV"),
        ("kill", "SIGKILL"),
        ("leave", "exit code 3"),
        ("exit", "SystemExit: enough"),
        ("raise", "ValueError: too dark"),
        ("half", "SIGKILL"),
        ("lambda", "pickle"),
    )

    @pytest.mark.parametrize("ordered", [True, False])
    def test_each_costs_its_own_task_and_says_what_happened(self, ordered):
        tasks = [part for deed, _ in self.DEEDS for part in (deed, f"after {deed}")]
        found = {o.task: o for o in run_tasks(pool_tasks.misbehave, tasks, workers=2, ordered=ordered)}
        assert len(found) == len(tasks)
        for deed, word in self.DEEDS:
            assert type(found[deed].error) is WorkerError
            assert word in str(found[deed].error)
            assert found[deed].value is None
            assert found[f"after {deed}"].result() == f"after {deed}"
            with pytest.raises(WorkerError, match=word):
                found[deed].result()

    @pytest.mark.parametrize("deed", ["sleep", "sleep in C", "stop", "hang up"])
    def test_time_limit(self, pool, deed):
        start = time.monotonic()
        tasks = [deed, "fine"]
        late, fine = pool.run(pool_tasks.misbehave, tasks, timeout_s=0.3)
        assert fine.result() == "fine"
        if deed == "hang up":
            assert "stopped answering" in str(late.error)
        else:
            assert "time limit of 0.3 s" in str(late.error)
            assert 0.3 <= late.seconds < 20
            assert time.monotonic() - start < 20

    def test_time_limit_counts_for_each_task_alone(self, pool):
        assert all(o.error is None for o in pool.run(pool_tasks.slow_if_first, [0, 0, 0, 0], timeout_s=1.0))

    def test_time_limit_holds_while_the_caller_is_busy(self, pool):
        outcomes = pool.run(pool_tasks.misbehave, ["fine", "sleep", "also fine"], timeout_s=1.5)
        assert next(outcomes).result() == "fine"
        time.sleep(3.5)
        start = time.monotonic()
        assert "time limit" in str(next(outcomes).error)
        assert next(outcomes).result() == "also fine"
        assert time.monotonic() - start < 1.2

    def test_our_errors_keep_their_type(self, pool):
        (outcome,) = pool.run(pool_tasks.misbehave, ["photo"])
        assert type(outcome.error) is PhotoError
        assert str(outcome.error) == "a.jpg: not a photo"
        assert "Traceback" in outcome.log
        assert any("Traceback" in note for note in outcome.error.__notes__)

    def test_our_errors_that_do_not_travel_keep_their_message(self, pool):
        (outcome,) = pool.run(pool_tasks.misbehave, ["awkward"])
        assert type(outcome.error) is WorkerError
        assert "AwkwardError: a.jpg: not a photo" in str(outcome.error)

    def test_what_the_task_printed_is_kept(self, pool):
        (outcome,) = pool.run(pool_tasks.misbehave, ["print"])
        assert "to stderr" in outcome.log
        crash, plain = pool.run(pool_tasks.misbehave, ["abort", "plain"])
        assert "pool_tasks.py" in crash.log  # where Python code called what crashed
        assert plain.log == ""

    @linux_only
    def test_a_dead_worker_is_noticed_though_its_own_child_holds_the_connection(self, pool):
        start = time.monotonic()
        (outcome,) = pool.run(pool_tasks.misbehave, ["fork"])
        assert "SIGKILL" in str(outcome.error)
        assert time.monotonic() - start < 20

    def test_a_worker_killed_while_idle_costs_nothing(self, pool):
        first, second = list(pool.run(pool_tasks.pid_and_double, range(2)))
        for pid in {first.value[0], second.value[0]}:
            os.kill(pid, signal.SIGKILL)
        assert [outcome.result()[1] for outcome in pool.run(pool_tasks.pid_and_double, range(8))] == list(
            range(0, 16, 2)
        )

    def test_many_deaths(self):
        outcomes = list(run_tasks(pool_tasks.maybe_die, range(100), workers=3, timeout_s=20))
        for outcome in outcomes:
            if outcome.task % 7 == 3:
                assert "SIGKILL" in str(outcome.error)
            elif outcome.task % 11 == 5:
                assert "ValueError" in str(outcome.error)
            else:
                assert outcome.result() == outcome.task

    def test_errors_of_the_source_of_tasks_end_the_run(self, pool):
        def tasks():
            yield 1
            raise PhotoError("gone")

        with pytest.raises(PhotoError, match="gone"):
            list(pool.run(pool_tasks.double, tasks()))
        assert [outcome.value for outcome in pool.run(pool_tasks.double, [4])] == [8]

    def test_tasks_that_can_not_be_sent_are_a_mistake_of_the_caller(self, pool):
        with pytest.raises((TypeError, AttributeError)):
            list(pool.run(pool_tasks.double, [threading.Lock()]))

    def test_functions_that_children_can_not_find_are_refused(self, pool, monkeypatch):
        monkeypatch.setattr(pool_tasks.double, "__module__", "__main__")
        with pytest.raises(TypeError, match="move it to a module"):
            pool.run(functools.partial(pool_tasks.double), [1])

    def test_bad_options(self, pool):
        with pytest.raises(OptionError, match="workers is 0"):
            run_tasks(pool_tasks.double, [1], workers=0)
        with pytest.raises(OptionError, match="window is 0"):
            pool.run(pool_tasks.double, [1], window=0)
        with pytest.raises(OptionError, match="timeout_s is 0"):
            pool.run(pool_tasks.double, [1], timeout_s=0)


class TestPool:
    def test_workers_and_their_models_stay(self):
        with WorkerPool(2) as pool:
            first = {outcome.result() for outcome in pool.run(pool_tasks.use_model, range(8))}
            second = {outcome.result() for outcome in pool.run(pool_tasks.use_model, range(8))}
        assert first == second
        assert len(first) == 2

    def test_no_worker_starts_before_the_first_outcome_is_asked_for(self, tmp_path):
        with WorkerPool(2, scratch=tmp_path) as pool:
            pool.run(pool_tasks.double, [1])
            assert not list(tmp_path.iterdir())

    def test_initializer_runs_once_in_each_worker(self, tmp_path):
        outcomes = list(
            run_tasks(
                pool_tasks.pid_and_double,
                range(9),
                workers=2,
                initializer=pool_tasks.set_up,
                initargs=(str(tmp_path), 5),
            )
        )
        assert {str(o.value[0]) for o in outcomes} <= {path.name for path in tmp_path.iterdir()}
        assert {path.read_text() for path in tmp_path.iterdir()} == {"5"}

    @pytest.mark.parametrize(
        ("initializer", "word"), [(pool_tasks.fail_to_set_up, "no model"), (pool_tasks.die_in_set_up, "SIGABRT")]
    )
    def test_a_pool_that_can_not_start_says_why(self, initializer, word):
        with pytest.raises(WorkerError, match=word):
            list(run_tasks(pool_tasks.double, range(4), workers=2, initializer=initializer))

    def test_dropping_a_run_frees_its_workers(self, pool):
        outcomes = pool.run(pool_tasks.misbehave, ["fine", "sleep", "sleep", "sleep"])
        assert next(outcomes).result() == "fine"
        outcomes.close()
        start = time.monotonic()
        assert [outcome.value for outcome in pool.run(pool_tasks.double, range(4))] == [0, 2, 4, 6]
        assert time.monotonic() - start < 20

    def test_two_runs_at_once(self, pool):
        first, second = pool.run(pool_tasks.double, range(9)), pool.run(pool_tasks.misbehave, range(9))
        pairs = [(a.result(), b.result()) for a, b in zip(first, second, strict=True)]
        assert pairs == [(2 * n, n) for n in range(9)]

    def test_closing_ends_what_runs(self):
        pool = WorkerPool(2)
        outcomes = pool.run(pool_tasks.misbehave, ["sleep in C"] * 4)
        threading.Timer(0.4, pool.close).start()
        start = time.monotonic()
        with pytest.raises(WorkerError, match="closed"):
            next(outcomes)
        assert time.monotonic() - start < 20
        pool.close()
        with pytest.raises(WorkerError, match="closed"):
            list(pool.run(pool_tasks.double, [1]))

    def test_temporary_files_go_with_the_worker(self, tmp_path):
        with WorkerPool(1, scratch=tmp_path) as pool:
            (outcome,) = pool.run(pool_tasks.misbehave, ["sleep"], timeout_s=0.5)
            assert outcome.error is not None
            assert not list(tmp_path.rglob("left.txt"))
        assert not list(tmp_path.iterdir())

    def test_workers_outlive_the_thread_that_asked_first(self):
        # Linux ends a child with the thread that started it, not with the process.
        with WorkerPool(2) as pool:
            outcomes = pool.run(pool_tasks.pid_and_double, range(40))
            seen = []
            for _ in range(4):
                thread = threading.Thread(target=lambda: seen.append(next(outcomes).result()))
                thread.start()
                thread.join()
                time.sleep(0.05)
            seen += [outcome.result() for outcome in outcomes]
        assert [double for _, double in seen] == list(range(0, 80, 2))
        assert len({pid for pid, _ in seen}) <= 2

    def test_one_thread_in_each_library(self):
        before = dict(os.environ)
        (outcome,) = run_tasks(pool_tasks.settings, [0], workers=1)
        assert outcome.result() == {
            "torch": 1,
            "cv2": 1,
            "OMP_NUM_THREADS": "1",
            "python threads": 1,
            "core": 0,
            "interrupt": True,
        }
        assert dict(os.environ) == before

    def test_results_do_not_depend_on_the_number_of_workers(self):
        def digests(workers):
            return [outcome.result() for outcome in run_tasks(pool_tasks.product, range(4), workers=workers)]

        assert digests(1) == digests(2)


# No `if __name__ == "__main__"`: a script needs none.
SCRIPT = """
import sys, threading, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import pool_tasks
from scenesort.execution import WorkerPool

with WorkerPool(2) as pool:
    for outcome in pool.run(pool_tasks.announce_and_sleep, [sys.argv[2]] * 5):
        print(outcome)
"""


@linux_only
class TestParent:
    @pytest.fixture
    def parent(self, tmp_path):
        """A script whose two workers are inside a long call of native code."""
        mark = uuid.uuid4().hex
        (tmp_path / "up").mkdir()
        (tmp_path / "tmp").mkdir()
        (tmp_path / "script.py").write_text(SCRIPT)
        process = subprocess.Popen(
            [sys.executable, tmp_path / "script.py", str(Path(__file__).parent), tmp_path / "up"],
            env={**os.environ, "TEST_MARK": mark, "TMPDIR": str(tmp_path / "tmp")},
            start_new_session=True,
            # A shell's background job, such as a test run can be, ignores SIGINT, and its children inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_until(lambda: len(list((tmp_path / "up").iterdir())) == 2, 20)
        assert len(processes_with(mark)) == 3
        yield process, mark
        if process.poll() is None:
            process.kill()
        process.communicate()

    def test_killed_parent_takes_its_workers_along(self, parent):
        process, mark = parent
        process.kill()
        process.wait()
        wait_until(lambda: not processes_with(mark), 3)

    def test_terminated_parent_takes_its_workers_along(self, parent):
        process, mark = parent
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        wait_until(lambda: not processes_with(mark), 3)

    def test_ctrl_c_ends_all_at_once_and_leaves_nothing(self, parent, tmp_path):
        process, mark = parent
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
        _, errors = process.communicate(timeout=20)  # their calls would go on for a minute
        assert errors.count("KeyboardInterrupt") == 1
        assert "resource_tracker" not in errors
        assert not processes_with(mark)
        assert not list((tmp_path / "tmp").iterdir())


class TestMachine:
    def test_at_least_one_core_and_no_more_than_there_are(self):
        assert 1 <= cpu_count() <= (os.cpu_count() or 1)

    @pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no CPU affinity here")
    def test_affinity_counts(self):
        cores = os.sched_getaffinity(0)
        try:
            os.sched_setaffinity(0, {min(cores)})
            assert cpu_count() == 1
        finally:
            os.sched_setaffinity(0, cores)

    @pytest.mark.parametrize(
        ("membership", "files", "expected"),
        [
            ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "150000 100000\n"}, 1.5),
            ("0::/a/b\n", {"a/b/cpu.max": "50000 100000\n", "a/cpu.max": "150000 100000\n"}, 0.5),
            ("0::/outside/name\n", {"cpu.max": "300000 100000\n"}, 3.0),
            ("4:cpu,cpuacct:/x\n", {"cpu/x/cpu.cfs_quota_us": "200000\n", "cpu/x/cpu.cfs_period_us": "100000\n"}, 2.0),
            ("4:cpu,cpuacct:/x\n", {"cpu/x/cpu.cfs_quota_us": "-1\n", "cpu/x/cpu.cfs_period_us": "100000\n"}, 1e9),
            ("5:memory:/x\nnonsense\n", {}, 1e9),
            ("0::/\n", {"cpu.max": "\n"}, 1e9),
        ],
    )
    def test_quota_of_a_container(self, tmp_path, membership, files, expected):
        (tmp_path / "self").write_text(membership)
        for name, text in files.items():
            (tmp_path / "fs" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "fs" / name).write_text(text)
        assert _quota(tmp_path / "fs", tmp_path / "self") == expected

    def test_unknown_quota(self, tmp_path):
        assert _quota(tmp_path / "none", tmp_path / "none") == 1e9

    def test_device(self, monkeypatch):
        import torch

        assert resolve_device("cpu") == "cpu"
        for name in ("gpu", "cpu:0", "cuda:x", "cuda:", "", "auto:1"):
            with pytest.raises(OptionError, match="unknown"):
                resolve_device(name)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        assert resolve_device("auto") == "cpu"
        for name in ("cuda", "cuda:0", "mps"):
            with pytest.raises(OptionError, match="isn't available"):
                resolve_device(name)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
        assert [resolve_device(name) for name in ("auto", "cuda", "cuda:1")] == ["cuda", "cuda", "cuda:1"]
        with pytest.raises(OptionError, match="cuda:0 to cuda:1"):
            resolve_device("cuda:2")

    def test_workers_take_turns_on_the_gpus(self, monkeypatch):
        torch = pytest.importorskip("torch")
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
        found = []
        for number in range(4):
            monkeypatch.setenv("SCENESORT_WORKER", str(number))
            found.append([own_device(device) for device in ("cuda", "cuda:1", "cpu", "mps")])
        assert [row[0] for row in found] == ["cuda:0", "cuda:1", "cuda:0", "cuda:1"]
        assert all(row[1:] == ["cuda:1", "cpu", "mps"] for row in found)

    def test_every_worker_has_a_number_which_a_successor_keeps(self):
        with WorkerPool(2) as pool:
            first = [outcome.result() for outcome in pool.run(pool_tasks.number_after, [0.3] * 4)]
            list(pool.run(pool_tasks.die, [0, 0, 0]))
            second = [outcome.result() for outcome in pool.run(pool_tasks.number_after, [0.3] * 4)]
        assert set(first) == set(second) == {"0", "1"}
