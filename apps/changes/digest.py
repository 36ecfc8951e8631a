"""The canonical form that approvals are bound to. Pure: knows no database and no clock.

Two revisions with the same digest write exactly the same thing onto exactly the same base; a
decision names the digest that was on the reviewer's screen.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class DigestItem:
    """What identifies one write: where, what, onto which base, with what, and whether by force."""

    cluster: str
    api_version: str
    kind: str
    namespace: str
    name: str
    action: str
    base_uid: str
    base_resource_version: str
    intent: Mapping[str, Any] | None
    force: bool


def digest(
    items: Iterable[DigestItem], *, policy_version: int, revision: int, terms: Mapping[str, Any] | None = None
) -> str:
    """SHA-256, 64 hex digits, over the canonical JSON of the items in their order of writing.

    `terms` is what is approved beside the writes; without any the digest is that of the writes alone.
    Raises ValueError for numbers that JSON cannot hold (NaN, infinity).
    """
    content = {
        "items": [asdict(item) for item in items],
        "policy_version": policy_version,
        "revision": revision,
        **({"terms": dict(terms)} if terms else {}),
    }
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def canonical(value: Any) -> str:
    """JSON with sorted keys and no optional white space: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
