"""Options: presets, TOML, `--set`, and what is refused."""

import dataclasses
import tomllib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scenesort import config, matching
from scenesort.config import Options, explain, flatten, parse_assignments, preset, read_toml, to_toml, with_values
from scenesort.errors import OptionError

DEFAULTS = flatten(Options())
printable = st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), max_size=20)


@pytest.mark.parametrize("name", config.PRESETS)
def test_a_preset_is_made_of_valid_values_and_keeps_the_rest(name):
    made = flatten(preset(name))
    for option, value in DEFAULTS.items():
        assert made[option] == config.PRESETS[name].get(option, value)
    assert matching.parse_mix(preset(name).matching.mix)
    assert name in config.PRESET_NOTES


def test_a_preset_starts_from_the_options_given():
    base = with_values(Options(), {"seed": 7, "features.sift_keypoints": 99})
    made = preset("fast", base)
    assert made.seed == 7
    assert made.features.sift_keypoints == config.PRESETS["fast"]["features.sift_keypoints"]


def test_an_unknown_preset_gets_a_suggestion():
    with pytest.raises(OptionError, match=r"no preset 'fats' \(did you mean 'fast'\?\); there are: fast, balanced"):
        preset("fats")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("matching.max_ration", 0.8, r"no option 'matching.max_ration' \(did you mean 'matching.max_ratio'\?\)"),
        ("machting.max_ratio", 0.8, "did you mean 'matching.max_ratio'"),
        ("sed", 1, "did you mean 'seed'"),
        ("matching", {}, "no option 'matching'"),
        ("seed", -1, "seed = -1: must be at least 0"),
        ("seed", True, "type int"),
        ("seed", 1.5, "type int"),
        ("matching.max_ratio", "high", "type float"),
        ("matching.max_ratio", True, "type float"),
        ("matching.max_ratio", float("nan"), "a finite number"),
        ("seed", 5_000_000_000, "at most"),
        ("verification.confidence", 99.0, "at most"),
        ("photos.single_camera", 1, "type bool"),
        ("photos.camera_model", "PINHOL", "choose one of SIMPLE_PINHOLE, PINHOLE"),
        ("matching.mix", [], "a list of words is wanted"),
        ("matching.mix", [1], "a list of words is wanted"),
        ("mapping.timeout_s", 0, "at least 1"),
    ],
)
def test_a_wrong_value_is_refused_by_name(name, value, message):
    with pytest.raises(OptionError, match=message):
        with_values(Options(), {name: value})


def test_values_are_converted_where_nothing_is_lost():
    made = with_values(
        Options(), {"matching.max_ratio": 1, "photos.camera_params": 900, "matching.mix": "sift+nearest, xfeat+nearest"}
    )
    assert (made.matching.max_ratio, type(made.matching.max_ratio)) == (1.0, float)
    assert made.photos.camera_params == "900"
    assert made.matching.mix == ("sift+nearest", "xfeat+nearest")


def test_words_of_a_list_keep_their_commas_and_some_lists_may_be_empty():
    prompts = ["captions.prompts=What is it, in a word?", " captions.max_new_tokens=9 "]
    made = with_values(Options(), {"retrieval.members": prompts})
    assert made.retrieval.members == ("captions.prompts=What is it, in a word?", "captions.max_new_tokens=9")
    assert with_values(made, {"retrieval.members": []}).retrieval.members == ()
    assert with_values(made, {"retrieval.members": ""}).retrieval.members == ()


def test_options_given_are_left_as_they_were():
    given_options = Options()
    with_values(given_options, {"seed": 3, "matching.max_ratio": 0.5})
    assert given_options == Options()


@given(
    seed=st.integers(0, config.MAX_INTEGER),
    ratio=st.floats(0.1, allow_nan=False, allow_infinity=False),
    single=st.booleans(),
    words=st.lists(st.from_regex(r"[a-z]{1,5}\+[a-z]{1,5}", fullmatch=True), min_size=1, max_size=3),
    masks=printable,
)
@example(seed=0, ratio=0.8, single=True, words=["a+b"], masks='line\n\x7f a\\b"c ä #=')
def test_toml_reads_back_what_was_written(tmp_path_factory, seed, ratio, single, words, masks):
    values = {
        "seed": seed,
        "matching.max_ratio": ratio,
        "photos.single_camera": single,
        "matching.mix": words,
        "photos.masks": masks,
    }
    options = with_values(Options(), values)
    path = tmp_path_factory.mktemp("toml") / "config.toml"
    path.write_text(to_toml(options), encoding="utf-8")
    assert with_values(Options(), read_toml(path)) == options


def test_toml_holds_every_option_once():
    tables = tomllib.loads(to_toml(Options()))
    names = {f"{group}.{item}" for group in config.GROUPS for item in tables[group]} | {"seed"}
    assert names == set(DEFAULTS)


@pytest.mark.parametrize(
    ("content", "message"), [(b"seed = ", "not valid TOML"), (b"\xff\xfe", "not valid TOML"), (None, "check the path")]
)
def test_a_configuration_file_that_cannot_be_read_is_named(tmp_path, content, message):
    path = tmp_path / "mine.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(OptionError, match=rf"mine\.toml.*{message}"):
        read_toml(path)


def test_a_byte_order_mark_does_no_harm(tmp_path):
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xef\xbb\xbfseed = 4\n")
    assert read_toml(path) == {"seed": 4}


def test_assignments_are_toml_and_plain_words_are_strings():
    found = parse_assignments(
        [
            "seed=3",
            " matching.max_ratio = 0.9",
            "photos.single_camera=true",
            'matching.mix=["a+b", "c+d"]',
            "photos.camera_params=1000,500,300",
            "photos.masks=/a b/c=d",
            "photos.cameras_csv=",
        ]
    )
    assert found == {
        "seed": 3,
        "matching.max_ratio": 0.9,
        "photos.single_camera": True,
        "matching.mix": ["a+b", "c+d"],
        "photos.camera_params": "1000,500,300",
        "photos.masks": "/a b/c=d",
        "photos.cameras_csv": "",
    }
    with pytest.raises(OptionError, match="name=value"):
        parse_assignments(["seed"])


def test_explain_tells_every_option_and_knows_groups():
    rows = explain()
    assert [row[0] for row in rows] == list(DEFAULTS)
    assert all(meaning for *_, meaning in rows)
    assert [row[0] for row in explain("scenes")] == [name for name in DEFAULTS if name.startswith("scenes.")]
    assert [(name, default) for name, default, *_ in explain("seed")] == [("seed", 0)]
    with pytest.raises(OptionError, match="no option 'scens'"):
        explain("scens")


def test_options_cannot_be_changed_in_place():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Options().seed = 1  # type: ignore[misc]
