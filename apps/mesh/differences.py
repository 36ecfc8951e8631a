"""The difference between two states of a cluster, as values: cells, lost egress, findings.

Values only, as they are stored with a change and shown. How they come about is in `whatif`.
"""

from __future__ import annotations

from dataclasses import dataclass

from apps.mesh.findings import Severity
from apps.mesh.refs import ResourceRef
from apps.mesh.verdicts import Protocol, Verdict


@dataclass(frozen=True, slots=True)
class CellChange:
    """A required host whose verdict differs for the workloads of a scope. `label` is for people."""

    scope_key: str
    label: str
    namespace: str
    workloads: int
    host: str
    port: int
    protocol: Protocol
    before: Verdict
    after: Verdict


@dataclass(frozen=True, slots=True)
class LostEgress:
    """Services that `workloads` workloads reached through the registry and no longer do.

    `blocked` of the `lost` services are cut off; the others still pass, without mutual TLS, routing
    and metrics, because the policy lets unknown traffic through. `examples` are `host:port`, the
    workloads' own namespace first.
    """

    scope_key: str
    label: str
    namespace: str
    workloads: int
    lost: int
    blocked: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FindingChange:
    fingerprint: str
    code: str
    severity: Severity
    title: str
    ref: ResourceRef


@dataclass(frozen=True, slots=True)
class Difference:
    """`opened` cells become reachable, `closed` ones cease to be, `changed` ones alter their verdict
    without either; `unchanged` counts the other cells."""

    opened: tuple[CellChange, ...]
    closed: tuple[CellChange, ...]
    changed: tuple[CellChange, ...]
    newly_broken: tuple[LostEgress, ...]
    unchanged: int
    findings_appear: tuple[FindingChange, ...]
    findings_disappear: tuple[FindingChange, ...]

    @property
    def workloads_that_lose_egress(self) -> int:
        """Workloads for which at least one service is cut off."""
        return sum(item.workloads for item in self.newly_broken if item.blocked)


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a change is expected to do, for one edition of a host set."""

    hostset: str
    edition: str
    difference: Difference


@dataclass(frozen=True, slots=True)
class Verification:
    """What happened against what was predicted, in sentences: `missing` was predicted and is not there,
    `surprises` are there and were not predicted."""

    missing: tuple[str, ...]
    surprises: tuple[str, ...]

    @property
    def deviations(self) -> tuple[str, ...]:
        return (*self.missing, *self.surprises)

    @property
    def confirmed(self) -> bool:
        return not self.deviations
