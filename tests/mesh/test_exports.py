"""Which objects say who sees them."""

from __future__ import annotations

from apps.mesh.exports import exports
from tests.mesh.rule_cases import laid

OBJECTS = """
apiVersion: v1
kind: Service
metadata: {name: a, namespace: shop, annotations: {networking.istio.io/exportTo: "., pay"}}
spec: {ports: [{port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: b, namespace: shop}
spec: {host: a, exportTo: [pay]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: c, namespace: shop}
spec: {host: a, exportTo: [pay], workloadSelector: {matchLabels: {app: x}}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: d, namespace: shop}
spec: {hosts: [x.com], ports: [{number: 443, name: tls, protocol: TLS}]}
"""


def test_only_those_with_an_export_list_that_counts_are_given() -> None:
    assert [(str(item.item.ref), item.names, item.path) for item in exports(laid(more=OBJECTS))] == [
        ("Service shop/a", (".", "pay"), "metadata.annotations[networking.istio.io/exportTo]"),
        ("DestinationRule shop/b", ("pay",), "spec.exportTo"),
    ]
