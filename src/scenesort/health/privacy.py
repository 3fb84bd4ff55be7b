"""Takes out of a text what others need not know: paths, addresses, the names of user and machine."""

from __future__ import annotations

import contextlib
import getpass
import os
import platform
import re
import socket
import tempfile
from dataclasses import dataclass

_INSTALLED = re.compile(r"[^\s'\"]*/(?:site|dist)-packages/(?=[\w.+-]+)")
_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s'\"]+", re.IGNORECASE)
_QUOTED_PATH = re.compile(r"(['\"])(~?/[^'\"\n]*)\1")
# Names of folders and files may hold spaces: what stands before the next slash, or before a colon, goes, too.
_REST = r"(?:[^/\n'\"]*/)*(?:[^\n'\":]*(?=:)|[^\s'\",;:)\]}<>]*)"
_PATH = re.compile(rf"(?:^|(?<=[\s=(\[{{<>,;:'\"]))(?:~[\w.-]*)?/{_REST}", re.MULTILINE)

_NO_SECRETS = frozenset(
    {"root", "user", "localhost", "scenesort", "python", "linux", "ok", "warning", "problem", "gpu", "cuda", "mps"}
    | {"processor", "cpu", "core", "cores", "memory", "free", "disk", "folder", "temp", "working", "weights", "device"}
    | {"packages", "imports", "pip", "check", "self", "test", "photos", "score", "torch", "numpy", "failed", "after"}
)
"""Names that tell nothing of anybody: they are words of the report itself."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What this machine's texts may give away.

    `places` are paths with the words that stand for them, longest first; `names` likewise those of user and machine.
    """

    places: tuple[tuple[str, str], ...]
    names: tuple[tuple[str, str], ...]


def own_secrets() -> Secrets:
    """Return the secrets of this process: its folders, its user and its machine."""
    places: dict[str, str] = {}
    with contextlib.suppress(OSError):  # a folder that was deleted
        places[os.getcwd()] = "<working folder>"
    with contextlib.suppress(OSError):
        places[tempfile.gettempdir()] = "<temp folder>"
    home = os.path.expanduser("~")
    places[home] = "<home folder>"
    for path, word in list(places.items()):
        places.setdefault(os.path.realpath(path), word)
    names = {os.path.basename(home): "<user>"}
    for variable in ("USER", "LOGNAME", "SUDO_USER"):
        names[os.environ.get(variable, "")] = "<user>"
    with contextlib.suppress(KeyError, OSError):  # a container's user may be in no list
        names[getpass.getuser()] = "<user>"
    for host in (socket.gethostname(), platform.node(), os.environ.get("HOSTNAME", "")):
        names |= {host: "<host>", host.partition(".")[0]: "<host>"}
    return Secrets(
        tuple(sorted(((path, word) for path, word in places.items() if len(path) > 1), key=_longest_first)),
        tuple(
            sorted(
                ((name, word) for name, word in names.items() if _is_telling(name)),
                key=_longest_first,
            )
        ),
    )


def conceal(text: str, secrets: Secrets) -> str:
    """Return a text without paths, addresses and names.

    Of a file in an installed package the path inside site-packages stays. Of any other path at most the word for the
    known folder that it begins with is left.
    """
    text = _ADDRESS.sub("<address>", text)
    text = _INSTALLED.sub("", text)
    # Between quotes a path ends where they do, whatever is in it.
    text = _QUOTED_PATH.sub(lambda found: found[1] + _word_for(found[2], secrets) + found[1], text)
    for path, word in secrets.places:
        text = re.sub(rf"(?<![\w.-]){re.escape(path)}(?:/{_REST}|(?![\w.-]))", word, text)
    text = _PATH.sub("<path>", text)
    for name, word in secrets.names:
        text = re.sub(rf"(?<![A-Za-z0-9<]){re.escape(name)}(?![A-Za-z0-9>])", word, text, flags=re.IGNORECASE)
    return text


def _word_for(path: str, secrets: Secrets) -> str:
    return next((word for place, word in secrets.places if path == place or path.startswith(f"{place}/")), "<path>")


def _is_telling(name: str) -> bool:
    return len(name) > 1 and not name.isdigit() and name.lower() not in _NO_SECRETS


def _longest_first(pair: tuple[str, str]) -> tuple[int, str]:
    return -len(pair[0]), pair[0]
