"""One measurement in a process of its own: `ratio`, `memory` or `pages`. Prints JSON.

The yardstick is a bare download of the same pages by the same transport: connection, TLS, HTTP and
decompression, and nothing else.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import django

from bench.stopwatch import timed
from bench.work import Asked, download, whole

ROUNDS = 5


def ratio(facts: dict[str, Any]) -> dict[str, Any]:
    """Yardstick and whole, in turns, so that a busy machine slows both."""
    asked: Asked = []
    analysis, collection, snapshot = whole(facts, asked)
    size = download(facts, asked)
    bare, full = [], []
    for _ in range(ROUNDS):
        bare.append(timed(lambda: download(facts, asked)))
        full.append(timed(lambda: whole(facts)))
    return {
        "bytes": size,
        "requests": len(asked),
        "objects": collection.read,
        "workloads": len(snapshot.workloads),
        "findings": len(analysis.findings),
        "scopes": len(analysis.scopes),
        "gaps": [gap.kind for gap in collection.gaps],
        "download": bare,
        "whole": full,
    }


def memory(facts: dict[str, Any]) -> dict[str, Any]:
    """The most memory this process ever had resident, before and after one whole run, in bytes."""
    before = _peak()
    whole(facts)
    return {"before": before, "peak": _peak()}


def _peak() -> int:
    """VmHWM belongs to this program alone; ru_maxrss would count what its parent had."""
    text = Path("/proc/self/status").read_text()
    line = next(line for line in text.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def pages(facts: dict[str, Any]) -> dict[str, Any]:
    """See bench.pages, which needs Django to be ready."""
    found: dict[str, Any] = import_module("bench.pages").pages(facts)
    return found


def main() -> None:
    """`measure.py WHAT FACTS`, the facts as the server printed them."""
    django.setup()
    what = {"ratio": ratio, "memory": memory, "pages": pages}[sys.argv[1]]
    print(json.dumps(what(json.loads(sys.argv[2]))))


if __name__ == "__main__":
    main()
