"""Gateways and DestinationRules, field by field."""

from __future__ import annotations

from apps.mesh.objects.networking import (
    DestinationRule,
    Gateway,
)
from tests.mesh.parsing.reading import read


def test_a_destination_rule_says_how_clients_connect() -> None:
    rule = read(
        DestinationRule,
        """
        host: Reviews
        workloadSelector: {matchLabels: {app: web}}
        trafficPolicy:
          loadBalancer: {simple: PASSTHROUGH}
          tls: {mode: SIMPLE, caCertificates: /ca.pem, sni: x.com, credentialName: certs}
          portLevelSettings:
          - {port: {number: 80}, tls: {mode: DISABLE}}
          - {port: {number: 81}, connectionPool: {}}
        subsets:
        - {name: v1, labels: {version: v1}}
        - {name: v2, labels: {version: v2}, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}
        - name: v3
          trafficPolicy:
            portLevelSettings: [{port: {number: 82}, tls: {mode: MUTUAL}}, {port: {number: 83}}]
        """,
    )
    assert rule.host == "reviews"
    assert rule.selector == {"app": "web"}
    assert rule.policy_given
    assert rule.policy.load_balancer == "PASSTHROUGH"
    assert rule.policy.tls is not None
    assert (rule.policy.tls.ca_certificates, rule.policy.tls.credential_name) == ("/ca.pem", "certs")
    assert [subset.name for subset in rule.subsets] == ["v1", "v2", "v3"]
    assert rule.subsets[0].labels == {"version": "v1"}

    def mode(port: int, subset: str = "") -> str:
        tls = rule.tls_for(port, subset)
        return tls.mode if tls is not None else "auto"

    assert mode(443) == "SIMPLE"
    assert mode(80) == "DISABLE"
    assert mode(81) == "auto", "the settings of a port inherit no tls"
    assert mode(443, "v1") == "SIMPLE"
    assert mode(443, "v2") == "ISTIO_MUTUAL"
    assert mode(80, "v2") == "ISTIO_MUTUAL"
    assert mode(82, "v3") == "MUTUAL"
    assert mode(83, "v3") == "auto"
    assert mode(80, "v3") == "DISABLE"
    assert mode(80, "unheard-of") == "DISABLE"


def test_a_tls_without_a_mode_is_plaintext() -> None:
    rule = read(DestinationRule, "{host: a.com, trafficPolicy: {tls: {sni: x}}}")
    assert rule.policy.tls is not None
    assert rule.policy.tls.mode == "DISABLE"
    assert not read(DestinationRule, "{host: a.com}").policy_given
    assert read(DestinationRule, "{host: a.com, trafficPolicy: {}}").policy_given


def test_a_gateway_keeps_its_servers() -> None:
    gateway = read(
        Gateway,
        """
        selector: {istio: ingressgateway}
        servers:
        - name: web
          bind: 10.0.0.1
          hosts: [shop/Web.x.com, "*.y.com"]
          port: {number: 443, name: https, protocol: https}
          tls: {mode: SIMPLE, credentialName: cert, credentialNames: [rsa, ecdsa]}
        - {hosts: ["*"], port: {number: 80, name: http, protocol: HTTP}, tls: {httpsRedirect: true}}
        - {hosts: ["*"], port: {number: 81, name: tcp, protocol: TCP}}
        """,
    )
    first, second, third = gateway.servers
    assert first.hosts == ("shop/web.x.com", "*.y.com")
    assert (first.name, first.bind, first.tls_mode) == ("web", "10.0.0.1", "SIMPLE")
    assert first.credential_names == ("cert", "rsa", "ecdsa")
    assert first.port is not None
    assert (first.port.number, first.port.protocol, first.port.name) == (443, "HTTPS", "https")
    assert second.tls_mode == "PASSTHROUGH", "the zero value of the enum"
    assert second.https_redirect
    assert third.tls_mode == ""
