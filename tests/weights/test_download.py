"""Downloads from a local server that breaks off, lies, redirects or is slow: a verified file or a clear error."""

from __future__ import annotations

import hashlib
import http.server
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenesort.errors import WeightsError
from scenesort.weights import WeightsFile
from scenesort.weights.sources import download as module
from scenesort.weights.sources.download import NotThereError, download, mirrored
from weights_world import CONTENT, blob_name, cut, held, pinned, serve, sha256, slow, status, whole

HALF = len(CONTENT) // 2


@pytest.fixture
def get(home, server):
    """Download the server's file `a` into the home; returns the finished path."""

    def run(file=None, **others):
        target = home / "a"
        download(f"{server.url}/a", target, file or pinned("a"), **others)
        return target

    return run


def md5(content):
    return hashlib.md5(content).hexdigest()


def left(home):
    return sorted(path.name for path in home.iterdir())


def test_a_file_arrives_and_progress_is_told(get, server, home):
    server.then = whole()
    told = []
    assert get(progress=lambda *what: told.append(what)).read_bytes() == CONTENT
    assert left(home) == ["a"]
    assert told[0] == ("a", 0, len(CONTENT))
    assert told[-1] == ("a", len(CONTENT), len(CONTENT))
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)


def test_a_download_cut_in_the_middle_goes_on_where_it_broke_off(get, server):
    server.answers = [cut(HALF), cut(1000)]
    server.then = whole()
    assert get().read_bytes() == CONTENT
    assert [request.get("range") for request in server.requests] == [None, f"bytes={HALF}-", f"bytes={HALF + 1000}-"]
    assert server.requests[1]["if-range"] == '"v1"'


def test_a_part_of_an_earlier_process_is_resumed(get, server, home):
    (home / "a.part").write_bytes(CONTENT[:1234])
    (home / "a.etag").write_text('"v1"')
    server.then = whole()
    assert get().read_bytes() == CONTENT
    assert server.requests[0]["range"] == "bytes=1234-"
    assert left(home) == ["a"]


def test_another_version_is_never_joined_to_an_old_part(get, server, home):
    (home / "a.part").write_bytes(b"x" * 1234)
    (home / "a.etag").write_text('"old"')
    server.then = whole()
    assert get().read_bytes() == CONTENT
    assert len(server.requests) == 1


def test_a_damaged_part_without_a_version_is_found_out_and_loaded_again(get, server, home):
    (home / "a.part").write_bytes(b"x" * 1234)
    server.then = whole(etag="")
    assert get().read_bytes() == CONTENT
    assert [request.get("range") for request in server.requests] == ["bytes=1234-", None]


def test_without_a_version_and_a_hash_a_part_is_not_trusted(get, server, home):
    (home / "a.part").write_bytes(CONTENT[:1234])
    server.then = whole(etag="")
    assert get(WeightsFile("a")).read_bytes() == CONTENT
    assert "range" not in server.requests[0]


def test_a_server_that_cannot_resume_sends_all_again(get, server):
    server.answers = [cut(HALF)]
    server.then = whole(resumable=False)
    assert get().read_bytes() == CONTENT


def test_a_whole_part_needs_only_its_check(get, server, home):
    (home / "a.part").write_bytes(CONTENT)
    (home / "a.etag").write_text('"v1"')
    server.then = whole()
    assert get().read_bytes() == CONTENT
    (home / "a").unlink()
    (home / "a.part").write_bytes(CONTENT + b"too much")
    assert get().read_bytes() == CONTENT


def test_a_server_that_always_breaks_off_gives_up_and_keeps_what_came(get, server, home):
    server.answers = [cut(HALF)]
    server.then = cut(0)
    with pytest.raises(WeightsError, match=rf"broke at {HALF:,} of {len(CONTENT):,}.*the {HALF:,} bytes .* are kept"):
        get()
    assert left(home) == ["a.etag", "a.part"]
    assert len(server.requests) == 1 + module.RETRIES
    server.then = whole()
    assert get().read_bytes() == CONTENT
    assert left(home) == ["a"]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (whole(CONTENT + b"!"), rf"has {len(CONTENT) + 1:,} bytes instead of {len(CONTENT):,}"),
        (whole(CONTENT[:-1]), rf"has {len(CONTENT) - 1:,} bytes instead of {len(CONTENT):,}"),
        (whole(b"x" * len(CONTENT)), "its bytes are not those that were published; nothing of it was kept"),
        (status(404), r"a is not there \(HTTP 404\)"),
        (status(410), "is not there"),
        (status(401), "access is refused .*HF_TOKEN"),
        (status(418), "the server answers 418"),
        (whole(b"<html>log in</html>", Content_Type="text/html"), "a web page came instead of the file"),
        (status(302, Location="ftp://example.org/a"), "less safe: not followed"),
        (status(302, Location="file:///etc/passwd"), "not allowed"),
    ],
)
def test_wrong_answers_end_in_a_clear_error_with_nothing_written(get, server, home, answer, message):
    server.then = answer
    with pytest.raises(WeightsError, match=message):
        get()
    assert left(home) == []
    assert len(server.requests) == 1


def test_a_missing_file_is_its_own_error(get, server):
    server.then = status(404)
    with pytest.raises(NotThereError):
        get()


def test_wrong_bytes_after_a_resumed_download_are_loaded_once_more(get, server, home):
    server.answers = [cut(HALF, b"x" * len(CONTENT))]
    server.then = whole(b"x" * len(CONTENT))
    with pytest.raises(WeightsError, match="not those that were published"):
        get()
    assert left(home) == []
    assert [request.get("range") for request in server.requests] == [None, f"bytes={HALF}-", None]


def test_a_busy_server_is_asked_again_when_it_says_so(get, server, monkeypatch):
    waited = []
    monkeypatch.setattr(module.time, "sleep", waited.append)
    server.answers = [status(503, Retry_After="7"), status(429, Retry_After="900"), status(502)]
    server.then = whole()
    assert get().read_bytes() == CONTENT
    assert waited == [7, module.MAX_WAIT_S, 0]


def test_redirects_are_followed_and_secrets_stay_at_the_first_host(get, server, home):
    other, second = serve()
    try:
        second.then = whole()
        server.then = status(302, Location=f"{second.url}/elsewhere")
        get(secret_headers={"Authorization": "Bearer secret"})
    finally:
        other.shutdown()
        other.server_close()
    assert server.requests[0]["authorization"] == "Bearer secret"
    assert "authorization" not in second.requests[0]
    assert second.paths == ["/elsewhere"]


def test_redirects_in_a_circle_end(get, server):
    server.then = status(302, Location="/a")
    with pytest.raises(WeightsError, match="302"):
        get()


def test_https_never_becomes_http():
    redirects = module._Redirects()
    request = module.urllib.request.Request("https://example.org/a")
    with pytest.raises(WeightsError, match="less safe"):
        redirects.redirect_request(request, None, 302, "", {}, "http://example.org/a")


def test_a_slow_server_is_waited_for(get, server):
    server.then = slow(5, 0.02)
    assert get().read_bytes() == CONTENT


def test_a_stalled_server_is_left_and_asked_again(get, server, monkeypatch):
    monkeypatch.setattr(module, "TIMEOUT_S", 1.0)
    gate = threading.Event()
    server.answers = [held(gate, HALF)]
    server.then = whole()
    assert get().read_bytes() == CONTENT
    gate.set()
    assert server.requests[1]["range"] == f"bytes={HALF}-"


def test_a_dead_server_is_tried_twice(home):
    running = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    port = running.server_address[1]
    running.server_close()
    with pytest.raises(WeightsError, match=r"could not download .*refused"):
        download(f"http://127.0.0.1:{port}/a", home / "a", pinned("a"))
    assert left(home) == []


def test_ctrl_c_leaves_a_part_that_resumes(get, server, home):
    server.then = whole()

    def interrupt(name, done, total):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get(progress=interrupt)
    assert left(home) == ["a.etag", "a.part"]
    kept = (home / "a.part").stat().st_size
    assert 0 < kept < len(CONTENT)
    assert get().read_bytes() == CONTENT
    assert server.requests[1]["range"] == f"bytes={kept}-"


def test_an_unpinned_file_of_unknown_length_is_refused(get, server, home):
    def endless(request):
        request.send_response(200)
        request.end_headers()
        request.wfile.write(CONTENT)

    server.then = endless
    with pytest.raises(WeightsError, match="doesn't say how long"):
        get(WeightsFile("a"))
    assert left(home) == []
    assert get().read_bytes() == CONTENT  # a hash is enough


def test_an_md5_is_checked_where_authors_publish_no_more(get, server, home):
    server.then = whole()
    good = WeightsFile("a", md5=md5(CONTENT))
    assert get(good).read_bytes() == CONTENT
    (home / "a").unlink()
    with pytest.raises(WeightsError, match="not those that were published"):
        get(WeightsFile("a", md5=md5(b"other")))
    assert left(home) == []


@pytest.mark.parametrize("is_large", [True, False])
def test_the_hubs_own_digest_is_checked(get, server, home, is_large):
    def answers(content, named):
        digest = sha256(named) if is_large else blob_name(named)
        if is_large:  # as the hub does: it names the file where it redirects
            return [status(302, Location="/store", X_Linked_Etag=f'"{digest}"', X_Repo_Commit="c"), whole(content)]
        return [whole(content, etag=f'"{digest}"', X_Repo_Commit="c")]

    server.answers = answers(CONTENT, CONTENT)
    assert get(WeightsFile("a")).read_bytes() == CONTENT
    (home / "a").unlink()
    server.answers = answers(b"y" * len(CONTENT), CONTENT)
    with pytest.raises(WeightsError, match="not those that the server announced"):
        get(WeightsFile("a"))
    assert left(home) == []


def test_another_file_at_the_hub_is_refused_before_it_is_loaded(get, server, home):
    server.answers = [status(302, Location="/store", X_Linked_Etag=f'"{sha256(b"other")}"'), whole()]
    with pytest.raises(WeightsError, match="another file"):
        get(WeightsFile("a", sha256=sha256(CONTENT)))
    assert left(home) == []


@pytest.mark.parametrize(
    ("mirror", "expected"),
    [
        ("", "https://github.com/a/b.pth?x=1"),
        ("https://mirror.example", "https://mirror.example/a/b.pth?x=1"),
        ("https://mirror.example/weights/", "https://mirror.example/weights/a/b.pth?x=1"),
        ("http://mirror.example/{host}", "http://mirror.example/github.com/a/b.pth?x=1"),
    ],
)
def test_a_mirror_takes_the_place_of_the_host(monkeypatch, mirror, expected):
    monkeypatch.setenv(module.MIRROR_VARIABLE, mirror)
    assert mirrored("https://github.com/a/b.pth?x=1") == expected


def test_a_proxy_of_the_environment_is_used(home, server, monkeypatch):
    monkeypatch.setenv("http_proxy", server.url)
    server.then = whole()
    download("http://weights.example/a", home / "a", pinned("a"))
    assert server.paths == ["http://weights.example/a"]


@settings(max_examples=15)
@given(st.lists(st.integers(0, len(CONTENT)), max_size=5))
def test_any_row_of_cuts_ends_in_the_same_bytes(tmp_path_factory, cuts):
    folder = tmp_path_factory.mktemp("cuts")
    running, world = serve()
    try:
        world.answers = [cut(after) for after in cuts]
        world.then = whole()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "BACKOFF_S", 0.0)
            download(f"{world.url}/a", folder / "a", pinned("a"))
    finally:
        running.shutdown()
        running.server_close()
    assert (folder / "a").read_bytes() == CONTENT
    assert left(folder) == ["a"]
