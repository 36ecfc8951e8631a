"""Verdict(workload, host, port, protocol) with its chain of evidence. `EgressEngine` is the one door."""

from __future__ import annotations

from apps.mesh.egress.engine import INPUTS, EgressEngine
from apps.mesh.scopes import EgressScope
from apps.mesh.snapshot import Snapshot

__all__ = ["INPUTS", "EgressEngine", "EgressScope", "egress_scopes"]


def egress_scopes(snapshot: Snapshot) -> tuple[EgressScope, ...]:
    """The scopes of a snapshot, for what asks where workloads stand and not what they reach; ask for it
    through `snapshot.derived`."""
    return snapshot.derived(EgressEngine).scopes()
