"""Pairs from a text file, two names a line, as hloc and scenesort write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from scenesort.errors import OptionError
from scenesort.plugins import did_you_mean
from scenesort.retrieval.proposals import Proposals, proposals


def read_pairs(path: Path, names: tuple[str, ...]) -> Proposals:
    """Read pairs of the photos `names` (n,), whose rows they become; empty lines are left out, repeated pairs merged.

    Names are separated by a space or a tab; names that hold spaces are recognised. Raises OptionError, naming the line,
    for a photo that isn't among `names`, a pair of a photo with itself and a line that can be read in two ways.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig", errors="surrogateescape").split("\n")
    except OSError as error:
        raise OptionError(f"{path} can't be read: {error.strerror or error}") from error
    row_of = {name: row for row, name in enumerate(names)}
    pairs = [
        _parsed(line.strip(), row_of, f"{path}, line {number}") for number, line in enumerate(lines, 1) if line.strip()
    ]
    return proposals("file", np.array(pairs, dtype=np.int64).reshape(-1, 2))


def _parsed(line: str, row_of: dict[str, int], where: str) -> tuple[int, int]:
    cuts = [(line[:at].rstrip(), line[at:].lstrip()) for at, letter in enumerate(line) if letter in " \t"]
    known = sorted({cut for cut in cuts if cut[0] in row_of and cut[1] in row_of})
    if len(known) > 1:
        raise OptionError(
            f"{where}: '{line}' can be cut into two names in {len(known)} ways: rename photos with spaces"
        )
    if not known:
        if len(cuts) != 1:
            raise OptionError(f"{where}: '{line}' is not two names of photos of this collection, separated by a space")
        unknown = cuts[0][0] if cuts[0][0] not in row_of else cuts[0][1]
        raise OptionError(f"{where}: no photo is named '{unknown}'{did_you_mean(unknown, list(row_of))}")
    first, second = known[0]
    if first == second:
        raise OptionError(f"{where}: '{first}' is paired with itself")
    return row_of[first], row_of[second]
