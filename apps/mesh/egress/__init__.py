"""Verdict(workload, host, port, protocol) with its chain of evidence. `EgressEngine` is the one door."""

from __future__ import annotations

from apps.mesh.egress.engine import INPUTS, EgressEngine
from apps.mesh.scopes import EgressScope

__all__ = ["INPUTS", "EgressEngine", "EgressScope"]
