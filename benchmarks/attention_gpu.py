"""Time and memory of attention by kernel and precision, for windows of photos as pose models see them; needs a GPU.

One layer of attention of a ViT-L (16 heads of 64 numbers) over all tokens of a window, as VGGT's global blocks have it:
a photo of 518 x 392 pixels has 37 x 28 patches and 5 tokens more. It tells which window a GPU has time and memory for,
and what flash and memory-efficient kernels and half precision save. Without a GPU it says so and measures nothing.

    python benchmarks/attention_gpu.py --photos 2 8 16 32 64 --json attention.json
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
from pathlib import Path
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from tables import show, write_json

HEADS = 16
HEAD_NUMBERS = 64
TOKENS_PER_PHOTO = 37 * 28 + 5

KERNELS = {
    "math": SDPBackend.MATH,
    "memory-efficient": SDPBackend.EFFICIENT_ATTENTION,
    "flash": SDPBackend.FLASH_ATTENTION,
    "cudnn": SDPBackend.CUDNN_ATTENTION,
}
XFORMERS = "xformers"
NUMBERS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def attend(kernel: str, query: Any, key: Any, value: Any) -> Any:
    """Run one layer by a kernel; raises RuntimeError where it can't, ImportError where xformers isn't installed."""
    if kernel == XFORMERS:
        from xformers.ops import memory_efficient_attention

        return memory_efficient_attention(*(part.transpose(1, 2) for part in (query, key, value)))
    with sdpa_kernel(KERNELS[kernel]):
        return scaled_dot_product_attention(query, key, value)


def measure(kernel: str, numbers: torch.dtype, photos: int, rounds: int) -> dict[str, float] | str:
    """Return the median time in ms and the peak memory in MB of one layer, or why there is none."""
    shape = (1, HEADS, photos * TOKENS_PER_PHOTO, HEAD_NUMBERS)
    torch.cuda.empty_cache()
    try:
        query, key, value = (torch.randn(shape, device="cuda", dtype=numbers) for _ in range(3))
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        times = []
        for _ in range(rounds + 2):
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            attend(kernel, query, key, value)
            end.record()
            torch.cuda.synchronize()
            times.append(start.elapsed_time(end))
    except torch.OutOfMemoryError:
        return "out of memory"
    except (RuntimeError, ImportError, NotImplementedError, ValueError):
        return "-"
    # The first two rounds choose kernels and warm up.
    peak_mb = (torch.cuda.max_memory_allocated() - before) / 1e6
    return {"ms": statistics.median(times[2:]), "peak_mb": peak_mb}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, nargs="+", default=[2, 8, 16, 32, 64], help="photos a window")
    parser.add_argument("--rounds", type=int, default=10, help="how often each is timed")
    parser.add_argument("--json", type=Path, help="write the numbers here, too")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        print("attention_gpu: torch sees no GPU on this machine, so there is nothing to measure")
        return
    name = torch.cuda.get_device_name()
    found: list[dict[str, Any]] = []
    rows = []
    with torch.inference_mode(), contextlib.suppress(KeyboardInterrupt):
        for kernel in (*KERNELS, XFORMERS):
            for precision, numbers in NUMBERS.items():
                cells = []
                for photos in arguments.photos:
                    result = measure(kernel, numbers, photos, arguments.rounds)
                    if isinstance(result, dict):
                        cells.append(f"{result['ms']:.2f} ms, {result['peak_mb']:.0f} MB")
                        found.append({"kernel": kernel, "precision": precision, "photos": photos, **result})
                    else:
                        cells.append(result)
                rows.append([kernel, precision, *cells])
    columns = ["kernel", "numbers", *(f"{photos} photos" for photos in arguments.photos)]
    show(f"one layer of attention over a window's tokens, {name}, torch {torch.__version__}", columns, rows)
    write_json(arguments.json, {"gpu": name, "torch": torch.__version__, "measured": found})


if __name__ == "__main__":
    main()
