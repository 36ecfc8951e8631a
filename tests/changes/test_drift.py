"""What counts as drift, and what is put back: pure cases."""

from __future__ import annotations

from typing import Any

import pytest

from apps.changes.drift import Drift, What, Written, drift_of, put_back
from apps.inventory.collect import as_kept

OP = {"meshconsole.io/op": "CS-1/1/1"}
HOSTS = ["a.example", "b.example"]
TLS = {"name": "tls", "number": 443, "protocol": "TLS"}
OTHER = {"name": "http", "number": 80, "protocol": "HTTP"}


def entry(spec: dict[str, Any], *, uid: str = "", owners: Any = (), **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": "x", "namespace": "shop", "uid": uid, "managedFields": list(owners), **metadata},
        "spec": spec,
    }


def owner(manager: str, *fields: str, operation: str = "Update") -> dict[str, Any]:
    tree: dict[str, Any] = {"f:spec": {f"f:{field}": {} for field in fields}}
    return {"manager": manager, "operation": operation, "fieldsV1": tree}


def created(spec: dict[str, Any], uid: str = "") -> Written:
    intent = entry(spec, annotations=OP)
    server = entry({**spec, "resolution": "NONE"}, uid="dry", annotations=OP)  # a default of the server
    return Written("ServiceEntry", intent, None, server, uid)


def updated(base: dict[str, Any], spec: dict[str, Any]) -> Written:
    changed = {key: value for key, value in spec.items() if base.get(key) != value}
    intent = entry(changed, annotations=OP)
    return Written("ServiceEntry", intent, entry(base), entry(spec, annotations=OP), "u1")


def paths(found: Drift | None) -> list[str]:
    return [change.path for change in found.changes] if found is not None else []


WRITTEN = {"hosts": HOSTS, "ports": [TLS]}
REST = {"resolution": "NONE"}


@pytest.mark.parametrize(
    ("spec", "differs"),
    [
        ({**WRITTEN, **REST}, []),
        ({**WRITTEN, **REST, "location": "MESH_EXTERNAL"}, []),  # a field that somebody else added
        ({**WRITTEN, "resolution": "DNS"}, []),  # a default that somebody else changed
        ({"ports": [TLS], **REST}, ["spec.hosts"]),  # removed
        ({**WRITTEN, "hosts": ["a.example"]}, ["spec.hosts"]),
        ({**WRITTEN, "hosts": ["b.example", "a.example"]}, ["spec.hosts"]),  # an atomic list has an order
        ({**WRITTEN, "hosts": [*HOSTS, "c.example"]}, ["spec.hosts"]),
        ({**WRITTEN, "ports": [OTHER, TLS]}, []),  # somebody else's port beside ours
        ({**WRITTEN, "ports": [{**TLS, "number": 8443}]}, ["spec.ports[tls]"]),
        ({**WRITTEN, "ports": [OTHER]}, ["spec.ports[tls]"]),
        ({}, ["spec.hosts", "spec.ports"]),
    ],
)
def test_only_what_was_written_counts(spec: dict[str, Any], differs: list[str]) -> None:
    assert paths(drift_of(created(WRITTEN), entry(spec, uid="u1"), uid="u1")) == differs


def test_neither_our_mark_nor_labels_and_the_served_version_are_drift() -> None:
    now = {**entry({**WRITTEN, **REST}, labels={"team": "a"}), "apiVersion": "networking.istio.io/v1beta1"}
    assert drift_of(created(WRITTEN), now) is None


def test_an_update_watches_the_fields_it_wrote_and_no_others() -> None:
    written = updated({"hosts": ["a.example"], "ports": [TLS]}, {"hosts": HOSTS, "ports": [TLS]})
    assert drift_of(written, entry({"hosts": HOSTS, "ports": [OTHER]}, uid="u1"), uid="u1") is None
    found = drift_of(written, entry({"hosts": ["a.example"], "ports": [TLS]}, uid="u1"), uid="u1")
    assert found is not None
    assert found.what is What.CHANGED
    assert (found.changes[0].before, found.changes[0].after) == (HOSTS, ["a.example"])


def test_a_field_that_the_change_took_away_is_drift_when_it_is_there_again() -> None:
    written = updated({"hosts": HOSTS, "exportTo": ["."], "ports": [TLS]}, {"hosts": HOSTS, "ports": [TLS]})
    assert drift_of(written, entry({"hosts": HOSTS}, uid="u1"), uid="u1") is None
    found = drift_of(written, entry({"hosts": HOSTS, "exportTo": ["*"]}, uid="u1"), uid="u1")
    assert paths(found) == ["spec.exportTo"]


def test_a_deleted_object_and_one_that_was_made_anew() -> None:
    gone = drift_of(created(WRITTEN, "u1"), None)
    assert gone == Drift(What.DELETED)
    assert drift_of(created(WRITTEN, "u1"), entry(WRITTEN, uid="u2"), uid="u2") is None, "it reads the same"
    anew = drift_of(created(WRITTEN, "u1"), entry({"hosts": ["a.example"]}, uid="u2"), uid="u2")
    assert anew is not None
    assert anew.what is What.RECREATED


def test_what_was_deleted_and_is_there_again() -> None:
    written = Written("ServiceEntry", None, entry(WRITTEN), None, "u1")
    assert drift_of(written, None) is None
    assert drift_of(written, entry(WRITTEN, uid="u1"), uid="u1") is None, "it waits for its finalizers"
    assert drift_of(written, entry(WRITTEN, uid="u2"), uid="u2") == Drift(What.BACK)


def test_who_owns_what_differs_is_named_and_a_gitops_tool_is_blamed_only_when_it_does() -> None:
    argo: dict[str, Any] = {"annotations": {"argocd.argoproj.io/tracking-id": "shop:x"}}
    spec = {"hosts": ["a.example"], "ports": [TLS]}
    ours = owner("meshconsole", "ports", operation="Apply")
    for manager, blamed in (("argocd-controller", True), ("kubectl-edit", False)):
        now = entry(spec, owners=[ours, owner(manager, "hosts")], **argo)
        found = drift_of(created(WRITTEN), now)
        assert found is not None
        assert (found.managers, found.keeper, found.blamed) == ((manager,), "Argo CD", blamed)
        assert ("the likely cause" in found.sentence) is blamed
    other = drift_of(created(WRITTEN), entry(spec, owners=[owner("kubectl-edit", "hosts")]))
    assert other is not None
    assert other.sentence == "no longer reads as it was written: spec.hosts (now of kubectl-edit)"


def test_of_a_workload_only_what_a_reading_keeps_is_compared() -> None:
    def deployment(note: str | None) -> dict[str, Any]:
        annotations = {"note": note} if note else {}
        return {
            "kind": "Deployment",
            "metadata": {"name": "x", "namespace": "shop"},
            "spec": {
                "template": {
                    "metadata": {"annotations": annotations},
                    "spec": {"containers": [{"name": "x", "env": [{"name": "A", "value": "secret"}]}]},
                },
                "strategy": {"type": "Recreate"},
            },
        }

    whole = deployment("on")
    written = Written("Deployment", whole, as_kept(deployment(None)), as_kept(whole), "u1")
    assert drift_of(written, as_kept(whole), uid="u1") is None
    found = drift_of(written, as_kept(deployment("off")), uid="u1")
    assert paths(found) == ["spec.template.metadata.annotations.note"]


def test_what_is_put_back_leaves_the_rest_to_others() -> None:
    base = entry({"hosts": ["old.example"], "exportTo": ["."], "ports": [TLS]})
    expected = entry({"hosts": HOSTS, "ports": [TLS]}, annotations=OP)
    intent = entry({"hosts": HOSTS, "ports": [TLS]}, annotations=OP)
    now = entry(
        {"hosts": ["x"], "exportTo": ["*"], "ports": [OTHER], "location": "MESH_INTERNAL"}, labels={"a": "b"}
    )
    laid = put_back("ServiceEntry", intent, base, expected, now)
    assert laid["spec"] == {"hosts": HOSTS, "ports": [TLS, OTHER], "location": "MESH_INTERNAL"}
    assert laid["metadata"] == {"name": "x", "namespace": "shop", "labels": {"a": "b"}}
    assert drift_of(Written("ServiceEntry", intent, base, expected), laid) is None
