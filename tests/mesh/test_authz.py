"""Which policies stand before a workload, and whom their rules take; None where that cannot be known."""

from __future__ import annotations

import pytest

from apps.mesh.authz import AuthorizationPolicies, Caller, namespace_matches, takes, text_matches
from apps.mesh.objects.security import AuthorizationPolicy
from apps.mesh.parsing.files import load_text
from apps.mesh.snapshot import Snapshot
from tests.mesh.rule_cases import laid

CALLER = Caller("shop", "cart", 8888, ("corp.example", "cluster.local"))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("{}", True),
        ("{from: [{source: {namespaces: [shop]}}]}", True),
        ("{from: [{source: {namespaces: [pay]}}]}", False),
        ("{from: [{source: {namespaces: [pay]}}, {source: {namespaces: [shop]}}]}", True),
        ("{from: [{source: {namespaces: [shop], notPrincipals: ['*/sa/cart']}}]}", False),
        ("{from: [{source: {principals: [cluster.local/ns/shop/sa/cart]}}]}", True),
        ("{from: [{source: {principals: [corp.example/ns/shop/*]}}]}", True),
        ("{from: [{source: {principals: [other/ns/shop/sa/cart]}}]}", False),
        ("{from: [{source: {serviceAccounts: [shop/cart]}}]}", True),
        ("{from: [{source: {serviceAccounts: [cart]}}]}", False),
        ('{from: [{source: {serviceAccounts: ["shop/*"]}}]}', False),
        ("{from: [{source: {ipBlocks: [10.0.0.0/8]}}]}", None),
        ("{from: [{source: {ipBlocks: [10.0.0.0/8], namespaces: [pay]}}]}", False),
        ("{to: [{operation: {ports: ['8888']}}]}", True),
        ("{to: [{operation: {ports: ['80']}}]}", False),
        ("{to: [{operation: {notPorts: ['8888']}}]}", False),
        ("{to: [{operation: {methods: [GET]}}]}", None),
        ("{to: [{operation: {methods: [GET], ports: ['80']}}]}", False),
        ("{when: [{key: source.namespace, notValues: [shop]}]}", False),
        ("{when: [{key: destination.port, values: ['8888']}]}", True),
        ("{when: [{key: 'request.headers[x]', values: [y]}]}", None),
    ],
)
def test_a_rule_takes_a_caller(rule: str, expected: bool | None) -> None:
    text = f"""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: one, namespace: speedscale}}
spec: {{rules: [{rule}]}}
"""
    (policy,) = Snapshot.from_manifests(load_text(text).manifests).each(AuthorizationPolicy)
    assert takes(policy.rules[0], policy.namespace, CALLER) is expected


def test_texts_match_exactly_or_by_one_end() -> None:
    assert text_matches("GET", "GET")
    assert not text_matches("GET", "GETS")
    assert text_matches("GE*", "GET")
    assert text_matches("*ET", "GET")
    assert not text_matches("*GE", "GET")
    assert text_matches("*", "GET")
    assert not text_matches("*", "")


def test_a_star_stands_anywhere_in_a_namespace() -> None:
    names = ("team-a-prod", "team-b")
    assert namespace_matches("team-*-prod", names)
    assert namespace_matches("*a*p*", names)
    assert not namespace_matches("team-*-stage", names)
    assert not namespace_matches("*-b*b", names)
    assert namespace_matches("team-b", names)
    assert not namespace_matches("team", names)


def test_policies_of_the_namespace_and_of_the_root_stand_before_a_workload() -> None:
    policy = "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n"
    more = "".join(
        (
            policy + "metadata: {name: own, namespace: shop}\nspec: {selector: {matchLabels: {app: cart}}}\n",
            policy + "metadata: {name: other, namespace: shop}\nspec: {selector: {matchLabels: {app: x}}}\n",
            policy + "metadata: {name: root, namespace: istio-system}\nspec: {}\n",
            policy + "metadata: {name: far, namespace: pay}\nspec: {}\n",
            policy + "metadata: {name: canary, namespace: shop, labels: {istio.io/rev: canary}}\nspec: {}\n",
            policy + "metadata: {name: dry, namespace: shop, annotations: {istio.io/dry-run: 'true'}}\n",
            policy + "metadata: {name: way, namespace: shop}\nspec: {targetRefs: [{kind: Gateway}]}\n",
        )
    )
    snapshot = laid("mesh", "shop", more=more)
    cart = snapshot.workload("shop", "cart")
    assert cart is not None
    policies = snapshot.derived(AuthorizationPolicies)
    assert [item.name for item in policies.before(cart)] == ["own", "root"]
    taken = {item.name: len(policies.taken(item)) for item in snapshot.each(AuthorizationPolicy)}
    assert taken["own"] == 1
    assert taken["other"] == 0
    assert taken["root"] == 1
    assert taken["way"] == 0
