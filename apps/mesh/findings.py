"""What a rule reports. Knows nothing of the rules themselves, nor of where findings are kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from apps.mesh.refs import ResourceRef
from apps.mesh.verdicts import Step


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the most severe; for sorting."""
        return (Severity.ERROR, Severity.WARNING, Severity.INFO).index(self)


@dataclass(frozen=True, slots=True)
class Finding:
    """One cause, named on one object.

    `message` says what is wrong, why it matters, and what to do, a sentence each. `path` is the
    field that is wrong (`spec.egress[0].hosts`). `remedy` names what mends it ("" if nothing safe
    does). `affected` are the workloads it hits. `key` tells findings of one code on one object
    apart (a host, a port) and must not hold anything that changes while the cause stays. `hostset` is the
    set and edition of the hosts that it is about, "" where it is about none.
    """

    code: str
    severity: Severity
    title: str
    message: str
    ref: ResourceRef
    api_version: str = ""
    path: str = ""
    key: str = ""
    references: tuple[str, ...] = ()
    remedy: str = ""
    affected: tuple[ResourceRef, ...] = ()
    evidence: tuple[Step, ...] = ()
    hostset: str = ""

    @property
    def fingerprint(self) -> str:
        """32 hex digits that stay the same while the cause stays, whatever the wording."""
        return _digest(self.code, self.ref.kind, self.ref.namespace, self.ref.name, self.key)


@lru_cache(maxsize=1 << 16)
def _digest(*parts: str) -> str:
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:32]
