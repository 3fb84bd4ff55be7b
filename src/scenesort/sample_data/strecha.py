"""Strecha's multi-view benchmark: a castle's courtyard with its entry and fountain, and a church, measured by laser.

The addresses at EPFL are those of the sets' page (`denseMVS.html`) as public programs download them; the archives hold
`<name>/urd/0000.png` and `<name>/urd/0000.png.camera`. openMVG's copy has the same photos as JPEG. We checked the
`.camera` convention on photos of that copy: matches lie 0.25 to 0.48 px from the epipolar lines of the world_from_cam
rotation, and 70 px and more from those of its inverse.
"""

from __future__ import annotations

from scenesort.sample_data.contents import files_below, repository
from scenesort.sample_data.entries import DataFile, SampleSet, Source

PAGE = "https://documents.epfl.ch/groups/c/cv/cvlab-unit/www/data/multiview/denseMVS.html"
ADDRESS = "https://documents.epfl.ch/groups/c/cv/cvlab-unit/www/data/multiview/data"
COURTYARD = "the courtyard of Ettlingen castle"
CHURCH = "the Herz-Jesu church in Ettlingen"

_REPORTED = {
    "castle_dense_cameras": "352a5386f0e5c69a161c0c6385f7fb4e90bc2596bd7aea5f2babea31d8c17efd",
    "castle_dense_images": "a12c820637ed67c42197070ad339ce62c236f92111177e810877dce63cc99fb9",
    "castle_dense_large_cameras": "2ad2fd0f174f3e1aa213c5bb959851c1319afd18fcabf750065754d825a34abf",
    "castle_dense_large_images": "a3ebbe460c2458d59d7b2fff8d5f3299177d820e5fa55594642b666752a2ca3d",
    "castle_entry_dense_cameras": "d965b8f3c285b8810534827d0d97162893aa727aafe228041269005dccac22ce",
    "castle_entry_dense_images": "b7198d73048ad894d23e917c0df654b89b3b65618cbd40a833f633da0735177b",
    "fountain_dense_cameras": "6d4724b6868832289844149f1a519c23e8504e0cce9beb3356c73273e5217fc5",
    "fountain_dense_images": "94df79b5645a0ca07f82cee30e59e1cf9e0cefaefae817a4adb80a0f02e30cd5",
    "herzjesu_dense_large_cameras": "5be217b0f6bfe05d3df501804d3513caae36d0865a417bced5da20371219bc04",
    "herzjesu_dense_large_images": "2d45b5e036245a2971ca810213106af3a98304319babc145e32c1830ad450b6e",
    "herzjesu_dense_cameras": "6362513b483ca75704f2e5600d7c715c9ba9d306c84c3e691802e7f99488cbcc",
    "herzjesu_dense_images": "875bc1fb0f928d39f6ebcbc5c62fd8fde379a059ce34be97b5e36f55cb5f07cd",
}
"""SHA-256 that a public list of downloads reports, of July 2026; the authors publish none."""


def _set(name: str, folder: str, archive: str, num_photos: int, place: str, title: str) -> SampleSet:
    parts = [f"{archive}_{kind}" for kind in ("images", "cameras")]
    epfl = tuple(
        DataFile(f"{part}.tar.gz", f"{ADDRESS}/{archive}/urd/{part}.tar.gz", reported=_REPORTED[part]) for part in parts
    )
    owner, commit, _ = repository("strecha")
    original = Source(
        name="original",
        page=PAGE,
        files=epfl,
        layout="camera files",
        known_from="addresses: public programs that download them; sizes: not published; not fetched by us",
        note="the authors' PNG files",
    )
    copy = Source(
        name="copy",
        page=f"https://github.com/{owner}/tree/{commit}",
        files=files_below("strecha", f"Benchmarking_Camera_Calibration_2008/{folder}/"),
        layout="camera files",
        known_from="sizes and digests: computed by us from the repository's commit",
        note="openMVG's copy: the photos as JPEG, the camera files unchanged but for their names",
    )
    return SampleSet(
        name=name,
        title=title,
        num_photos=num_photos,
        place=place,
        sources=(original, copy),
        truth="its authors, by laser scan and control points (Strecha and others, 2008)",
        terms="no licence is stated that we could find; published for research, to be cited",
        terms_from="not verified: the authors' page could not be read by us",
        citation="C. Strecha, W. von Hansen, L. Van Gool, P. Fua, U. Thoennessen: On Benchmarking Camera Calibration "
        "and Multi-View Stereo for High Resolution Imagery. CVPR 2008.",
    )


SETS = (
    _set("fountain-p11", "fountain-P11", "fountain_dense", 11, COURTYARD, "a fountain, from close by"),
    _set("entry-p10", "entry-P10", "castle_entry_dense", 10, COURTYARD, "a castle's entry"),
    _set("castle-p19", "castle-P19", "castle_dense", 19, COURTYARD, "a castle's courtyard, all around"),
    _set("castle-p30", "castle-P30", "castle_dense_large", 30, COURTYARD, "the same courtyard, more photos"),
    _set("herz-jesu-p8", "Herz-Jesus-P8", "herzjesu_dense", 8, CHURCH, "portals of a church"),
    _set("herz-jesu-p25", "Herz-Jesus-P25", "herzjesu_dense_large", 25, CHURCH, "the same portals, more photos"),
)
