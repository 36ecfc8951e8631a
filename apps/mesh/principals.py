"""Principals as AuthorizationPolicies write them: `<trust domain>/ns/<namespace>/sa/<service account>`.

Follows pilot/pkg/security/trustdomain/trust-domain.go. Knows no policy.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from apps.mesh.authz import LOCAL_DOMAIN
from apps.mesh.meshconfig import MeshConfig
from apps.mesh.planes import INPUTS as PLANE_INPUTS

INPUTS = PLANE_INPUTS
SPIFFE = "spiffe://"


@dataclass(frozen=True, slots=True)
class Principal:
    """The three parts; each may hold `*` where the text begins or ends with one."""

    domain: str
    namespace: str
    account: str

    def local(self, domains: Collection[str]) -> bool:
        """Whether the trust domain is one of these; one with a `*` counts as such."""
        return "*" in self.domain or self.domain in domains


def parts_of(text: str) -> Principal | None:
    """The parts; None for a text that is cut by its wildcard, or is no principal at all."""
    parts = text.split("/")
    if len(parts) != 5 or parts[1] != "ns" or parts[3] != "sa":
        return None
    return Principal(parts[0], parts[2], parts[4])


def trust_domains(config: MeshConfig) -> tuple[str, ...]:
    """The names of the mesh's own trust domain: its own, its aliases, and `cluster.local`, which always
    means the own one."""
    return tuple(dict.fromkeys((config.trust_domain, *config.trust_domain_aliases, LOCAL_DOMAIN)))
