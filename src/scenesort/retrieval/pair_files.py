"""Pairs from a text file, two names a line, as hloc and scenesort write them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from scenesort.errors import OptionError
from scenesort.plugins import did_you_mean
from scenesort.retrieval.proposals import Proposals, proposals


def read_pairs(
    path: Path, names: Sequence[str], same_as: Mapping[str, str] | None = None, left_out: Collection[str] = ()
) -> Proposals:
    """Read pairs of the photos `names` (n,), whose rows they become; empty lines are left out, repeated pairs merged.

    Names are separated by a space or a tab; names that hold spaces are recognised. `same_as`: exact copies by name,
    with the photo that stands for them. `left_out`: files of the collection that can't be used; their pairs are passed
    over, as those of a photo with its copy are. Raises OptionError, naming the line, for a photo that is none of these,
    a pair of a photo with itself and a line that can be read in two ways.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig", errors="surrogateescape").split("\n")
    except OSError as error:
        raise OptionError(f"{path} can't be read: {error.strerror or error}") from error
    row_of = {name: row for row, name in enumerate(names)}
    row_of |= {copy: row_of[name] for copy, name in (same_as or {}).items() if name in row_of}
    known = dict.fromkeys([*row_of, *(same_as or {}), *left_out])
    cuts = [
        _parsed(line.strip(), known, f"{path}, line {number}") for number, line in enumerate(lines, 1) if line.strip()
    ]
    pairs = [(row_of[first], row_of[second]) for first, second in cuts if first in row_of and second in row_of]
    return proposals("file", np.array(pairs, dtype=np.int64).reshape(-1, 2))


def _parsed(line: str, names: Mapping[str, None], where: str) -> tuple[str, str]:
    cuts = [(line[:at].rstrip(), line[at:].lstrip()) for at, letter in enumerate(line) if letter in " \t"]
    known = sorted({cut for cut in cuts if cut[0] in names and cut[1] in names})
    if len(known) > 1:
        raise OptionError(
            f"{where}: '{line}' can be cut into two names in {len(known)} ways: rename photos with spaces"
        )
    if not known:
        if len(cuts) != 1:
            raise OptionError(f"{where}: '{line}' is not two names of photos of this collection, separated by a space")
        unknown = cuts[0][0] if cuts[0][0] not in names else cuts[0][1]
        raise OptionError(f"{where}: no photo is named '{unknown}'{did_you_mean(unknown, list(names))}")
    first, second = known[0]
    if first == second:
        raise OptionError(f"{where}: '{first}' is paired with itself")
    return first, second
