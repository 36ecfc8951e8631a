"""Kubernetes' NetworkPolicies, field by field."""

from __future__ import annotations

from apps.mesh.objects.networkpolicies import IpBlock, NetworkPolicy, NetworkPolicyPort, NetworkPolicyRule
from tests.mesh.parsing.reading import read


def test_a_network_policy_allows_peers_and_ports() -> None:
    policy = read(
        NetworkPolicy,
        """
        podSelector: {matchExpressions: [{key: app, operator: In, values: [web]}]}
        egress:
        - to:
          - ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}
          - {namespaceSelector: {}, podSelector: {matchLabels: {app: dns}}}
          ports: [{port: 53, protocol: UDP}, {port: 8000, endPort: 8010}, {port: metrics}]
        - {}
        """,
    )
    assert policy.pod_selector.matches({"app": "web"})
    assert not policy.pod_selector.matches({"app": "db"})
    assert policy.policy_types == ("Ingress", "Egress")
    first, everything = policy.egress
    assert first.peers[0].ip_block == IpBlock("0.0.0.0/0", ("10.0.0.0/8",))
    assert first.peers[0].pod_selector is None
    assert first.peers[1].namespace_selector is not None
    assert first.peers[1].namespace_selector.empty
    assert first.ports == (
        NetworkPolicyPort("UDP", 53),
        NetworkPolicyPort("TCP", 8000, end=8010),
        NetworkPolicyPort("TCP", None, "metrics"),
    )
    assert [first.ports[1].covers(port) for port in (7999, 8000, 8010, 8011)] == [False, True, True, False]
    assert first.ports[2].covers(9090) is None
    assert not first.ports[0].covers(53, "TCP")
    assert everything == NetworkPolicyRule()


def test_the_types_of_a_network_policy_are_those_in_force() -> None:
    assert read(NetworkPolicy, "{podSelector: {}}").policy_types == ("Ingress",)
    assert read(NetworkPolicy, "{policyTypes: [Egress]}").policy_types == ("Egress",)
