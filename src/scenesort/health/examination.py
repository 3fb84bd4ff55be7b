"""All checks in order, each by itself: what one of them does, or dies of, is no matter to the others."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module

from scenesort.errors import ScenesortError
from scenesort.execution import Outcome, WorkerPool
from scenesort.health.findings import Finding, Request, State, last_mark
from scenesort.health.privacy import Secrets, conceal

SELF_TEST = "self-test"

DISTRIBUTIONS = {
    "numpy": "numpy",
    "PIL": "pillow",
    "pillow_heif": "pillow-heif",
    "cv2": "opencv-python-headless",
    "h5py": "h5py",
    "pycolmap": "pycolmap",
    "safetensors": "safetensors",
    "torch": "torch",
    "kornia": "kornia",
}
"""What a run imports, and the package that has it."""

_LONGEST_DETAIL = 240


@dataclass(frozen=True, slots=True)
class Check:
    """One check: `function` of the module `home` makes findings from a Request.

    It runs in a child process, which is stopped after `limit_s` seconds; with `in_child` False in this one, where no
    process can be started: then it needs the standard library alone. `argument`: what the function gets before the
    request, where it isn't empty. `failure`: what it means when the check itself fails, and `remedy` what to do then.
    """

    name: str
    home: str
    function: str
    argument: str = ""
    limit_s: float = 120.0
    in_child: bool = True
    failure: State = "problem"
    remedy: str = "mend what else is found here; if that is nothing, please report this"


def standard_checks(*, self_test: bool = True) -> list[Check]:
    """Return all checks of `scenesort doctor` in order; the self-test, which comes last, may be left out."""
    checks = [
        Check("python", "scenesort.health.installation", "check_python"),
        Check("scenesort", "scenesort.health.installation", "check_scenesort"),
        Check("packages", "scenesort.health.packages", "check_packages"),
        Check("pip check", "scenesort.health.pip_check", "check_pip", failure="warning"),
        *(
            Check(
                "imports",
                "scenesort.health.imports",
                "check_import",
                module,
                remedy=f"install it again: pip install --force-reinstall --no-deps {distribution}",
            )
            for module, distribution in DISTRIBUTIONS.items()
        ),
        Check(
            "imports",
            "scenesort.health.imports",
            "check_torchvision",
            failure="warning",
            remedy="pip uninstall torchvision",
        ),
        Check("machine", "scenesort.health.devices", "check_machine"),
        Check("gpu", "scenesort.health.devices", "check_gpus"),
        Check("disk", "scenesort.health.disk", "check_disk", in_child=False),
        Check("weights", "scenesort.health.model_files", "check_weights", limit_s=600.0),
    ]
    return [*checks, Check(SELF_TEST, "scenesort.health.self_test", "check_run")] if self_test else checks


def examine(
    request: Request,
    checks: Sequence[Check],
    secrets: Secrets | None = None,
    before: Callable[[Check], object] = lambda check: None,
) -> Iterator[Finding]:
    """Run checks one after another and yield what they find, as it comes; `before` is told of each that begins.

    With `secrets` they are taken out of every text.
    """
    with WorkerPool(1) as pool:
        for check in checks:
            before(check)
            for finding in _run(pool, check, request):
                yield finding if secrets is None else _concealed(finding, secrets)


def perform(task: tuple[Check, Request]) -> list[Finding]:
    """Run one check in this process. Raises whatever it raises."""
    check, request = task
    function = getattr(import_module(check.home), check.function)
    found: list[Finding] = function(check.argument, request) if check.argument else function(request)
    return found


def _run(pool: WorkerPool, check: Check, request: Request) -> list[Finding]:
    try:
        if not check.in_child:
            return perform((check, request))
        (outcome,) = pool.run(perform, [(check, request)], timeout_s=check.limit_s)
    except (OSError, ScenesortError) as error:
        return [Finding(check.name, check.failure, f"this could not be checked: {_detail(error)}", check.remedy)]
    return [_failed(check, outcome)] if outcome.value is None else outcome.value


def _failed(check: Check, outcome: Outcome[tuple[Check, Request], list[Finding]]) -> Finding:
    place = last_mark(outcome.log)
    where = f"failed at '{place}'" if place else "failed"
    return Finding(
        check.name,
        check.failure,
        f"{where} after {outcome.seconds:.0f} s: {_detail(outcome.error)}",
        check.remedy,
        values={"at": place, "seconds": round(outcome.seconds, 1)},
    )


def _detail(error: Exception | None) -> str:
    """An error's text on one line, without the words that say nothing here, cut where it is long."""
    text = " ".join(str(error).split()).removeprefix("the task failed: ")
    return text if len(text) <= _LONGEST_DETAIL else f"{text[:_LONGEST_DETAIL]} …"


def _concealed(finding: Finding, secrets: Secrets) -> Finding:
    return dataclasses.replace(
        finding,
        text=conceal(finding.text, secrets),
        remedy=conceal(finding.remedy, secrets),
        values={
            name: conceal(value, secrets) if isinstance(value, str) else value for name, value in finding.values.items()
        },
    )
