"""Which webhooks the API server calls for a pod, and which injector they go by."""

from __future__ import annotations

from typing import Any

import pytest

from apps.mesh.refs import Manifest
from apps.mesh.reports import Drift
from tests.mesh.injection_cases import NOT_REFUSED, configuration, hook, report, within


def injector(name: str, namespace: str, policy: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": {"config": f"policy: {policy}"},
    }


def test_the_injector_is_the_one_that_the_webhook_calls() -> None:
    elsewhere = injector("istio-sidecar-injector", "another-mesh", "disabled")
    assert report({"istio-injection": "enabled"}, more=(elsewhere,)).expected is True
    own = injector("istio-sidecar-injector", "istio-system", "disabled")
    assert report({"istio-injection": "enabled"}, more=(elsewhere, own)).expected is False


DEFAULT_TAG = configuration(
    "istio-revision-tag-default",
    {"istio.io/rev": "1-28-1", "istio.io/tag": "default"},
    hook("namespace", [within("istio-injection", "enabled")], [NOT_REFUSED]),
)


def test_of_several_webhooks_the_last_to_inject_leaves_its_proxy() -> None:
    enabled = {"istio-injection": "enabled"}
    assert report(enabled, more=(DEFAULT_TAG,)).revision_expected == "default"
    off = injector("istio-sidecar-injector", "istio-system", "disabled")
    assert report(enabled, more=(DEFAULT_TAG, off)).revision_expected == "1-28-1"
    never = {"key": "istio.io/deactivated", "operator": "In", "values": ["never-match"]}
    deactivated = configuration("istio-sidecar-injector", {"istio.io/rev": "default"}, hook("n", [never], []))
    assert report(enabled, more=(DEFAULT_TAG, deactivated)).revision_expected == "1-28-1"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"operations": ["CREATE"], "apiGroups": [""], "resources": ["pods"]}, True),
        ({"operations": ["*"], "apiGroups": ["*"], "resources": ["*/*"], "scope": "Namespaced"}, True),
        ({"operations": ["UPDATE"], "apiGroups": [""], "resources": ["pods"]}, False),
        ({"operations": ["CREATE"], "apiGroups": ["apps"], "resources": ["*"]}, False),
        ({"operations": ["CREATE"], "apiGroups": [""], "resources": ["pods/exec"]}, False),
        ({"operations": ["CREATE"], "apiGroups": [""], "resources": ["pods"], "scope": "Cluster"}, False),
    ],
)
def test_a_webhook_is_called_for_what_its_rules_say(rule: dict[str, Any], expected: bool) -> None:
    webhook = {**hook("auto", [], []), "rules": [rule]}
    extra = configuration("istio-sidecar-injector", {"istio.io/rev": "default"}, webhook)
    assert report({}, more=(extra,)).expected is expected


def test_conditions_that_are_expressions_are_not_guessed() -> None:
    webhook = hook("namespace", [within("istio-injection", "enabled")], [])
    webhook["matchConditions"] = [{"name": "some", "expression": "object.metadata.name != 'cart'"}]
    extra = configuration("istio-sidecar-injector", {"istio.io/rev": "default"}, webhook)
    found = report({"istio-injection": "enabled"}, more=(extra,))
    assert (found.expected, found.drift) == (None, Drift.UNKNOWN)
    assert "matchConditions" in found.reason
    assert report({}, more=(extra,)).expected is False, "the webhook is not called at all"
