"""A place for weights that nothing outside it knows, models of a few bytes, and a server that can misbehave."""

from __future__ import annotations

import hashlib
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from scenesort.weights import UrlSource, WeightsEntry, WeightsFile
from scenesort.weights.sources import download

CONTENT = bytes(range(256)) * 2_000


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def blob_name(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def make_home(tmp_path: Path, monkeypatch: Any) -> Path:
    """Point every place for weights into a temporary folder; the network's settings are plain."""
    monkeypatch.setenv("SCENESORT_WEIGHTS", str(tmp_path / "chosen"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "prefix"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("HF_HOME", "HF_HUB_CACHE", "HF_ENDPOINT", "HF_TOKEN", "HF_HUB_OFFLINE", "SCENESORT_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(download, "BACKOFF_S", 0.0)
    return tmp_path


def names_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def make_entry(
    name: str, files: tuple[WeightsFile, ...], *sources: Any, commercial: bool = True, folder: bool = False
) -> WeightsEntry:
    return WeightsEntry(
        name=name,
        what_for="testing",
        files=files,
        sources=sources or (UrlSource("http://127.0.0.1:9/nothing"),),
        licence="MIT" if commercial else "CC-BY-NC-4.0",
        commercial=commercial,
        licence_url="https://example.org/licence",
        inputs="numbers",
        memory="little",
        size_mb=1.5,
        folder=folder,
    )


def pinned(name: str, content: bytes = CONTENT) -> WeightsFile:
    return WeightsFile(name, len(content), sha256(content))


Answer = Callable[["Handler"], None]


@dataclass
class Server:
    """A server on this machine: `answers` are used up one a request, then `then` answers; `requests` keeps headers."""

    url: str
    answers: list[Answer] = field(default_factory=list)
    then: Answer | None = None
    requests: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    lock: Any = field(default_factory=threading.Lock)


class Handler(BaseHTTPRequestHandler):
    """Hands each request to the server's next answer."""

    protocol_version = "HTTP/1.1"
    world: Server

    def do_GET(self) -> None:
        with self.world.lock:
            self.world.requests.append({name.lower(): value for name, value in self.headers.items()})
            self.world.paths.append(self.path)
            answer = self.world.answers.pop(0) if self.world.answers else self.world.then
        self.close_connection = True
        if answer is None:
            self.send_error(404)
        else:
            answer(self)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class QuietServer(ThreadingHTTPServer):
    """Says nothing when a client goes away."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing."""


def serve() -> tuple[ThreadingHTTPServer, Server]:
    """Start a server on a free port; the caller shuts it down."""
    world = Server("")
    handler = type("Bound", (Handler,), {"world": world})
    server = QuietServer(("127.0.0.1", 0), handler)
    world.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    return server, world


def whole(content: bytes = CONTENT, *, etag: str = '"v1"', resumable: bool = True, **headers: str) -> Answer:
    """Answer with the content, or the range that is asked for."""

    def answer(request: Handler) -> None:
        body, status = content, 200
        asked = request.headers.get("Range", "")
        if resumable and asked and request.headers.get("If-Range", etag) == etag:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                request.send_response(416)
                request.send_header("Content-Range", f"bytes */{len(content)}")
                request.send_header("Content-Length", "0")
                request.end_headers()
                return
            body, status = content[start:], 206
        request.send_response(status)
        if status == 206:
            request.send_header("Content-Range", f"bytes {len(content) - len(body)}-{len(content) - 1}/{len(content)}")
        request.send_header("Content-Length", str(len(body)))
        if etag:
            request.send_header("ETag", etag)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    return answer


def cut(after: int, content: bytes = CONTENT, etag: str = '"v1"') -> Answer:
    """Promise the whole content, from the asked start, and break off after so many of its bytes."""

    def answer(request: Handler) -> None:
        asked = request.headers.get("Range", "")
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        request.send_response(206 if start else 200)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        request.send_header("Content-Length", str(len(content) - start))
        if etag:
            request.send_header("ETag", etag)
        request.end_headers()
        request.wfile.write(content[start : start + after])

    return answer


def status(code: int, **headers: str) -> Answer:
    """Answer with a status alone."""

    def answer(request: Handler) -> None:
        request.send_response(code)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", "0")
        request.end_headers()

    return answer


def slow(pieces: int, pause_s: float, content: bytes = CONTENT) -> Answer:
    """Answer in pieces with pauses between."""

    def answer(request: Handler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        length = -(-len(content) // pieces)
        for start in range(0, len(content), length):
            time.sleep(pause_s)
            request.wfile.write(content[start : start + length])

    return answer


def held(gate: threading.Event, after: int, content: bytes = CONTENT) -> Answer:
    """Answer with so many bytes, and with the rest when the gate opens."""

    def answer(request: Handler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(content)))
        request.send_header("ETag", '"v1"')
        request.end_headers()
        request.wfile.write(content[:after])
        gate.wait(60)
        request.wfile.write(content[after:])

    return answer
