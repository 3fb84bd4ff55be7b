"""Runs with limits of time and memory, on rendered photos."""

from __future__ import annotations

import json
import shutil

import pytest

import scenesort
from rendered import options, read_rows
from scenesort import evaluation
from scenesort.errors import OptionError

pytest_plugins = ["rendered"]


class TestTimeLimit:
    def test_a_generous_limit_changes_nothing(self, pile, finished, tmp_path):
        limited = options(budget__time_limit_s=36000.0)
        result = scenesort.run(pile.photos, tmp_path / "out", options=limited)
        assert (tmp_path / "out" / "submission.csv").read_bytes() == (finished.out / "submission.csv").read_bytes()
        assert result.collections["pile"].notices == finished.collections["pile"].notices

    @pytest.mark.parametrize("limit_s", [0.1, 3.0])
    def test_next_to_no_time_leaves_a_valid_submission_and_says_so(self, pile, tmp_path, limit_s):
        result = scenesort.run(
            pile.photos,
            tmp_path / "out",
            options=options(budget__time_limit_s=limit_s),
            labels=pile.labels,
            thresholds=pile.thresholds,
        )
        assert len(read_rows(tmp_path / "out" / "submission.csv")) == 12
        assert result.evaluation is not None
        notices = result.collections["pile"].notices
        assert any(sentence.startswith("time limit: ") for sentence in notices)
        assert json.loads((tmp_path / "out" / "summary.json").read_text())["collections"]["pile"]["notices"] == [
            *notices
        ]

    def test_mapping_cut_short_is_no_artefact(self, pile, finished, tmp_path):
        """A limited run must leave nothing that a later run without a limit would take for whole."""
        out = tmp_path / "out"
        for limit_s in (0.1, 5.0, 9.0):
            scenesort.run(pile.photos, out, options=options(budget__time_limit_s=limit_s))
        scenesort.run(pile.photos, out, options=options())
        assert (out / "submission.csv").read_bytes() == (finished.out / "submission.csv").read_bytes()

    def test_a_better_earlier_result_is_kept(self, pile, finished, tmp_path):
        out = tmp_path / "out"
        shutil.copytree(finished.out, out)
        before = {path: path.read_bytes() for path in out.rglob("*.csv")}
        result = scenesort.run(pile.photos, out, options=options(budget__time_limit_s=0.1, seed=5))
        assert "whose results are kept" in result.collections["pile"].notices[-1]
        assert {path: path.read_bytes() for path in out.rglob("*.csv")} == before

    def test_cheap_collections_come_first_and_all_get_rows(self, pile, tmp_path):
        root = tmp_path / "collections"
        sizes = {"a_large": pile.names("market"), "b_small": pile.names("lane")[:3]}
        for name, names in sizes.items():
            pile.copy(names, root / name)
        seen = []

        class Listener(scenesort.progress.Silent):
            def collection(self, name):
                seen.append(name)

        result = scenesort.run(
            collections=root,
            out=tmp_path / "out",
            options=options(budget__time_limit_s=3600.0),
            progress=Listener(),
        )
        assert seen == ["b_small", "a_large"]
        assert list(result.collections) == ["a_large", "b_small"]
        rows = [(row["dataset"], row["image"]) for row in read_rows(tmp_path / "out" / "submission.csv")]
        assert rows == [(name, image) for name, names in sizes.items() for image in sorted(names)]


class TestMemoryLimit:
    def test_too_little_is_refused_with_what_is_needed(self, pile, tmp_path):
        with pytest.raises(OptionError, match=r"needs about \d+ MB"):
            scenesort.run(pile.photos, tmp_path / "out", options=options(budget__memory_limit_mb=200.0))

    def test_fewer_workers(self, pile, tmp_path):
        limited = options(budget__memory_limit_mb=1200.0, execution__workers=4)
        scenesort.run(pile.photos, tmp_path / "out", options=limited)
        summary = json.loads((tmp_path / "out" / "summary.json").read_text())
        assert summary["workers"] == 2
        # SIFT alone needs no network, and comparing looks would load one into each worker.
        assert summary["options"]["scenes"]["likeness"] == "none"
        assert evaluation.score(pile.labels, tmp_path / "out" / "submission.csv", pile.thresholds).score >= 90
