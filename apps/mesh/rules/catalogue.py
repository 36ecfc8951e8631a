"""The one list of rules, ordered by code. A code is never used again for another meaning.

Codes MC001 to MC009 are what an analysis says of itself: see `analyse`.
"""

from __future__ import annotations

from apps.mesh.rules.base import Rule
from apps.mesh.rules.injection import proxy_missing, proxy_of_another_revision
from apps.mesh.rules.speedscale import (
    annotated_not_injected,
    conflicting_captures,
    ebpf_without_collector,
    istio_cni_not_declared,
    namespace_annotated_for_both,
    operator_missing,
    orphaned_sidecar,
    pods_not_rolled,
    required_host_blocked,
    service_entry_looks_right,
    service_entry_not_exported,
    sidecar_lacks_service_entry,
    sidecar_lacks_speedscale,
)

RULES: tuple[Rule, ...] = tuple(
    module.RULE
    for module in (
        proxy_missing,
        proxy_of_another_revision,
        required_host_blocked,
        service_entry_not_exported,
        sidecar_lacks_speedscale,
        sidecar_lacks_service_entry,
        service_entry_looks_right,
        istio_cni_not_declared,
        conflicting_captures,
        annotated_not_injected,
        pods_not_rolled,
        orphaned_sidecar,
        ebpf_without_collector,
        operator_missing,
        namespace_annotated_for_both,
    )
)


def rule(code: str) -> Rule | None:
    """The rule of a code."""
    return next((found for found in RULES if found.code == code), None)
