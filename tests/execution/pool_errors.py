"""An error of ours that doesn't survive the way from a worker to the parent."""

from scenesort.errors import PhotoError


class AwkwardError(PhotoError):
    """Can't be unpickled: its arguments aren't its message."""

    def __init__(self, photo: str, reason: str) -> None:
        super().__init__(f"{photo}: {reason}")
