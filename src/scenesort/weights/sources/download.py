"""Downloads over HTTP that resume, and end in a verified file or a clear error.

The bytes go to `<file>.part`; beside it `<file>.etag` keeps the server's name of this version, so that a resumed
download never joins two versions (RFC 9110, If-Range). The part becomes the file only after its length and its digests
were checked. Proxies are those of the environment (`https_proxy`, `no_proxy`).
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from scenesort.errors import WeightsError
from scenesort.weights.digests import flaw, has_digest
from scenesort.weights.entries import WeightsFile

MIRROR_VARIABLE = "SCENESORT_MIRROR"
TIMEOUT_S = 30.0
RETRIES = 5
BACKOFF_S = 1.0
MAX_WAIT_S = 60.0
PIECE_BYTES = 1 << 18

Progress = Callable[[str, int, int | None], None]
"""Called with a file's name, the bytes that are here and the bytes in all, None while unknown."""

_AGAIN = {408, 425, 429, 500, 502, 503, 504}
_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")


class NotThereError(WeightsError):
    """The server has no such file."""


class _InterruptedError(Exception):
    """The network failed in a way that another attempt may mend; `wait_s` is what the server asks for."""

    def __init__(self, reason: object, wait_s: float | None = None, *, is_connected: bool = True) -> None:
        super().__init__(str(reason) or type(reason).__name__)
        self.wait_s = wait_s
        self.is_connected = is_connected


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, never from https to http, and keeps what the hub says of the file on the way."""

    def __init__(self) -> None:
        self.said: dict[str, str] = {}

    def redirect_request(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: Any) -> Any:
        """Return the next request, or raise WeightsError where it may not go."""
        schemes = {"https"} if req.type == "https" else {"https", "http"}
        if urlsplit(newurl).scheme not in schemes:
            raise WeightsError(f"{req.full_url} redirects to {newurl}, which is less safe: not followed")
        self.said |= {name.lower(): value for name, value in headers.items()}
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def mirrored(url: str) -> str:
    """Return the address at the user's mirror, or `url` itself without one.

    The variable's value takes the place of scheme and host; `{host}` in it stands for the original host.
    """
    mirror = os.environ.get(MIRROR_VARIABLE, "").rstrip("/")
    if not mirror:
        return url
    parts = urlsplit(url)
    return mirror.replace("{host}", parts.netloc) + urlunsplit(("", "", parts.path, parts.query, ""))


def download(
    url: str,
    target: Path,
    file: WeightsFile,
    *,
    secret_headers: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> None:
    """Download `url` to `target`, going on where an earlier attempt stopped.

    `file` is what must arrive; `secret_headers` go to the first host alone. Network failures are tried again with
    growing pauses. Raises WeightsError; then nothing is at `target`, and a part is kept only if it is worth resuming.
    """
    part, etag = _part(target), _etag(target)
    failures, was_connected, was_resumed = 0, False, part.exists()
    while True:
        before = _size(part)
        try:
            vouched = _receive(url, target, file, secret_headers or {}, progress)
        except _InterruptedError as error:
            was_connected |= error.is_connected
            failures = 1 if _size(part) > before else failures + 1
            was_resumed |= part.exists()
            if failures > (RETRIES if was_connected else 1):
                kept = f"; the {_size(part):,} bytes that came are kept: run the command again" if _size(part) else ""
                raise WeightsError(f"could not download {url}: {error}{kept}") from error
            pause_s = BACKOFF_S * 2 ** (failures - 1) if error.wait_s is None else error.wait_s
            time.sleep(min(MAX_WAIT_S, pause_s))
            continue
        wrong = flaw(part, file, None)
        if wrong is None and vouched and not has_digest(part, vouched):
            wrong = "its bytes are not those that the server announced"
        if wrong is None:
            break
        _drop(part, etag)
        if not was_resumed:
            raise WeightsError(f"{url}: {wrong}; nothing of it was kept")
        was_resumed = False
    with part.open("rb+") as finished:
        os.fsync(finished.fileno())
    os.replace(part, target)
    _drop(etag)


def _receive(
    url: str, target: Path, file: WeightsFile, secret_headers: Mapping[str, str], progress: Progress | None
) -> str | None:
    """Receive what is still missing of the part; returns the digest that the server announced, if any."""
    part, etag = _part(target), _etag(target)
    validator = etag.read_text(encoding="utf-8") if etag.exists() else ""
    if not (validator or file.sha256 or file.md5):
        _drop(part)
    offset = _size(part)
    redirects = _Redirects()
    try:
        response = _open(url, secret_headers, offset, validator, redirects)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 416 and offset:
                match = _RANGE.fullmatch(error.headers.get("Content-Range", ""))
                if match and match[2] == str(offset):
                    return _announced(redirects.said | _lower(error.headers))
                _drop(part, etag)
                raise _InterruptedError("the server has no more of it; beginning again", 0.0) from error
            raise _http_error(url, error) from error
    with response:
        headers = redirects.said | _lower(response.headers)
        vouched = _announced(headers)
        if vouched and len(vouched) == 64 and file.sha256 and vouched != file.sha256:
            raise WeightsError(f"{url}: the server has another file (SHA-256 {vouched}) than the published one")
        if response.headers.get_content_type() == "text/html":
            raise WeightsError(f"{url}: a web page came instead of the file: is there a login or a proxy in between?")
        start, total = _extent(response, offset)
        if start != offset:
            _drop(part)
        if total is not None and file.size_bytes is not None and total != file.size_bytes:
            _drop(part, etag)
            raise WeightsError(f"{url}: the server has {total:,} bytes instead of {file.size_bytes:,}")
        if total is None and not (file.sha256 or file.md5 or vouched):
            raise WeightsError(f"{url}: the server doesn't say how long the file is, so it can't be checked")
        strong = response.headers.get("ETag", "")
        etag.write_text("" if strong.startswith("W/") else strong, encoding="utf-8")
        _copy(response, part, file.name, total, progress)
    if total is not None and _size(part) < total:
        raise _InterruptedError(f"the connection broke at {_size(part):,} of {total:,} bytes")
    return vouched


def _open(
    url: str, secret_headers: Mapping[str, str], offset: int, validator: str, redirects: _Redirects
) -> http.client.HTTPResponse:
    request = urllib.request.Request(url, headers={"Accept-Encoding": "identity", "User-Agent": "scenesort"})
    if offset:
        request.add_header("Range", f"bytes={offset}-")
        if validator:
            request.add_header("If-Range", validator)
    for name, value in secret_headers.items():
        request.add_unredirected_header(name, value)
    try:
        response: http.client.HTTPResponse = urllib.request.build_opener(redirects).open(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError:
        raise
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            raise WeightsError(
                f"{url}: its certificate is not trusted ({error.reason.verify_message}); behind a proxy that opens "
                "connections, name its certificates in SSL_CERT_FILE"
            ) from error
        raise _InterruptedError(error.reason, is_connected=False) from error
    except (OSError, http.client.HTTPException) as error:
        raise _InterruptedError(error) from error
    except ValueError as error:
        raise WeightsError(f"'{url}' is no address that can be downloaded: {error}") from error
    return response


def _http_error(url: str, error: urllib.error.HTTPError) -> Exception:
    if error.code in _AGAIN:
        wait = error.headers.get("Retry-After", "")
        return _InterruptedError(
            f"the server answers {error.code} {error.reason}", float(wait) if wait.isdigit() else None
        )
    if error.code in {404, 410}:
        return NotThereError(f"{url} is not there (HTTP {error.code})")
    if error.code in {401, 403}:
        return WeightsError(
            f"{url}: access is refused (HTTP {error.code}); gated models of the hub need your token in HF_TOKEN"
        )
    return WeightsError(f"{url}: the server answers {error.code} {error.reason}")


def _extent(response: http.client.HTTPResponse, offset: int) -> tuple[int, int | None]:
    """Return where the body begins in the file, and the file's length, None where the server doesn't tell."""
    if response.status == 206:
        match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if match is None or match[1] is None or int(match[1]) != offset:
            raise WeightsError("the server sent another part of the file than was asked for")
        return offset, None if match[2] == "*" else int(match[2])
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None


def _copy(
    response: http.client.HTTPResponse, part: Path, name: str, total: int | None, progress: Progress | None
) -> None:
    with part.open("ab") as file:
        done = file.tell()
        while True:
            if progress:
                progress(name, done, total)
            try:
                piece = response.read1(PIECE_BYTES)
            except (OSError, http.client.HTTPException) as error:
                raise _InterruptedError(error) from error
            if not piece:
                return
            file.write(piece)
            file.flush()  # a kill loses none of it
            done += len(piece)


def _announced(headers: Mapping[str, str]) -> str | None:
    """Return the digest by which the hub names the file: SHA-256 of a large one, git's blob name of a small one."""
    if "x-linked-etag" in headers:
        name = headers["x-linked-etag"].strip('"')
        return name if re.fullmatch(r"[0-9a-f]{64}", name) else None
    if "x-repo-commit" in headers:
        name = headers.get("etag", "").removeprefix("W/").strip('"')
        return name if re.fullmatch(r"[0-9a-f]{40}", name) else None
    return None


def _lower(headers: Message) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _part(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def _etag(target: Path) -> Path:
    return target.with_name(target.name + ".etag")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _drop(*paths: Path) -> None:
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
