"""Sets that tools for structure from motion come with: COLMAP's, openMVG's, AliceVision's, Bundler's, instant-ngp's."""

from __future__ import annotations

from scenesort.sample_data.contents import files_below, repository
from scenesort.sample_data.entries import DataFile, Layout, SampleSet, Source

_FROM_COMMIT = "sizes and digests: computed by us from the repository's commit"


def _colmap(name: str, num_photos: int, about_mb: float, title: str, thanks: str) -> SampleSet:
    path = f"{name}.zip"
    source = Source(
        name="original",
        page="https://demuc.de/colmap/datasets/",
        files=(DataFile(path, f"https://github.com/colmap/colmap/releases/download/3.11.1/{path}"),),
        layout="poses file",
        known_from="address and size: public programs that download it; not fetched by us",
        about_mb=about_mb,
    )
    return SampleSet(
        name=name,
        title=title,
        num_photos=num_photos,
        place=name,
        sources=(source,),
        truth="a COLMAP model by its authors: a reference, made by the method that is tested, not a survey",
        terms="for research, with citation; no licence is stated",
        terms_from="COLMAP's author: github.com/colmap/colmap/issues/170",
        citation=f"J. L. Schönberger, J.-M. Frahm: Structure-from-Motion Revisited. CVPR 2016.{thanks}",
    )


def _repository(name: str, layout: Layout, known_from: str = _FROM_COMMIT) -> tuple[Source, ...]:
    owner, commit, _ = repository(name)
    return (Source("original", f"https://github.com/{owner}/tree/{commit}", files_below(name), layout, known_from),)


SETS = (
    _colmap("south-building", 128, 400, "a building, all around", " Photos: Christopher Zach."),
    _colmap("gerrard-hall", 100, 959, "a hall, from outside, with a wide angle", ""),
    SampleSet(
        name="buddha",
        title="a statue's head on a table, all around",
        num_photos=67,
        place="buddha",
        sources=_repository(
            "buddha", "projection matrices", "digests: the repository's commit; sizes of the photos: not known to us"
        ),
        truth="AliceVision's own estimate: a reference, not a survey",
        terms="Creative Commons Attribution 4.0 (CC BY 4.0)",
        terms_from="LICENSE.md of the repository",
        citation="S. Gasparini, F. Castan, Y. Lanthony: Buddha Dataset (Version 1.0), 2017. "
        "https://doi.org/10.5281/zenodo.1203283",
        needs_consent=False,
    ),
    SampleSet(
        name="fox",
        title="a fox, frames of a phone's video",
        num_photos=50,
        place="fox",
        sources=_repository("fox", "poses file"),
        truth="a COLMAP model by its authors: a reference, not a survey",
        terms="NVIDIA Source Code License-NC: no commercial use",
        terms_from="README.md and LICENSE.txt of the repository, which don't name the photos",
        citation="T. Müller, A. Evans, C. Schied, A. Keller: Instant Neural Graphics Primitives with a Multiresolution "
        "Hash Encoding. ACM Transactions on Graphics 41 (4), 2022.",
    ),
    SampleSet(
        name="kermit",
        title="a puppet, small old photos",
        num_photos=9,
        place="kermit",
        sources=_repository("kermit", "poses file"),
        truth="Bundler's own result, 9 of 11 photos: a reference, not a survey",
        terms="part of Bundler, under the GNU General Public License; the photos' own terms aren't stated",
        terms_from="README.md of the repository",
        citation="N. Snavely, S. M. Seitz, R. Szeliski: Photo Tourism: Exploring Photo Collections in 3D. "
        "ACM Transactions on Graphics 25 (3), 2006.",
    ),
    SampleSet(
        name="sceaux",
        title="Sceaux castle",
        num_photos=11,
        place="sceaux",
        sources=_repository("sceaux", "photos only"),
        truth="",
        terms="copyright 2012 Pierre Moulon; used with citation, for which he gave leave when asked",
        terms_from="Readme.txt and issue 4 of the repository",
        citation="Photos of Sceaux castle, copyright 2012 Pierre Moulon, "
        "https://github.com/openMVG/ImageDataset_SceauxCastle",
    ),
)
