"""The identity of a Kubernetes object, used everywhere. Knows nothing of what the object says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Manifest = Mapping[str, Any]
_GATEWAY_API = "gateway.networking.k8s.io/"


@dataclass(frozen=True, slots=True, order=True)
class ResourceRef:
    """Kind, namespace ("" for a cluster-scoped object) and name. Two groups have a kind called Gateway:
    the Gateway API's is `KubernetesGateway` here, as it is in Istio's own source."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.path}"

    @property
    def path(self) -> str:
        """`namespace/name`, or the name alone when the object has no namespace."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    @classmethod
    def of(cls, manifest: Manifest) -> ResourceRef:
        """The ref of a manifest; absent fields read as empty strings, wrong types as their text."""
        metadata = manifest.get("metadata")
        # The exact type first: asking an abstract class is slow for thousands of objects.
        metadata = metadata if type(metadata) is dict or isinstance(metadata, Mapping) else {}
        kind = str(manifest.get("kind") or "")
        if kind == "Gateway" and str(manifest.get("apiVersion") or "").startswith(_GATEWAY_API):
            kind = "KubernetesGateway"
        return cls(
            kind,
            str(metadata.get("namespace") or ""),
            str(metadata.get("name") or ""),
        )

    @classmethod
    def parse(cls, text: str) -> ResourceRef:
        """Reads what `str` writes. Raises ValueError on anything else."""
        kind, _, path = text.partition(" ")
        if not kind or not path:
            raise ValueError(f"{text!r} is not «Kind namespace/name»")
        namespace, slash, name = path.partition("/")
        return cls(kind, namespace, name) if slash else cls(kind, "", namespace)
