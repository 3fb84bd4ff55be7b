"""The models of each part, of all attempts at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scenesort import mapping
from scenesort.types import PosedScene

MAPPING_ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at one part: with own or shared cameras, which trial, and whether another one comes before it.

    `number` counts the attempts that failed.
    """

    part: int
    is_shared: bool
    is_second: bool
    trial: int = 0
    number: int = 0

    @property
    def most(self) -> int:
        """How often it may be made: a further trial that fails is not needed."""
        return 1 if self.trial else MAPPING_ATTEMPTS


@dataclass(frozen=True, slots=True)
class _Trial:
    """The models of an attempt; of equal health the earlier trial's count."""

    health: float
    number: int
    models: Sequence[PosedScene]

    @property
    def rank(self) -> tuple[float, int]:
        return self.health, -self.number


class FoundModels:
    """The models of each part: of several trials the healthiest, of own and shared cameras the better ones."""

    def __init__(self, num_parts: int) -> None:
        self._own: dict[int, _Trial] = {}
        self._shared: dict[int, _Trial] = {}
        self._num_parts = num_parts
        self._failing: set[int] = set()

    def add(self, attempt: Attempt, models: Sequence[PosedScene], health: float) -> None:
        """Take the models of an attempt."""
        if attempt.number:
            self.fail(attempt)
        way = self._shared if attempt.is_shared else self._own
        trial = _Trial(health, attempt.trial, models)
        if attempt.part not in way or trial.rank > way[attempt.part].rank:
            way[attempt.part] = trial

    def fail(self, attempt: Attempt) -> None:
        """Remember that an attempt made the mapper crash or hang."""
        self._failing.add(attempt.part)

    def chosen(self) -> list[PosedScene]:
        """All models, in the order of the parts."""
        return [model for part in range(self._num_parts) for model in self._best(part)]

    def further(self, tries: Sequence[int]) -> list[Attempt]:
        """Return the attempts that parts of several tries still need, with the cameras of their best models.

        Parts that made the mapper crash or hang are left alone. The models with the other cameras are dropped.
        """
        for part, number in enumerate(tries):
            if number > 1 and part in self._own and part in self._shared:
                del (self._own if self._is_shared(part) else self._shared)[part]
        return [
            Attempt(part, is_shared=self._is_shared(part), is_second=True, trial=trial)
            for part, number in enumerate(tries)
            if (part in self._own or part in self._shared) and part not in self._failing
            for trial in range(1, number)
        ]

    def _is_shared(self, part: int) -> bool:
        return part in self._shared and (part not in self._own or self._best(part) is self._shared[part].models)

    def _best(self, part: int) -> Sequence[PosedScene]:
        if part in self._own and part in self._shared:
            return mapping.choose(self._own[part].models, self._shared[part].models)
        either = self._own.get(part) or self._shared.get(part)
        return either.models if either else ()
