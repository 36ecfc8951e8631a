"""PeerAuthentication and AuthorizationPolicy."""

from __future__ import annotations

from apps.mesh.objects.security import AuthorizationPolicy, PeerAuthentication
from apps.mesh.parsing.fields import Fields, metadata
from apps.mesh.refs import ResourceRef


def peer_authentication(fields: Fields, ref: ResourceRef) -> PeerAuthentication:
    spec = fields.child("spec")
    ports = spec.child("portLevelMtls")
    modes = {
        int(key): ports.child(key).text("mode") for key in ports.names() if key.isdecimal() and len(key) < 6
    }
    return PeerAuthentication(
        **metadata(fields, ref),
        selector=match_labels(spec, "selector"),
        mode=spec.child("mtls").text("mode"),
        port_modes=modes,
    )


def authorization_policy(fields: Fields, ref: ResourceRef) -> AuthorizationPolicy:
    spec = fields.child("spec")
    return AuthorizationPolicy(
        **metadata(fields, ref),
        selector=match_labels(spec, "selector"),
        action=spec.text("action", "ALLOW"),
        rules=len(spec.items("rules")),
    )


def match_labels(spec: Fields, key: str) -> dict[str, str] | None:
    """`key.matchLabels`; None when there is no selector, or one without labels (it selects all)."""
    return spec.child(key).labels("matchLabels") or None
