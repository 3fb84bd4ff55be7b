from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from scenesort.bundle import BundleRequest, Created
from scenesort.commands import app

runner = CliRunner()


def called(*words: object, status: int = 0) -> str:
    found = runner.invoke(app, ["bundle", *map(str, words)])
    assert found.exit_code == status, found.output
    return found.output


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the command asks for; nothing is made."""
    seen: dict[str, Any] = {}

    def create(request: BundleRequest, out: Path, **_: Any) -> Created:
        seen.update(request=request, out=out)
        line = f"python {out.name}/install.py"
        return Created(out, 40, 32, 2, 367_100_000, line, out / "scenesort-challenge.ipynb", ("torch is large",))

    monkeypatch.setattr("scenesort.bundle.create", create)
    return seen


def test_every_option_reaches_the_request(asked: dict[str, Any], tmp_path: Path) -> None:
    printed = called(
        "create",
        *("--models", "balanced,dinov2-base,llava-1.5-7b", "--python", "3.11", "--platform", "manylinux_2_28_x86_64"),
        *("--accelerator", "cu12x", "--pin", "transformers==5.23.0", "--source", f"mast3r={tmp_path}"),
        *("--without", "torch==2.6.0", "--part-size", "2GB", "--zip", "--dataset", "ann/pile", "--accept-licence"),
        *("--extra-index", "https://index.example", "--wheels", tmp_path, "-o", tmp_path / "bundle"),
    )
    assert asked["request"] == BundleRequest(
        models=("balanced", "dinov2-base", "llava-1.5-7b"),
        accelerator="cu12x",
        pins=("transformers==5.23.0",),
        sources=(("mast3r", tmp_path),),
        without=(("torch", "2.6.0"),),
        part_bytes=2_000_000_000,
        as_zip=True,
        dataset="ann/pile",
        accept_licence=True,
        extra_index_urls=("https://index.example",),
        wheel_folders=(tmp_path,),
    )
    assert asked["out"] == tmp_path / "bundle"
    assert "40 files, 367.1 MB in 2 parts" in printed
    assert "python bundle/install.py" in printed
    assert "warning: torch is large" in printed


def test_the_default_is_the_default_preset_for_a_cpu(asked: dict[str, Any]) -> None:
    printed = called("create")
    assert asked["request"] == BundleRequest(("balanced",))
    assert asked["out"] == Path("bundle")
    assert "--dataset USER/SLUG" in printed


@pytest.mark.parametrize(
    ("words", "said", "status"),
    [
        (("create", "--models", "balancd"), "did you mean 'balanced'", 9),
        (("create", "--python", "3.12"), "scenesort runs on Python", 2),
        (("create", "--platform", "win_amd64"), "manylinux_2_28_x86_64", 2),
        (("create", "--part-size", "many"), "2GB", 2),
        (("create", "--source", "mast3r=nowhere"), "no folder nowhere", 2),
        (("verify", "nowhere"), "there is no bundle nowhere", 9),
    ],
)
def test_mistakes_are_one_sentence(words: tuple[str, ...], said: str, status: int) -> None:
    printed = called(*words, status=status)
    assert said in printed
    assert len(printed.splitlines()) == 1


def test_a_damaged_bundle_is_listed_and_ends_with_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from scenesort.bundle.standalone.contents import BundledFile, Manifest, Piece
    from scenesort.bundle.verifying import Verified

    files = (BundledFile("a", 5, "0", (Piece("a", 1, 5, "0"),)),)
    manifest = Manifest("i", "1.0", "3.11", "manylinux_2_28_x86_64", "cpu", (), {}, 3, files)
    found = Verified(manifest, (1, 3), (2,), ("a",), ("b: its bytes changed",), tuple(f"x{n}" for n in range(25)))
    monkeypatch.setattr("scenesort.bundle.verify", lambda _: found)
    printed = called("verify", tmp_path, status=9)
    for line in ("missing: a", "damaged: b: its bytes changed", "not of the bundle: 5 more", "part 2 of 3"):
        assert line in printed
    assert "1 missing, 1 damaged, 25 not of the bundle" in printed
    good = Verified(manifest, (1, 2, 3), (), (), (), ())
    monkeypatch.setattr("scenesort.bundle.verify", lambda _: good)
    assert "every byte is as it was bundled" in called("verify", tmp_path)
