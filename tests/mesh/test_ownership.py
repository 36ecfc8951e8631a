"""Who else keeps an object is read from the marks that tools leave."""

from __future__ import annotations

from typing import Any

import pytest

from apps.mesh.ownership import keeper_of, managers_of
from apps.mesh.refs import ResourceRef

REF = ResourceRef("Sidecar", "shop", "default")


def marked(
    *, labels: dict[str, Any] | None = None, annotations: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {"kind": "Sidecar", "metadata": {"labels": labels or {}, "annotations": annotations or {}}}


@pytest.mark.parametrize(
    ("manifest", "tool", "reverts"),
    [
        (
            marked(annotations={"argocd.argoproj.io/tracking-id": "shop:networking.istio.io/x"}),
            "Argo CD",
            True,
        ),
        (marked(labels={"argocd.argoproj.io/instance": "shop"}), "Argo CD", True),
        (marked(labels={"kustomize.toolkit.fluxcd.io/name": "shop"}), "Flux", True),
        (marked(labels={"helm.toolkit.fluxcd.io/name": "shop"}), "Flux", True),
        (marked(labels={"app.kubernetes.io/managed-by": "Helm"}), "Helm", False),
        (marked(annotations={"meta.helm.sh/release-name": "shop"}), "Helm", False),
    ],
)
def test_a_tool_is_known_by_its_mark(manifest: dict[str, Any], tool: str, reverts: bool) -> None:
    keeper = keeper_of(manifest)
    assert keeper is not None
    assert (keeper.tool, keeper.reverts) == (tool, reverts)
    assert keeper.warning(REF).startswith(f"Sidecar shop/default is kept by {tool}")


@pytest.mark.parametrize(
    "manifest",
    [
        {},
        {"metadata": [1]},
        marked(labels={"app.kubernetes.io/managed-by": "kubectl"}),
        marked(labels={"app.kubernetes.io/instance": "shop"}),
        marked(annotations={"argocd.argoproj.io/tracking-id": 3}),
    ],
)
def test_nothing_else_makes_a_keeper(manifest: dict[str, Any]) -> None:
    assert keeper_of(manifest) is None


def test_field_managers_other_than_this_console_are_named_once() -> None:
    owned: dict[str, Any] = {"fieldsV1": {"f:spec": {"f:hosts": {}}}}
    fields = [
        {"manager": "kubectl", **owned},
        {"manager": "kubectl", **owned},
        {"manager": "meshconsole", **owned},
        {"manager": "istiod", "fieldsV1": {"f:status": {}}},
        "junk",
    ]
    assert managers_of({"metadata": {"managedFields": fields}}, "hosts") == ("kubectl",)
    assert managers_of({"metadata": {"managedFields": 3}}, "hosts") == ()
