"""How long the tests with random input may take: short in CI, as long as one likes by hand.

`MESH_FUZZ=40 python -m pytest -q tests/mesh/test_incremental.py tests/mesh/test_fuzz.py` tries forty times as
many examples; docs/architecture.md says more.
"""

from __future__ import annotations

import os


def examples(usual: int) -> int:
    """The number of examples to try."""
    return usual * int(os.environ.get("MESH_FUZZ", "1"))
