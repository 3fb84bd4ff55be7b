"""What the members that some options name need, together, and mistakes in options that show before any work."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from scenesort import features, mapping, matching, pair_matching, retrieval, scenes
from scenesort.config import FeaturesOptions, Options
from scenesort.errors import OptionError
from scenesort.mapping import pose_models
from scenesort.retrieval import clustering, global_descriptors
from scenesort.retrieval.index import IndexOptions, check_graph_library


def needed_weights(options: Options, num_photos: float = math.inf) -> list[str]:
    """Return the names of the weights that a run with these options loads, sorted.

    `num_photos`: of the largest collection, as small ones need no global descriptors. Raises OptionError or
    MissingDependencyError for members that are unknown or can't be imported, or that are set wrongly, and WeightsError
    for a folder given for one that holds no model.
    """
    wanted: set[str] = set()
    for feature, matcher in matching.parse_mix(options.matching.mix):
        wanted |= {*features.load(feature).weights, *matching.load(matcher).weights}
    if options.second_look.model and not options.second_look.matcher:
        raise OptionError(
            f"second_look.model = {options.second_look.model}: nothing uses it; set second_look.matcher, too, to "
            "efficientloftr or vismatch"
        )
    if options.second_look.matcher:
        wanted |= pair_matching.needed_weights(options.second_look.matcher, options.second_look.model)
    chosen = mapping.model_options(options.pose_models, options.seed)
    for name in mapping.used_pose_models(options.mapping):
        wanted |= set(pose_models.needed_weights(name, chosen))
    return sorted(wanted | _weights_of(options, needed_descriptors(options, num_photos)))


def descriptor_weights(options: Options) -> list[str]:
    """Return the names of the weights of all features and of all descriptors of the options; raises as above."""
    global_descriptors.check_settings(options.retrieval.descriptors, options.retrieval.members)
    wanted: set[str] = set()
    for feature, _ in matching.parse_mix(options.matching.mix):
        wanted |= set(features.load(feature).weights)
    return sorted(wanted | _weights_of(options, options.retrieval.descriptors))


def needed_descriptors(options: Options, num_photos: float = math.inf) -> tuple[str, ...]:
    """Return the names of the global descriptors that a run on at most `num_photos` photos makes.

    Raises OptionError for a shortlist or a setting that is unknown.
    """
    chosen = options.retrieval
    global_descriptors.check_settings(chosen.descriptors, chosen.members)
    if chosen.clusters != "none":
        clustering.load(chosen.clusters)
    rules = retrieval.resolve(chosen, num_photos)
    return chosen.descriptors if set(rules) & set(retrieval.SEARCHING) or chosen.clusters != "none" else ()


def more_sides_px(options: FeaturesOptions) -> tuple[int, ...]:
    """Return the further sides at which photos are looked at; raises OptionError for one that is no number."""
    for word in options.more_sides_px:
        if not word.isdecimal() or int(word) <= options.max_side_px:
            raise OptionError(
                f"features.more_sides_px: '{word}' should be a number of pixels above max_side_px "
                f"({options.max_side_px}), as in 1536,2048"
            )
    return tuple(sorted({int(word) for word in options.more_sides_px}))


def check_retrieval(options: Options, num_photos: int, is_nested: bool) -> None:
    """Raise OptionError or MissingDependencyError for what retrieval would only find out after hours of work.

    `num_photos`: of the largest collection. `is_nested`: whether several collections are run.
    """
    chosen = options.retrieval
    uses_file = "file" in chosen.shortlists
    if uses_file and not chosen.pairs_file:
        raise OptionError("shortlist 'file' needs retrieval.pairs_file: give it, or use --pairs FILE")
    if chosen.pairs_file and not uses_file:
        raise OptionError(
            "retrieval.pairs_file is given and not used: add file to retrieval.shortlists, or use --pairs"
        )
    if uses_file:
        _check_file("retrieval.pairs_file", chosen.pairs_file)
        if is_nested:
            raise OptionError("--pairs holds the pairs of one collection: run the collections one by one")
    if chosen.groups_file:
        if chosen.clusters != "none":
            raise OptionError("retrieval.groups_file and retrieval.clusters both group the photos: give one of them")
        _check_file("retrieval.groups_file", chosen.groups_file)
        if is_nested and not retrieval.names_collections(Path(chosen.groups_file).expanduser()):
            raise OptionError(
                f"{chosen.groups_file} has no column dataset, which tells the collections apart: add it, or run the "
                "collections one by one"
            )
    descriptors = needed_descriptors(options, num_photos)
    likeness = _checked_likeness(options)
    if chosen.trained:
        learned = [name for name in (*descriptors, *likeness) if global_descriptors.load(name).sees == "features"]
        names = [global_descriptors.codebook_name(name) for name in dict.fromkeys(learned)]
        names += [retrieval.FUSION_FILE] if descriptors and chosen.fusion != "none" else []
        lacking = [name for name in names if not (Path(chosen.trained).expanduser() / name).is_file()]
        if lacking:
            raise OptionError(
                f"retrieval.trained = {chosen.trained}: it has no {' and no '.join(lacking)}; make it with: scenesort "
                "retrieval fit"
            )
    if "captions" in (*descriptors, *likeness):
        settings = global_descriptors.member_options("captions", chosen.members)
        if not settings.sentence_model:
            raise OptionError(
                "captions needs a sentence model to compare texts: add captions.sentence_model=FOLDER to "
                "retrieval.members, of sentence-transformers/all-MiniLM-L6-v2 for example"
            )
    if descriptors and num_photos > IndexOptions().exact_photos:
        check_graph_library()


def _checked_likeness(options: Options) -> tuple[str, ...]:
    """Return the descriptor that tells whether photos look like a scene, if any; raises OptionError if it is unknown.

    Its weights are not needed: without them matches alone decide.
    """
    name = options.scenes.likeness
    if name == scenes.NONE:
        return ()
    try:
        global_descriptors.load(name)
        global_descriptors.check_settings((name,), options.retrieval.members)
    except OptionError as error:
        raise OptionError(f"scenes.likeness = {name}: {error}; or take none") from error
    return (name,)


def check_mapping(options: Options) -> None:
    """Raise what mapping would only find out after hours of work.

    That is OptionError for an unknown member or a licence that wasn't accepted, MissingDependencyError for a package
    that isn't installed, WeightsError for a model's folder that isn't there.
    """
    chosen = options.mapping
    for name in (chosen.backend, chosen.compare_with):
        if name:
            mapping.load(name)
    if chosen.compare_with == chosen.backend:
        raise OptionError(f"mapping.compare_with = {chosen.compare_with}: it is the backend itself; give another one")
    for option, name in (("start_with", chosen.start_with), ("fill_with", chosen.fill_with)):
        if name and not mapping.is_pose_model(name):
            pose_models.load(name)
            raise OptionError(f"mapping.{option} = {name}: it is no pose model")
    used = mapping.used_pose_models(chosen)
    if options.pose_models.model and len(used) > 1:
        raise OptionError(
            f"pose_models.model = {options.pose_models.model}: {' and '.join(used)} are used, and it can't be both's; "
            "leave it empty, or use one pose model"
        )
    for name in used:
        pose_models.check(name, mapping.model_options(options.pose_models, options.seed))


def _weights_of(options: Options, descriptors: Iterable[str]) -> set[str]:
    wanted: set[str] = set()
    for name in descriptors:
        member = global_descriptors.load(name)
        settings = global_descriptors.member_options(name, options.retrieval.members)
        global_descriptors.check_given(name, settings.model, settings.sentence_model, settings.model_sha256)
        if member.sees == "photo" and not (settings.model or member.weights):
            raise OptionError(f"{name} has no model of its own: add {name}.model=FOLDER to retrieval.members")
        wanted |= set(global_descriptors.weights_of(member, settings))
    return wanted


def _check_file(option: str, path: str) -> None:
    if not Path(path).expanduser().is_file():
        raise OptionError(f"{option} = {path}: there is no such file; check the path")
