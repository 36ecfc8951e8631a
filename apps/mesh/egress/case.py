"""One egress question with all that was found out about it, before it is put into words."""

from __future__ import annotations

from dataclasses import dataclass

from apps.mesh.egress.imports import ScopeImports
from apps.mesh.egress.matching import Match
from apps.mesh.egress.probing import Alternative
from apps.mesh.egress.views import MeshView
from apps.mesh.objects.envoyfilters import EnvoyFilter
from apps.mesh.objects.networking import OutboundTrafficPolicy, Sidecar
from apps.mesh.refs import ResourceRef
from apps.mesh.snapshot import Snapshot
from apps.mesh.verdicts import Destination


@dataclass(frozen=True, slots=True)
class Policy:
    """The outbound traffic policy in force and where it stands; `outbound` None when not readable."""

    outbound: OutboundTrafficPolicy | None
    ref: ResourceRef | None = None
    path: str = ""

    @property
    def registry_only(self) -> bool:
        return self.outbound is not None and not self.outbound.mode.startswith("ALLOW_ANY")


@dataclass(frozen=True, slots=True)
class Case:
    """`host` is the name that was probed (for `*.x` a name below x); `match` what decided; `patches` are the
    EnvoyFilters that select the proxy."""

    snapshot: Snapshot
    mesh: MeshView
    namespace: str
    sidecar: Sidecar | None
    imports: ScopeImports
    policy: Policy
    destination: Destination
    host: str
    match: Match
    alternatives: tuple[Alternative, ...] = ()
    patches: tuple[EnvoyFilter, ...] = ()

    @property
    def root_namespace(self) -> str:
        return self.mesh.plane.config.root_namespace

    @property
    def listener_index(self) -> int:
        """The place in `spec.egress` of the listener that governs the port; -1 when none does."""
        number = self.destination.port
        for imported in self.imports.listeners:
            if imported.port_number in (0, number):
                return imported.index
        return -1


def policy_of(mesh: MeshView, sidecar: Sidecar | None) -> Policy:
    """The Sidecar's policy when it gives one (`{}` is one: REGISTRY_ONLY), else MeshConfig's."""
    if sidecar is not None and sidecar.outbound_policy is not None:
        path = "spec.outboundTrafficPolicy"
        if sidecar.outbound_policy.mode_given:
            path += ".mode"
        return Policy(sidecar.outbound_policy, sidecar.ref, path)
    config = mesh.plane.config
    return Policy(config.outbound, config.policy_ref, config.policy_path)
