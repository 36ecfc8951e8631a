"""Istio objects that Speedscale's operator writes in application namespaces (a Sidecar whose ingress goes
to its proxy, a PeerAuthentication): nobody should be told to mend those by hand.

Speedscale documents no mark for them, so any of the marks that it leaves elsewhere counts.
"""

from __future__ import annotations

from apps.mesh.objects.base import MeshObject
from apps.mesh.ownership import managers_of
from apps.mesh.snapshot import Snapshot

DOMAIN = ".speedscale.com/"
NAME = "speedscale"
KINDS = frozenset({"EnvoyFilter", "PeerAuthentication", "Sidecar"})
"""What the operator may write (operator-helm, templates/rbac.yaml)."""


def made_by_operator(snapshot: Snapshot, found: MeshObject) -> bool:
    """Whether a label or annotation of Speedscale is on the object, or its operator owns the spec."""
    if any(DOMAIN in key for key in (*found.labels, *found.annotations)):
        return True
    manifest = snapshot.manifest(found.ref) or {}
    spec = manifest.get("spec")
    fields = spec if isinstance(spec, dict) else {}
    managers = {name for field in fields for name in managers_of(manifest, field)}
    return bool(managers) and all(NAME in name for name in managers)
