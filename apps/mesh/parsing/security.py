"""PeerAuthentication, RequestAuthentication and AuthorizationPolicy."""

from __future__ import annotations

from apps.mesh.objects.security import (
    AuthorizationPolicy,
    AuthorizationRule,
    Condition,
    Operation,
    PeerAuthentication,
    RequestAuthentication,
    Source,
    TargetRef,
)
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


def request_authentication(fields: Fields, ref: ResourceRef) -> RequestAuthentication:
    spec = fields.child("spec")
    return RequestAuthentication(
        **metadata(fields, ref),
        selector=match_labels(spec, "selector"),
        target_refs=_target_refs(spec),
        issuers=tuple(item.text("issuer") for item in spec.items("jwtRules")),
    )


def authorization_policy(fields: Fields, ref: ResourceRef) -> AuthorizationPolicy:
    spec = fields.child("spec")
    return AuthorizationPolicy(
        **metadata(fields, ref),
        selector=match_labels(spec, "selector"),
        target_refs=_target_refs(spec),
        action=spec.text("action", "ALLOW"),
        provider=spec.child("provider").text("name"),
        rules=tuple(_rule(item) for item in spec.items("rules")),
    )


def match_labels(spec: Fields, key: str) -> dict[str, str] | None:
    """`key.matchLabels`; None when there is no selector, or one without labels (it selects all)."""
    return spec.child(key).labels("matchLabels") or None


def _target_refs(spec: Fields) -> tuple[TargetRef, ...]:
    """`targetRefs`, and the single `targetRef` that came before it."""
    single = (spec.child("targetRef"),) if spec.has("targetRef") else ()
    return tuple(
        TargetRef(item.text("group"), item.text("kind"), item.text("name"), item.text("namespace"))
        for item in (*single, *spec.items("targetRefs"))
    )


def _rule(item: Fields) -> AuthorizationRule:
    return AuthorizationRule(
        sources=tuple(_source(one.child("source")) for one in item.items("from")),
        operations=tuple(_operation(one.child("operation")) for one in item.items("to")),
        conditions=tuple(
            Condition(one.text("key"), one.texts("values"), one.texts("notValues"))
            for one in item.items("when")
        ),
    )


def _source(item: Fields) -> Source:
    return Source(
        principals=item.texts("principals"),
        not_principals=item.texts("notPrincipals"),
        request_principals=item.texts("requestPrincipals"),
        not_request_principals=item.texts("notRequestPrincipals"),
        namespaces=item.texts("namespaces"),
        not_namespaces=item.texts("notNamespaces"),
        service_accounts=item.texts("serviceAccounts"),
        not_service_accounts=item.texts("notServiceAccounts"),
        ip_blocks=item.texts("ipBlocks"),
        not_ip_blocks=item.texts("notIpBlocks"),
        remote_ip_blocks=item.texts("remoteIpBlocks"),
        not_remote_ip_blocks=item.texts("notRemoteIpBlocks"),
        trust_domains=item.texts("trustDomains"),
        not_trust_domains=item.texts("notTrustDomains"),
    )


def _operation(item: Fields) -> Operation:
    return Operation(
        hosts=item.texts("hosts"),
        not_hosts=item.texts("notHosts"),
        ports=item.texts_or_numbers("ports"),
        not_ports=item.texts_or_numbers("notPorts"),
        methods=item.texts("methods"),
        not_methods=item.texts("notMethods"),
        paths=item.texts("paths"),
        not_paths=item.texts("notPaths"),
    )
