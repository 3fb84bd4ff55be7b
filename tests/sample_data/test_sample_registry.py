"""The registry is complete, agrees with itself, and invents no number."""

from __future__ import annotations

import re
from collections import Counter
from urllib.parse import urlsplit

import pytest

from scenesort.sample_data import PILES, REGISTRY, SampleDataError
from scenesort.sample_data.contents import files_below, repository
from scenesort.sample_data.layouts import is_wanted
from scenesort.sample_data.registry import check_pile, members_of, set_of

HOSTS = {"documents.epfl.ch", "github.com", "raw.githubusercontent.com"}
SETS = list(REGISTRY.values())
SOURCES = [(entry, source) for entry in SETS for source in entry.sources]


@pytest.mark.parametrize("entry", SETS, ids=lambda entry: entry.name)
def test_every_set_tells_terms_and_citation(entry) -> None:
    assert re.fullmatch(r"[a-z0-9-]+", entry.name)
    assert entry.terms
    assert entry.terms_from
    assert entry.citation
    assert entry.num_photos >= 3
    assert entry.needs_consent or "Creative Commons" in entry.terms


@pytest.mark.parametrize(("entry", "source"), SOURCES, ids=lambda value: value.name)
def test_every_file_has_an_address_and_honest_checksums(entry, source) -> None:
    assert source.known_from
    assert urlsplit(source.page).scheme == "https"
    assert max(Counter(file.url for file in source.files).values()) == 1
    for file in source.files:
        address = urlsplit(file.url)
        assert (address.scheme, address.netloc in HOSTS) == ("https", True)
        assert address.path.endswith(file.path)
        assert file.digest is None or re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", file.digest)
        assert file.reported is None or re.fullmatch(r"[0-9a-f]{64}", file.reported)
        assert file.is_archive or is_wanted(file.path) or file.path.endswith("_P.txt")
        # Only what a repository's commit holds can be pinned: others publish no hash.
        assert (file.digest is not None) == (address.netloc == "raw.githubusercontent.com")
        assert file.digest or file.size_bytes is None


@pytest.mark.parametrize(("entry", "source"), SOURCES, ids=lambda value: value.name)
def test_listed_photos_are_as_many_as_the_set_says(entry, source) -> None:
    photos = [file for file in source.files if file.path.lower().endswith((".jpg", ".png"))]
    unposed = 2 if entry.name == "kermit" else 0
    assert len(photos) in (0, entry.num_photos + unposed)
    cameras = [file for file in source.files if file.path.endswith((".camera", "_P.txt"))]
    assert len(cameras) in (0, entry.num_photos)
    assert (source.layout == "photos only") == (not entry.truth)


def test_sources_say_how_they_are_checked() -> None:
    epfl, copy = REGISTRY["fountain-p11"].sources
    assert epfl.checksums.startswith("none published; the first download's SHA-256 is recorded")
    assert "a third party reported" in epfl.checksums
    assert epfl.size_mb is None
    assert copy.checksums.startswith("SHA-256 of every file")
    assert copy.size_mb == pytest.approx(32.95, abs=0.01)
    assert REGISTRY["gerrard-hall"].sources[0].size_mb == 959
    assert "third party" not in REGISTRY["gerrard-hall"].sources[0].checksums
    assert "git's own name" in REGISTRY["buddha"].sources[0].checksums


def test_lists_of_files_are_of_one_commit() -> None:
    owner, commit, files = repository("strecha")
    assert owner == "openMVG/SfM_quality_evaluation"
    assert len(files) == 2 * (11 + 10 + 19 + 30 + 8 + 25)
    assert all(f"/{commit}/" in file.url for file in files)
    assert len(files_below("strecha", "Benchmarking_Camera_Calibration_2008/castle-P19/")) == 38


def test_names_and_sources_that_do_not_exist() -> None:
    with pytest.raises(SampleDataError, match=r"no photo set 'fountain' \(did you mean"):
        set_of("fountain")
    with pytest.raises(SampleDataError, match="no kind of source is called 'github'; there are: original, copy"):
        REGISTRY["castle-p30"].source("github")
    assert REGISTRY["castle-p30"].source("copy").name == "copy"
    assert REGISTRY["castle-p30"].source(None).name == "original"
    assert REGISTRY["fox"].source("copy").name == "original"


def test_piles_show_different_places() -> None:
    for name in PILES:
        assert name not in REGISTRY
        check_pile(name, members_of(name))
    assert [entry.name for entry in members_of("strecha")] == ["castle-p30", "herz-jesu-p25"]
    with pytest.raises(SampleDataError, match="'castle-p30' and 'entry-p10' both show the courtyard"):
        check_pile("both", [REGISTRY["castle-p30"], REGISTRY["herz-jesu-p8"], REGISTRY["entry-p10"]])
    check_pile("twice", [REGISTRY["fox"], REGISTRY["fox"]])
