"""Versions of control planes, and which one a namespace has."""

from __future__ import annotations

import pytest

from apps.mesh.meshconfig import ControlPlane, MeshConfig
from apps.mesh.parsing.files import load_text
from apps.mesh.planes import namespace_planes
from apps.mesh.snapshot import Snapshot

TWO_REVISIONS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: ""}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio-canary, namespace: istio-system}
data: {mesh: ""}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
"""
DEFAULT_TAG = """
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: istio-revision-tag-default, labels: {istio.io/rev: canary, istio.io/tag: default}}
webhooks:
- name: namespace.sidecar-injector.istio.io
  namespaceSelector: {matchExpressions: [{key: istio-injection, operator: In, values: [%s]}]}
  objectSelector: {matchExpressions: [{key: sidecar.istio.io/inject, operator: NotIn, values: ["false"]}]}
"""


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("1.31.0", True),
        ("1.32.1", True),
        ("2.0.0", True),
        ("1.30.9", False),
        ("1.9.3", False),
        ("1.31-alpha.0", None),
        ("latest", None),
        ("", None),
    ],
)
def test_a_version_is_compared_by_its_numbers(version: str, expected: bool | None) -> None:
    plane = ControlPlane("istio-system", "default", version, (), MeshConfig())
    assert plane.at_least(1, 31) is expected


@pytest.mark.parametrize(
    ("webhook", "revision"),
    [("", "default"), (DEFAULT_TAG % "enabled", "canary"), (DEFAULT_TAG % "never", "default")],
)
def test_the_webhook_that_takes_a_namespace_says_its_control_plane(webhook: str, revision: str) -> None:
    snapshot = Snapshot.from_manifests(load_text(TWO_REVISIONS + webhook).manifests)
    assert snapshot.derived(namespace_planes).of("shop").revision == revision
