"""Registry entries of models that predict geometry: point maps, depth, poses.

Commits and SHA-256 are those that public documents of several independent projects name; we had none of these files.
"""

from __future__ import annotations

from scenesort.weights.entries import HubSource, UrlSource, WeightsEntry, WeightsFile

_DA3_LICENCE = "https://github.com/ByteDance-Seed/Depth-Anything-3#-model-cards"
_VGGT_MEMORY = (
    "on a GPU, by its authors: 1.9 GB for 1 photo, 5.6 GB for 20, 21 GB for 100, 41 GB for 200 (aggregator alone)"
)


def _depth_anything(
    size: str, revision: str, config: WeightsFile, weights: tuple[int, str], parameters: str, memory: str
) -> WeightsEntry:
    return WeightsEntry(
        name=f"da3-{size}",
        what_for="Depth-Anything-3: depth and poses",
        files=(config, WeightsFile("model.safetensors", *weights)),
        sources=(HubSource(f"depth-anything/DA3-{size.upper()}", revision),),
        licence="Apache-2.0",
        commercial=True,
        licence_url=_DA3_LICENCE,
        inputs="RGB, 0 to 1, minus mean and over deviation of ImageNet; long side 504, sides a multiple of 14",
        memory=f"{memory}, estimated from {parameters} parameters",
        size_mb=round(weights[0] / 1e6),
        evidence="published",
        folder=True,
    )


def _vggt(name: str, source: HubSource, sha256: str, licence: str, commercial: bool, note: str) -> WeightsEntry:
    return WeightsEntry(
        name=name,
        what_for="poses, depth, points",
        files=(WeightsFile("config.json"), WeightsFile("model.safetensors", 5_026_367_224, sha256)),
        sources=(source,),
        licence=licence,
        commercial=commercial,
        licence_url=f"https://huggingface.co/{source.repository}",
        inputs="RGB, 0 to 1; width 518, height a multiple of 14",
        memory=_VGGT_MEMORY,
        size_mb=5_026,
        evidence="published",
        folder=True,
        note=note,
    )


ENTRIES: tuple[WeightsEntry, ...] = (
    WeightsEntry(
        name="mast3r",
        what_for="matches, point maps of a pair",
        files=(
            WeightsFile("config.json", None, "718eb93dc4f9e4332b60cc0041af962d712cbd346d7770ce35c5b22cff68eae4"),
            WeightsFile(
                "model.safetensors",
                2_754_661_648,
                "0a615eb05fa9db654050aa655945ee5696e7c6c1b7f93f1ee8c37249010f6feb",
            ),
        ),
        sources=(
            HubSource(
                "naver/MASt3R_ViTLarge_BaseDecoder_512_catmlpdpt_metric", "06e7259f34c3060f322df5cb0c7b9094f57e41fc"
            ),
        ),
        licence="CC-BY-NC-SA-4.0",
        commercial=False,
        licence_url="https://github.com/naver/mast3r/blob/main/CHECKPOINTS_NOTICE",
        inputs="two RGB pictures, -1 to 1, long side 512, sides a multiple of 16",
        memory="about 2.6 GB on a GPU as users report; 4 GB on a CPU, estimated",
        size_mb=2_755,
        evidence="published",
        folder=True,
        note="the licences of the training data hold too, mapfree's in particular",
    ),
    WeightsEntry(
        name="must3r",
        what_for="point maps of many photos",
        files=(WeightsFile("MUSt3R_512.pth", None, None, md5="8854f948a8674fb1740258c1872f80dc"),),
        sources=(UrlSource("https://download.europe.naverlabs.com/ComputerVision/MUSt3R/MUSt3R_512.pth"),),
        licence="MUSt3R Non-Commercial License",
        commercial=False,
        licence_url="https://github.com/naver/must3r/blob/main/LICENSE",
        inputs="RGB, -1 to 1, long side 512, sides a multiple of 16",
        memory="about 4 GB, and more with every photo kept in memory, estimated",
        size_mb=1_650,
        evidence="published",
        note="its authors publish an MD5 alone; the size is approximate; the licences of the training data hold too",
    ),
    _vggt(
        "vggt",
        HubSource("facebook/VGGT-1B", "860abec7937da0a4c03c41d3c269c366e82abdf9"),
        "f164acf60724910d8fe1578bb499d800850c7bb0948db7555c413f9fbe60467e",
        "CC-BY-NC-4.0",
        False,
        "vggt-commercial has the same network under a licence that allows commercial use",
    ),
    _vggt(
        "vggt-commercial",
        HubSource("facebook/VGGT-1B-Commercial", "ebb29a532abe92960eeb6903a5530f16990ef4ab", is_gated=True),
        "2b766b284359bc47ce26be107254621f685b758a0282082ff109f3ff02788b53",
        "VGGT License v1 (Acceptable Use Policy, no military use)",
        True,
        "ask for access on the hub's page and give your token in HF_TOKEN",
    ),
    _depth_anything(
        "small",
        "e08cab65ca0ec38e7826075418411ab90cab4da3",
        WeightsFile("config.json", 1_202, "a486e29e82b7ab4a7d4cefc1ea4526cfe2ae438a572c8ca98917cfbcde7447d2"),
        (137_248_940, "364492e38a3a06d221ac75da7f6621ada3f2361cd24fde11ba79091e9f40efcf"),
        "34 million",
        "about 1 GB for a few photos",
    ),
    _depth_anything(
        "base",
        "f4a6c9b3c95e41c82048423d3493a81ec3fa810e",
        WeightsFile("config.json", 1_205),
        (541_518_028, "e01067dc1659613083d9145a9a2547ccdbe6ccbbf83c4fe7b3e8a4e2bdae78b5"),
        "135 million",
        "about 2 GB for a few photos",
    ),
)
