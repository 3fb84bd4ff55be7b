"""Sets on this machine: where they lie, what is there, removing them. Nothing here uses a network."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scenesort.errors import SampleDataError
from scenesort.sample_data.laying_out import MARKER
from scenesort.workspace import files

FOLDER_VARIABLE = "SCENESORT_DATA"
DEFAULT_FOLDER = "sample-data"
DOWNLOADS = ".downloads"
RECORD = "downloads.sha256"


@dataclass(frozen=True, slots=True)
class Laid:
    """A set or pile that is here: `made_of` pairs names of sets and of the sources they came from."""

    name: str
    folder: Path
    made_of: tuple[tuple[str, str], ...]
    num_photos: int
    is_labelled: bool

    @property
    def photos(self) -> Path:
        """The folder of its photos, which is a collection of its name."""
        return self.folder / "photos" / self.name

    @property
    def labels(self) -> Path | None:
        """The table of true poses, None where the set has none."""
        return self.folder / "labels.csv" if self.is_labelled else None

    @property
    def thresholds(self) -> Path | None:
        """The table of distances that scores count by, None where the set has no true poses."""
        return self.folder / "thresholds.csv" if self.is_labelled else None


def data_folder(given: Path | None = None) -> Path:
    """Return the folder of sets: `given` (an option's), the variable's, or `sample-data` in the working folder."""
    if given:
        return given.expanduser()
    return Path(os.environ.get(FOLDER_VARIABLE) or DEFAULT_FOLDER).expanduser()


def find(name: str, folder: Path) -> Laid | None:
    """Return the set or pile `name` in a folder of sets, or None where there is nothing of this name.

    Raises SampleDataError where something else has its name, or where photos of it are gone.
    """
    place = folder / name
    if not os.path.lexists(place):
        return None
    try:
        content = json.loads((place / MARKER).read_text(encoding="utf-8"))
        made_of = tuple((part["set"], part["source"]) for part in content["made_of"])
        found = Laid(name, place, made_of, len(content["photos"]), bool(content["labelled"]))
        absent = [photo for photo in content["photos"] if not (found.photos / photo).is_file()]
        whole = content["name"] == name
    except (OSError, ValueError, KeyError, TypeError):
        raise SampleDataError(f"{place} is no photo set of scenesort's: choose another folder with --out") from None
    absent += [path.name for path in (found.labels, found.thresholds) if path is not None and not path.is_file()]
    if absent or not whole:
        wrong = f"it was called '{content['name']}'" if not whole else f"{absent[0]} is gone"
        if whole and len(absent) > 1:
            wrong += f", with {len(absent) - 1} more"
        raise SampleDataError(
            f"photo set '{name}' in {place} isn't whole: {wrong}; run: scenesort data remove {name}, then fetch it"
        )
    return found


def installed(folder: Path) -> list[str]:
    """Return the names of the sets in a folder of sets, sorted."""
    return sorted(path.parent.name for path in folder.glob(f"*/{MARKER}"))


def downloads_folder(folder: Path, name: str, source: str) -> Path:
    """Return where the unfinished downloads of a set lie."""
    return folder / DOWNLOADS / f"{name}.{source}"


def removable(names: Sequence[str], folder: Path) -> list[Path]:
    """Return the folders of sets and of their unfinished downloads that remove may delete; raises SampleDataError."""
    paths: list[Path] = []
    for name in dict.fromkeys(names):
        if not name or Path(name).name != name or name.startswith("."):
            raise SampleDataError(f"'{name}' is no name of a photo set")
        place = folder / name
        if os.path.lexists(place):
            if place.is_symlink() or not (place / MARKER).is_file():
                raise SampleDataError(f"{place} is no photo set of scenesort's, so it is not deleted")
            paths.append(place)
        paths += sorted((folder / DOWNLOADS).glob(f"{name}.*"))
    return paths


def remove(paths: Sequence[Path]) -> None:
    """Delete folders that removable returned; raises WorkspaceError."""
    for path in paths:
        with files.explained(path, "delete"):
            shutil.rmtree(path)
