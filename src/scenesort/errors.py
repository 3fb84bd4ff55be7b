"""The one exception hierarchy.

Every error that a user can cause or mend is a `ScenesortError`: its message names the photo, file or option, says what
is wrong and what to do. The command line prints the message alone and ends with the class's `exit_code`; any other
exception is a mistake of ours and shows its traceback.
"""

from typing import Any


class ScenesortError(Exception):
    """Base of all errors with a message meant for the user."""

    exit_code = 1


class OptionError(ScenesortError):
    """An option, preset or configuration file is unknown or out of range."""

    exit_code = 2


class PhotoError(ScenesortError):
    """A photo can't be read or used; in a run such photos are skipped and listed in `skipped.csv`."""

    exit_code = 3


class NoPhotosError(PhotoError):
    """A folder holds no readable photo at all; `skipped` lists the files that looked like photos (SkippedPhoto)."""

    skipped: tuple[Any, ...] = ()


class WorkspaceError(ScenesortError):
    """The run folder can't be used: locked by another process, not writable, or not ours."""

    exit_code = 4


class ArtefactLostError(WorkspaceError):
    """An artefact that a later stage needs is damaged or was removed; making it again mends it."""


class WeightsError(ScenesortError):
    """Model weights are missing, or are not the bytes they should be."""

    exit_code = 5


class SampleDataError(ScenesortError):
    """A set of sample photos is unknown, can't be fetched, or isn't what it should be."""

    exit_code = 5


class EvaluationError(ScenesortError):
    """Labels, thresholds or a submission can't be scored."""

    exit_code = 6


class MissingDependencyError(ScenesortError):
    """A named member needs a package that isn't installed."""

    exit_code = 7


class BundleError(ScenesortError):
    """An offline bundle can't be made, or is damaged, incomplete or unsafe."""

    exit_code = 9


class WorkerError(ScenesortError):
    """A child process failed, died or ran past its time limit."""

    exit_code = 8
