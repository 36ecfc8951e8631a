"""What a remedy is, what it is asked for, and what it gives. Knows no remedy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from apps.mesh.egress import EgressEngine
from apps.mesh.hostsets import HostSet
from apps.mesh.patches import ManifestPatch
from apps.mesh.refs import ResourceRef
from apps.mesh.snapshot import Snapshot
from apps.mesh.tenancy import hosts_in


class ProposalError(ValueError):
    """Nothing can be generated; the message is a sentence that says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """What shall be mended; everything empty means "whatever the remedy can mend".

    `hosts` are hosts of the host set, `scopes` keys of egress scopes, `namespaces` names; `ref` is
    the object a finding is on (a Sidecar, a ServiceEntry). `cells` are single pairs of scope and host, where
    not every one of these hosts is meant for every one of these scopes. `hostset` names the set of
    the hosts, where it is not Speedscale's.
    """

    hosts: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    ref: ResourceRef | None = None
    cells: tuple[tuple[str, str], ...] = ()
    hostset: str = ""

    def asks(self, scope_key: str, host: str) -> bool:
        """Whether this cell was asked for by its scope."""
        if scope_key in self.scopes and (not self.hosts or host in self.hosts):
            return True
        return (scope_key, host) in self.cells


@dataclass(frozen=True, slots=True)
class Proposal:
    """Patches with what they were simulated to do. `summary` is one sentence; `opens` names the cells
    that turn, as `(scope key, host)`; `warnings` are sentences an approver must read; `ends` are the
    fingerprints of findings that it was made for and ends."""

    remedy: str
    title: str
    summary: str
    patches: tuple[ManifestPatch, ...]
    opens: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RemedyContext:
    """The state to mend."""

    snapshot: Snapshot
    hostset: HostSet
    engine: EgressEngine

    @property
    def dialled(self) -> HostSet:
        """The hosts of the host set as the installations of this cluster dial them, by their settings."""
        return self.snapshot.derived(hosts_in, self.hostset)

    @classmethod
    def of(cls, snapshot: Snapshot, hostset: HostSet, engine: EgressEngine | None = None) -> RemedyContext:
        return cls(snapshot, hostset, engine or snapshot.derived(EgressEngine))


@dataclass(frozen=True, slots=True)
class Remedy:
    """`propose` raises ProposalError when there is nothing it can safely generate. `by_finding` is true
    for one that somebody asks for by its finding: it is no part of mending a whole cluster."""

    name: str
    title: str
    doc: str
    propose: Callable[[RemedyContext, Target], Proposal]
    by_finding: bool = False
