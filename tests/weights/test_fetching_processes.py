"""Several processes fetch at once, and some are killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from scenesort.weights import fetch
from weights_world import CONTENT, held, names_in, whole

SCRIPT = """
import json, signal, sys
# A job of a shell's background ignores it, and hands that down.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path[:0] = json.loads(sys.argv[2])
from weights_world import make_entry, pinned
from scenesort.weights import REGISTRY, UrlSource, fetch
REGISTRY["one"] = make_entry("one", (pinned("one.pt"),), UrlSource(sys.argv[1] + "/one.pt"))
print(fetch(["one"], notice=lambda sentence: print(sentence, flush=True))[0], flush=True)
"""


@pytest.fixture
def start(server, home):
    """Start a process that fetches the server's model; they are ended with the test."""
    running = []
    tests = json.dumps([str(Path(__file__).parents[1])])

    def begin():
        command = [sys.executable, "-c", SCRIPT, server.url, tests]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def test_two_processes_at_once_end_with_one_file(start, server, chosen):
    gate = threading.Event()
    server.then = held(gate, 1_000)
    both = [start(), start()]
    told = sorted(process.stdout.readline() for process in both)
    assert told == ["another process is fetching one: waiting for it\n", f"one: {server.url}/one.pt\n"]
    gate.set()
    results = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], results
    assert len(server.requests) == 1
    assert [out for out, _ in results] == [f"{chosen / 'one.pt'}\n"] * 2
    assert names_in(chosen) == ["one.pt", "one.sha256"]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_process_leaves_a_part_that_the_next_resumes(start, server, chosen, one, how):
    gate = threading.Event()
    server.then = held(gate, 1_000)
    process = start()
    part = chosen / "one.part/one.pt.part"
    deadline = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(how)
    process.communicate(timeout=60)
    gate.set()
    assert part.stat().st_size < len(CONTENT)
    assert not (chosen / "one.pt").exists()
    if how == signal.SIGINT:
        assert names_in(chosen) == ["one.part", "one.part/one.pt.etag", "one.part/one.pt.part"]
    server.then = whole()
    fetch(["one"])
    assert (chosen / "one.pt").read_bytes() == CONTENT
    assert "range" in server.requests[-1]
    assert names_in(chosen) == ["one.pt", "one.sha256"]
