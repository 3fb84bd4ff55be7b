"""Steps that rate the pairs of the verified view graph, before and after mapping, and the poses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scenesort import mapping, work
from scenesort.scenes import NONE, edge_confidence, trusted, with_confidence, without_poses
from scenesort.steps.common import Context, VerifiedPairs, load_geometries
from scenesort.types import Pair, PosedScene, ViewGraph
from scenesort.work import ClassifyJob, PhotoKeys


def rate_pairs(
    context: Context, sides: Mapping[str, PhotoKeys], graph: ViewGraph, verified: VerifiedPairs
) -> ViewGraph:
    """Give each edge a confidence, from its matches and, where one is named, by a learned classifier's vote."""
    store = context.workspace.shard_root
    names = {name for pair in graph.edges for name in pair}
    keypoints = {name: work.frame_keypoints(store, sides[name]) for name in names}
    confidence = edge_confidence(load_geometries(context, verified.where), keypoints)
    for pair, probability in _votes(context, sides, graph).items():
        confidence[pair] = confidence.get(pair, 1.0) * probability
    return with_confidence(graph, confidence)


def trusted_pairs(context: Context, graph: ViewGraph, verified: VerifiedPairs) -> tuple[ViewGraph, VerifiedPairs]:
    """Leave out the pairs below `scenes.min_edge_confidence`."""
    least = context.options.scenes.min_edge_confidence
    if least <= 0:
        return graph, verified
    left = trusted(graph, least)
    num_doubted = len(graph.edges) - len(left.edges)
    if num_doubted:
        context.notice(f"{num_doubted} of {len(graph.edges)} verified pairs are doubted and not mapped")
    where = {pair: spot for pair, spot in verified.where.items() if pair in left.edges}
    return left, VerifiedPairs({pair: verified.inliers[pair] for pair in where}, where)


def write_pairs(context: Context, graph: ViewGraph) -> None:
    """Write the verified pairs with their confidence, the doubted first."""
    known = graph.confidence
    ranked = sorted(graph.edges, key=lambda pair: (known.get(pair, 2.0), pair))
    context.workspace.write_csv(
        "pairs.csv",
        ["first", "second", "inliers", "confidence"],
        [(*pair, graph.edges[pair], f"{known[pair]:.3f}" if pair in known else "") for pair in ranked],
    )


def take_back_unproven(context: Context, models: Sequence[PosedScene]) -> list[PosedScene]:
    """Take back poses that are wide open and hang on fewer points than the mapper asks of a pose.

    Photos are filled in with fewer, so that a stranger may get a pose by chance. Models keep their least photos.
    """
    options = context.options
    if not options.mapping.fill_min_inliers:
        return list(models)
    kept = []
    for model in models:
        names = mapping.unproven(model, options.mapping.pose_min_inliers)
        if names and len(model.photos) - len(names) >= options.scenes.min_photos:
            model = without_poses(model, names)
            poses = f"the pose of {names[0]} hangs" if len(names) == 1 else f"{len(names)} poses ({names[0]} …) hang"
            context.notice(f"{poses} on fewer points than a pose needs, and those don't fix it: taken back")
        kept.append(model)
    return kept


def tell_untrusted(context: Context, posed: Sequence[PosedScene], sides: Mapping[str, PhotoKeys]) -> None:
    """Tell the user which poses are not to be trusted: too few points fix them, or a focal length was bent for them."""
    photos = {name: side.photo for name, side in sides.items()}
    for item in (found for scene in posed for found in mapping.doubted_focals(scene, photos)):
        context.notice(
            f"the pose of {item.name} is not to be trusted: its focal length came out {item.factor:.2g} times that of "
            f"{item.against}"
        )
    doubted = [name for scene in posed for name in mapping.untrusted(scene)]
    if doubted:
        poses = f"the pose of {doubted[0]} is" if len(doubted) == 1 else f"{len(doubted)} poses ({doubted[0]} …) are"
        context.notice(
            f"{poses} not to be trusted: too few points fix a position there (deviation in photos.csv above "
            f"{mapping.TRUSTED_DEVIATION:g} of the depth)"
        )


def _votes(context: Context, sides: Mapping[str, PhotoKeys], graph: ViewGraph) -> dict[Pair, float]:
    name = context.options.scenes.pair_classifier
    if name == NONE:
        return {}
    pairs = list(graph.edges)
    jobs = [ClassifyJob(name, context.device, sides[first].photo, sides[second].photo) for first, second in pairs]
    votes = {}
    with context.progress.stage("classifying", len(jobs), context.stages) as stage:
        limit_s = context.options.execution.task_timeout_s
        outcomes = context.pool.run(work.classify, jobs, timeout_s=limit_s, until_s=context.schedule.end_s)
        for pair, outcome in zip(pairs, outcomes, strict=False):
            stage.count(outcome)
            if outcome.error is None:
                votes[pair] = outcome.result()
            else:
                context.workspace.log(f"classifying {pair[0]} and {pair[1]}: {outcome.error}")
    return votes
