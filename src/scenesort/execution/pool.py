"""A pool of single-threaded worker processes: what goes wrong in a task costs that task alone.

Every worker belongs to one thread of the parent, which sends it a task, waits for the answer or the time limit, and
starts a fresh worker when one has died. So time limits hold while the caller is busy, no two processes ever share a
connection, and Linux, which ends a child when the *thread* that started it ends, ends it exactly when the pool does.
"""

from __future__ import annotations

import math
import pickle
import queue
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from scenesort.errors import OptionError, WorkerError
from scenesort.execution.outcome import Outcome, Report, check_importable, failure
from scenesort.execution.process import IMPORT_LIMIT_S, WorkerGone, WorkerLate, WorkerProcess, describe_exit
from scenesort.execution.worker import max_rss_mb

T = TypeVar("T")
R = TypeVar("R")

EXIT_GRACE_S = 2.0
"""How long a process that stopped answering may take to end by itself, so that its exit code can be told."""


@dataclass(eq=False, slots=True)
class _Run:
    """One call of `WorkerPool.run`."""

    results: queue.SimpleQueue[tuple[int, Report | BaseException]] = field(default_factory=queue.SimpleQueue)
    is_cancelled: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class _Job:
    run: _Run
    index: int
    payload: bytes
    timeout_s: float | None
    until_s: float

    def limit_s(self) -> float | None:
        """Seconds that the job may still take: its own limit or what is left until the end, whichever is less."""
        if math.isinf(self.until_s):
            return self.timeout_s
        left_s = max(0.1, self.until_s - time.monotonic())
        return left_s if self.timeout_s is None else min(self.timeout_s, left_s)


class _CancelledError(Exception):
    """The job's run has ended: nobody waits for the result."""


class WorkerPool:
    """Up to `workers` processes of one thread each, kept from stage to stage so that models are loaded once.

    Processes start when tasks come. `initializer(*initargs)` runs once in each. `scratch` is a folder for the workers'
    temporary files, which are removed with the worker; by default the system's. Use it as a context manager: leaving it
    kills what still runs. Not meant for functions that start processes of their own. Raises OptionError if `workers` is
    below 1.
    """

    def __init__(
        self,
        workers: int,
        *,
        initializer: Callable[..., object] | None = None,
        initargs: Sequence[Any] = (),
        scratch: Path | None = None,
    ) -> None:
        if workers < 1:
            raise OptionError(f"workers is {workers}: use 1 or more")
        self.workers = workers
        self._initializer = None
        if initializer is not None:
            check_importable(initializer)
            self._initializer = pickle.dumps((initializer, tuple(initargs)))
        self._scratch = scratch
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._slots: list[_Slot] = []
        self._runs: set[_Run] = set()
        self._num_started = 0
        self._is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def run(
        self,
        function: Callable[[T], R],
        tasks: Iterable[T],
        *,
        timeout_s: float | None = None,
        until_s: float = math.inf,
        ordered: bool = True,
        window: int | None = None,
    ) -> Iterator[Outcome[T, R]]:
        """Apply `function`, which lies at the top level of a module, to each task, and yield an outcome for each.

        Outcomes come in the order of the tasks, or with `ordered=False` as they complete. At most `window` tasks (by
        default twice the workers) are taken from `tasks` and not yet yielded. A task that runs longer than `timeout_s`
        seconds, not counting the import of the function's module, is killed; so is one that still runs at `until_s` on
        the clock of `time.monotonic`. Nothing starts before the first outcome is asked for; dropping the iterator ends
        the run. Raises OptionError for a window below 1, and WorkerError if no worker can be started.
        """
        window = 2 * self.workers if window is None else window
        if window < 1:
            raise OptionError(f"window is {window}: use 1 or more")
        if timeout_s is not None and timeout_s <= 0:
            raise OptionError(f"timeout_s is {timeout_s}: use seconds above 0, or None for no limit")
        check_importable(function)
        return self._outcomes(function, tasks, timeout_s, until_s, ordered, window)

    def _outcomes(
        self,
        function: Callable[[T], R],
        tasks: Iterable[T],
        timeout_s: float | None,
        until_s: float,
        ordered: bool,
        window: int,
    ) -> Iterator[Outcome[T, R]]:
        run = _Run()
        pending: dict[int, T] = {}
        done: dict[int, Report] = {}
        num_taken = num_yielded = 0
        source = iter(tasks)
        is_exhausted = False
        try:
            while True:
                while not is_exhausted and num_taken - num_yielded < window:
                    try:
                        task = next(source)
                    except StopIteration:
                        is_exhausted = True
                        break
                    payload = pickle.dumps((function, task), protocol=5)
                    self._submit(_Job(run, num_taken, payload, timeout_s, until_s))
                    pending[num_taken] = task
                    num_taken += 1
                if not pending:
                    return
                index = num_yielded if ordered else next(iter(done), -1)
                while index not in done:
                    finished, report = run.results.get()
                    if isinstance(report, BaseException):
                        raise report
                    done[finished] = report
                    index = index if ordered else finished
                report = done.pop(index)
                outcome: Outcome[T, R] = Outcome(
                    pending.pop(index),
                    report.value,
                    report.error,
                    report.seconds,
                    report.cpu_s,
                    report.peak_memory_mb,
                    report.log,
                )
                num_yielded += 1
                yield outcome
                # Large values must not live until the next one is there.
                del outcome, report
        finally:
            self._cancel(run)

    def close(self) -> None:
        """End all workers at once, running or not, and remove their temporary files. More calls do nothing."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            for run in self._runs:
                run.is_cancelled = True
                run.results.put((-1, WorkerError("the worker pool was closed while tasks were running")))
            for slot in self._slots:
                self._jobs.put(None)
                if slot.worker is not None:
                    slot.worker.kill()
        for slot in self._slots:
            if slot.thread.ident is not None:
                slot.thread.join(20)
        if self._folder is not None:
            self._folder.cleanup()

    def _submit(self, job: _Job) -> None:
        with self._lock:
            if self._is_closed:
                raise WorkerError("the worker pool is closed")
            self._runs.add(job.run)
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(
                    prefix="scenesort-", dir=self._scratch, ignore_cleanup_errors=True
                )
            self._jobs.put(job)
            if len(self._slots) < self.workers:
                # In the list first: a Ctrl-C in between must not leave a thread that `close` doesn't know.
                self._slots.append(_Slot(self, len(self._slots)))
                self._slots[-1].thread.start()

    def _cancel(self, run: _Run) -> None:
        with self._lock:
            run.is_cancelled = True
            self._runs.discard(run)
            for slot in self._slots:
                if slot.job is not None and slot.job.run is run and slot.worker is not None:
                    slot.worker.kill()


class _Slot:
    """One thread of the pool and the worker process that it has at the moment."""

    def __init__(self, pool: WorkerPool, number: int) -> None:
        self.pool = pool
        self.number = number
        self.job: _Job | None = None
        self.worker: WorkerProcess | None = None
        self.thread = threading.Thread(target=self._serve, name="scenesort-worker", daemon=True)

    def _serve(self) -> None:
        # Children inherit the mask: Ctrl-C in the terminal must not reach them, not even while they start.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        while (job := self.pool._jobs.get()) is not None:
            try:
                with self.pool._lock:
                    if job.run.is_cancelled:
                        continue
                    self.job = job
                report: Report | BaseException = self._perform(job)
            except _CancelledError:
                continue
            except BaseException as error:
                report = error
            finally:
                with self.pool._lock:
                    is_killed = self.job is not None and job.run.is_cancelled
                    self.job = None
                if is_killed:
                    # Its task may have been done just before: no further task would find it dead.
                    self._drop_worker()
            job.run.results.put((job.index, report))
            del job, report
        self._drop_worker()

    def _perform(self, job: _Job) -> Report:
        """Have the job done. Raises WorkerError when no worker can be started, _CancelledError when nobody waits."""
        started: tuple[Any, ...] = ()
        for attempt in (1, 2):
            worker = self._ready_worker(job)
            worker.clear_output()
            started_s = time.monotonic()
            try:
                worker.send(job.payload)
                started = worker.receive(IMPORT_LIMIT_S)
                break
            except WorkerGone:
                # A worker may have been killed while it was idle, which is no fault of this task: try a fresh one.
                if attempt == 2:
                    return self._report_loss(job, worker, None, time.monotonic() - started_s, started)
                self._drop_worker()
            except WorkerLate:
                return self._report_loss(job, worker, IMPORT_LIMIT_S, time.monotonic() - started_s, started)
        started_s = time.monotonic()
        limit_s = job.limit_s()
        try:
            answer = started if started[0] == "failed" else worker.receive(limit_s)
            value = worker.receive_bytes(None) if answer[0] == "done" else b""
        except WorkerGone:
            return self._report_loss(job, worker, None, time.monotonic() - started_s, started)
        except WorkerLate:
            return self._report_loss(job, worker, limit_s, time.monotonic() - started_s, started)
        *outcome, seconds, cpu_s, peak_mb = answer
        log = worker.output()
        if outcome[0] == "done":
            try:
                return Report(pickle.loads(value), None, seconds, cpu_s, peak_mb, log)
            except Exception as error:
                return Report(None, failure(None, repr(error), ""), seconds, cpu_s, peak_mb, log)
        _, packed, text, traceback = outcome
        return Report(None, failure(packed, text, traceback), seconds, cpu_s, peak_mb, log + traceback)

    def _report_loss(
        self, job: _Job, worker: WorkerProcess, limit_s: float | None, seconds: float, started: tuple[Any, ...]
    ) -> Report:
        """The report of a job whose worker died or, if `limit_s` is given, ran too long; the worker is dropped."""
        _, started_cpu_s, started_rss_mb, peak_mb = started or ("", 0.0, 0.0, 0.0)
        if limit_s is None:
            problem = describe_exit(worker.wait(EXIT_GRACE_S))
        else:
            problem = f"the task took longer than its time limit of {limit_s:g} s and was stopped"
            peak_mb = max(peak_mb, worker.peak_memory_mb())
            worker.kill()
            worker.wait(EXIT_GRACE_S)
        cpu_s = 0.0
        if worker.usage is not None:
            cpu_s = max(0.0, worker.usage.ru_utime + worker.usage.ru_stime - started_cpu_s)
            # ru_maxrss starts at the parent's size: only growth tells something.
            if max_rss_mb(worker.usage) > started_rss_mb:
                peak_mb = max(peak_mb, max_rss_mb(worker.usage))
        log = worker.output()
        self._drop_worker()
        if job.run.is_cancelled:
            raise _CancelledError
        error = WorkerError(problem)
        if log:
            error.add_note(log)
        return Report(None, error, seconds, cpu_s, peak_mb, log)

    def _ready_worker(self, job: _Job) -> WorkerProcess:
        if self.worker is not None:
            return self.worker
        pool = self.pool
        with pool._lock:
            if job.run.is_cancelled or pool._folder is None:
                raise _CancelledError
            folder = Path(pool._folder.name) / str(pool._num_started)
            pool._num_started += 1
            try:
                worker = self.worker = WorkerProcess(folder, pickle.dumps((sys.path, pool._initializer)), self.number)
            except OSError as error:
                raise WorkerError(f"a worker process can't be started: {error}") from error
        try:
            worker.wait_ready()
        except WorkerGone:
            problem = describe_exit(worker.wait(EXIT_GRACE_S))
            log = worker.output()
            self._drop_worker()
            if job.run.is_cancelled:
                raise _CancelledError from None
            raise WorkerError(f"a worker process can't be started: {problem}\n{log}".rstrip()) from None
        except WorkerLate:
            self._drop_worker()
            raise WorkerError("a worker process can't be started: it doesn't answer") from None
        except BaseException:
            self._drop_worker()
            raise
        return worker

    def _drop_worker(self) -> None:
        with self.pool._lock:
            worker, self.worker = self.worker, None
        if worker is not None:
            worker.end()


def run_tasks(
    function: Callable[[T], R],
    tasks: Iterable[T],
    *,
    workers: int,
    timeout_s: float | None = None,
    ordered: bool = True,
    window: int | None = None,
    initializer: Callable[..., object] | None = None,
    initargs: Sequence[Any] = (),
) -> Iterator[Outcome[T, R]]:
    """Apply `function` to each task in worker processes that live for this call; see `WorkerPool` and its `run`."""
    pool = WorkerPool(workers, initializer=initializer, initargs=initargs)
    return _closing(pool, pool.run(function, tasks, timeout_s=timeout_s, ordered=ordered, window=window))


def _closing(pool: WorkerPool, outcomes: Iterator[Outcome[T, R]]) -> Iterator[Outcome[T, R]]:
    with pool:
        yield from outcomes
