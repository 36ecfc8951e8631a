"""Kubernetes' NetworkPolicy."""

from __future__ import annotations

from apps.mesh.objects.networkpolicies import (
    IpBlock,
    NetworkPolicy,
    NetworkPolicyPeer,
    NetworkPolicyPort,
    NetworkPolicyRule,
)
from apps.mesh.objects.selectors import LabelSelector
from apps.mesh.parsing.config import label_selector
from apps.mesh.parsing.fields import Fields, metadata
from apps.mesh.refs import ResourceRef


def network_policy(fields: Fields, ref: ResourceRef) -> NetworkPolicy:
    spec = fields.child("spec")
    egress = tuple(_rule(item, "to") for item in spec.items("egress"))
    return NetworkPolicy(
        **metadata(fields, ref),
        pod_selector=label_selector(spec.child("podSelector")),
        policy_types=spec.texts("policyTypes") or ("Ingress", *(("Egress",) if egress else ())),
        ingress=tuple(_rule(item, "from") for item in spec.items("ingress")),
        egress=egress,
    )


def _rule(item: Fields, side: str) -> NetworkPolicyRule:
    return NetworkPolicyRule(
        peers=tuple(_peer(peer) for peer in item.items(side)),
        ports=tuple(_port(port) for port in item.items("ports")),
    )


def _peer(item: Fields) -> NetworkPolicyPeer:
    block = item.child("ipBlock")
    return NetworkPolicyPeer(
        ip_block=IpBlock(block.text("cidr"), block.texts("except")) if item.has("ipBlock") else None,
        pod_selector=_selector(item, "podSelector"),
        namespace_selector=_selector(item, "namespaceSelector"),
    )


def _selector(item: Fields, key: str) -> LabelSelector | None:
    return label_selector(item.child(key)) if item.has(key) else None


def _port(item: Fields) -> NetworkPolicyPort:
    text = item.text("port")
    number = int(text) if text.isdecimal() and len(text) < 6 else None
    return NetworkPolicyPort(
        protocol=item.text("protocol", "TCP"),
        number=number,
        name=text if number is None else "",
        end=item.number("endPort"),
    )
