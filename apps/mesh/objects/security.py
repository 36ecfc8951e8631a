"""security.istio.io objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from apps.mesh.objects.base import MeshObject


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerAuthentication(MeshObject):
    """`selector` None means the whole namespace (or mesh, in the root namespace); `mode` "" is UNSET."""

    selector: Mapping[str, str] | None = None
    mode: str = ""
    port_modes: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationPolicy(MeshObject):
    selector: Mapping[str, str] | None = None
    action: str = "ALLOW"
    rules: int = 0
