"""Who is met by a draft's fields is read off managedFields the way the API server would judge it."""

from __future__ import annotations

from typing import Any

import pytest

from apps.changes.owners import Owned, owners_met

BASE: dict[str, Any] = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "ServiceEntry",
    "metadata": {"name": "a", "namespace": "b", "labels": {"team": "one"}},
    "spec": {
        "hosts": ["a.example"],
        "location": "MESH_EXTERNAL",
        "ports": [{"number": 443, "name": "tls", "protocol": "TLS"}, {"number": 80, "name": "http"}],
    },
}


def intent(**spec: Any) -> dict[str, Any]:
    return {**BASE, "metadata": {"name": "a", "namespace": "b"}, "spec": spec}


def entry(fields: dict[str, Any], manager: str = "helm", operation: str = "Update") -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "fieldsV1": fields}


HOSTS: dict[str, Any] = {"f:spec": {".": {}, "f:hosts": {}}}
PORT_NAME: dict[str, Any] = {"f:spec": {"f:ports": {'k:{"number":443}': {".": {}, "f:name": {}}}}}


@pytest.mark.parametrize(
    ("written", "managed", "met"),
    [
        (intent(hosts=["b.example"]), [entry(HOSTS)], (Owned("helm", ("spec.hosts",)),)),
        (intent(hosts=["a.example"]), [entry(HOSTS)], ()),
        (intent(location="MESH_INTERNAL"), [entry(HOSTS)], ()),
        (intent(hosts=["b.example"]), [entry(HOSTS, "meshconsole", "Apply")], ()),
        (
            intent(hosts=["b.example"]),
            [entry(HOSTS, "meshconsole", "Update")],
            (Owned("meshconsole", ("spec.hosts",)),),
        ),
        (intent(hosts=["b.example"]), [{**entry(HOSTS), "subresource": "status"}], ()),
        (
            intent(hosts=["b.example"]),
            [entry(HOSTS, "kubectl"), entry(HOSTS, "argocd", "Apply")],
            (Owned("argocd", ("spec.hosts",)), Owned("kubectl", ("spec.hosts",))),
        ),
        (
            intent(
                ports=[{"number": 443, "name": "other", "protocol": "TLS"}, {"number": 80, "name": "http"}]
            ),
            [entry(PORT_NAME)],
            (Owned("helm", ('spec.ports[{"number":443}].name',)),),
        ),
        (
            intent(ports=[{"number": 443, "name": "tls", "protocol": "TLS"}, {"number": 80, "name": "web"}]),
            [entry(PORT_NAME)],
            (),
        ),
        (intent(hosts=["b.example"]), ["nonsense", {"manager": "x", "fieldsV1": []}], ()),
        (intent(ports=[{"number": 8}]), [entry({"f:spec": {"f:ports": {"k:{": {}, "k:[]": {}}}})], ()),
    ],
)
def test_only_another_value_for_a_field_of_another_manager_is_contested(
    written: dict[str, Any], managed: list[Any], met: tuple[Owned, ...]
) -> None:
    assert owners_met(BASE, written, managed) == met
