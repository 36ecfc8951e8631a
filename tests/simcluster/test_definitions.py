"""Custom resource definitions: what they make a cluster serve and refuse."""

from typing import Any

from apps.simcluster.definitions import istio_definitions, resource_of
from apps.simcluster.validation import custom_causes


def replay_definition() -> dict[str, Any]:
    ports = {
        "type": "array",
        "maxItems": 2,
        "items": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "number": {"type": "integer"}},
        },
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
    }
    spec = {
        "type": "object",
        "required": ["mode"],
        "properties": {"mode": {"type": "string", "enum": ["A", "B"]}, "ports": ports},
    }
    names = {"plural": "replays", "singular": "replay", "kind": "Replay"}
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    return {"spec": {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]}}


def test_a_cluster_serves_the_versions_it_was_told_best_first() -> None:
    served = {"networking.istio.io": ["v1alpha3", "v1beta1"], "security.istio.io": ["v1beta1"]}
    found = [resource_of(definition) for definition in istio_definitions(served)]
    versions = {resource.plural: resource.versions for resource in found if resource}
    assert versions["serviceentries"] == ("v1beta1", "v1alpha3")
    assert versions["envoyfilters"] == ("v1alpha3",)
    assert versions["peerauthentications"] == ("v1beta1",)
    assert "telemetries" not in versions


def test_a_definition_that_serves_no_version_serves_nothing() -> None:
    definition = replay_definition()
    definition["spec"]["versions"][0]["served"] = False
    assert resource_of(definition) is None


def test_the_schema_of_a_definition_is_enforced() -> None:
    resource = resource_of(replay_definition())
    assert resource is not None
    ports = [{"name": "a", "number": 1}, {"name": "a", "number": "x"}, {"name": "c"}]
    wrong = {"metadata": {"name": "r"}, "spec": {"mode": "C", "ports": ports}}
    causes = {
        (cause.field, cause.reason.removeprefix("FieldValue"))
        for cause in custom_causes(wrong, resource.schema)
    }
    assert causes == {
        ("spec.mode", "NotSupported"),
        ("spec.ports", "TooMany"),
        ("spec.ports[1].number", "TypeInvalid"),
        ("spec.ports[1]", "Duplicate"),
        ("<nil>", "Invalid"),
    }
    good = {"metadata": {"name": "r"}, "spec": {"mode": "A", "ports": ports[:1]}}
    assert custom_causes(good, resource.schema) == []
