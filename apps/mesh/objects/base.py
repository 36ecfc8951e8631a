"""What every object has in common. Knows no kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from apps.mesh.refs import ResourceRef


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshObject:
    """Identity and metadata. `created` is the RFC 3339 text of the server ("" when absent);
    it sorts as text, as the server writes whole seconds in UTC."""

    ref: ResourceRef
    api_version: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    uid: str = ""
    created: str = ""

    @property
    def name(self) -> str:
        return self.ref.name

    @property
    def namespace(self) -> str:
        return self.ref.namespace

    @property
    def age_key(self) -> tuple[str, str, str]:
        """Oldest first, ties by name, then namespace (Istio: model/config.go sortConfigByCreationTime)."""
        return (self.created, self.ref.name, self.ref.namespace)
