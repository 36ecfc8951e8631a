"""Policies of security.istio.io, field by field."""

from __future__ import annotations

from apps.mesh.objects.security import (
    AuthorizationPolicy,
    AuthorizationRule,
    Condition,
    PeerAuthentication,
    RequestAuthentication,
    TargetRef,
)
from tests.mesh.parsing.reading import read


def test_an_authorization_policy_keeps_its_rules() -> None:
    policy = read(
        AuthorizationPolicy,
        """
        selector: {matchLabels: {app: web}}
        targetRef: {kind: Gateway, group: gateway.networking.k8s.io, name: gw}
        targetRefs: [{kind: Service, name: web, namespace: pay}]
        action: CUSTOM
        provider: {name: opa}
        rules:
        - from:
          - source: {principals: [a], notNamespaces: [b], remoteIpBlocks: [10.0.0.0/8], trustDomains: [c]}
          to: [{operation: {methods: [GET], ports: ["80", 81], notPaths: [/x], hosts: [h]}}]
          when: [{key: "request.headers[x]", values: [v], notValues: [w]}]
        - {}
        """,
    )
    assert policy.selector == {"app": "web"}
    assert policy.target_refs == (
        TargetRef("gateway.networking.k8s.io", "Gateway", "gw"),
        TargetRef("", "Service", "web", "pay"),
    )
    assert (policy.action, policy.provider) == ("CUSTOM", "opa")
    first, everything = policy.rules
    assert first.sources[0].principals == ("a",)
    assert first.sources[0].not_namespaces == ("b",)
    assert first.sources[0].remote_ip_blocks == ("10.0.0.0/8",)
    assert first.sources[0].trust_domains == ("c",)
    assert first.operations[0].ports == ("80", "81")
    assert first.operations[0].not_paths == ("/x",)
    assert first.conditions == (Condition("request.headers[x]", ("v",), ("w",)),)
    assert everything == AuthorizationRule()


def test_a_selector_without_labels_is_none() -> None:
    spec = "{selector: {matchLabels: {}}}"
    assert read(AuthorizationPolicy, spec).selector is None
    assert read(PeerAuthentication, spec).selector is None
    assert read(RequestAuthentication, spec).selector is None


def test_ports_of_a_peer_authentication_are_numbers() -> None:
    policy = read(PeerAuthentication, '{mtls: {mode: STRICT}, portLevelMtls: {"8080": {mode: DISABLE}}}')
    assert policy.port_modes == {8080: "DISABLE"}
