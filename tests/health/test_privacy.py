"""Nothing that names a person, a machine or a folder stays in a text."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenesort.health import Secrets, conceal, own_secrets

ALICE = Secrets(
    (("/srv/team work/alice", "<working folder>"), ("/home/alice", "<home folder>")),
    (("wonderland.example.org", "<host>"), ("wonderland", "<host>"), ("alice", "<user>")),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("can't open /home/alice/photos/a.jpg: no", "can't open <home folder>: no"),
        ("at /home/alice", "at <home folder>"),
        ("at /home/alicewonder/x", "at <path>"),
        ("'/home/alice/My Photos/a b.jpg' is bad", "'<home folder>' is bad"),
        ("'/data/My Photos/a b.jpg' is bad", "'<path>' is bad"),
        ("/data/My Photos/a b.jpg: bad", "<path>: bad"),
        ("in /srv/team work/alice/run", "in <working folder>"),
        ("cached in ~/.cache/torch", "cached in <path>"),
        ("cached in ~bob/torch", "cached in <path>"),
        ("path=/opt/x, y", "path=<path>, y"),
        (
            'File "/home/alice/venv/lib/python3.11/site-packages/torch/lib/libc10.so" lacks x',
            'File "torch/lib/libc10.so" lacks x',
        ),
        ("from https://alice:secret@mirror.example.org/simple now", "from <address> now"),
        ("file:///home/alice/wheel.whl", "<address>"),
        ("Alice on wonderland and wonderland.example.org", "<user> on <host> and <host>"),
        ("alices_photos, alice_photos, malice", "alices_photos, <user>_photos, malice"),
        ("torch/nn and 3.5 MB/s of 1/2", "torch/nn and 3.5 MB/s of 1/2"),
        ("numpy 2.4.6 (<3,>=2.0)", "numpy 2.4.6 (<3,>=2.0)"),
    ],
)
def test_what_goes_and_what_stays(text: str, expected: str) -> None:
    assert conceal(text, ALICE) == expected


words = st.from_regex(r"[a-z]{6,10}", fullmatch=True)


@given(
    user=words,
    parts=st.lists(st.from_regex(r"[A-Za-z0-9_.-]{1,8}( [A-Za-z0-9_]{1,8})?", fullmatch=True), max_size=4),
    before=st.sampled_from(["", "can't read ", "OSError: ", "dlopen(", '"', "x='", "a, b;", "[Errno 2] "]),
    after=st.sampled_from(["", ": no such file", ", and more", ") failed", "' is bad", '"']),
)
def test_no_path_gives_its_user_away(user: str, parts: list[str], before: str, after: str) -> None:
    home = f"/home/{user}"
    text = before + "/".join([home, *parts, "file.so"]) + after
    for secrets in (Secrets(((home, "<home folder>"),), ((user, "<user>"),)), Secrets((), ())):
        hidden = conceal(text, secrets)
        assert user not in hidden
        assert home not in hidden


def test_own_secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", "/home/alice")
    monkeypatch.setenv("USER", "queen")
    monkeypatch.setattr(socket, "gethostname", lambda: "wonderland.example.org")
    monkeypatch.chdir(tmp_path)
    secrets = own_secrets()
    text = conceal(f"/home/alice/a; {tmp_path}; alice, QUEEN, wonderland and wonderland.example.org", secrets)
    for secret in ("alice", "QUEEN", "wonderland", "example", str(tmp_path)):
        assert secret not in text


def test_names_that_tell_nothing_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/root")
    for variable in ("USER", "LOGNAME", "SUDO_USER"):
        monkeypatch.setenv(variable, "gpu")
    assert "gpu" not in dict(own_secrets().names)
    assert "root" not in dict(own_secrets().names)
