"""Install this bundle without a network: `python install.py --help`."""

import importlib
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

if __name__ == "__main__":
    sys.dont_write_bytecode = True  # the bundle stays as it was made
    wanted = json.loads((HERE / "scenesort-bundle.json").read_text(encoding="utf-8"))["python"]
    running = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if running != wanted:
        sys.exit(f"error: this bundle is for Python {wanted}, and this is Python {running}: start it with that one")
    sys.path.insert(0, str(HERE))
    sys.exit(importlib.import_module("scenesort_bundle.install").main())
