"""The files of aligned cameras and their names."""

from __future__ import annotations

from pathlib import Path

from cameras_made_up import made_up_scene

from scenesort.report import cameras_files
from scenesort.report.cameras_view import lay_out


def test_names_are_safe_and_differ(tmp_path: Path) -> None:
    names = ["gate", "GATE", "a/b", "a:b", "..", "Tor Süd", "x" * 300]
    cameras_files.write(tmp_path, [lay_out(made_up_scene(name), {}) for name in names])
    written = sorted(path.stem for path in (tmp_path / "park").glob("*.glb"))
    assert written == sorted(["gate", "GATE_2", "a_b", "a_b_2", "__", "Tor Süd", "x" * 120])
    assert sorted(path.stem for path in (tmp_path / "park").glob("*.png")) == written
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cameras.html", "park"]
