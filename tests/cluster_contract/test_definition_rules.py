"""Rules in CEL that a posted custom resource definition brings, as the server applies them."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster_contract.endpoint import Answer, Endpoint
from tests.cluster_contract.making import must
from tests.cluster_contract.replay import Known

pytestmark = pytest.mark.contract
Json = dict[str, Any]
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
GROUP = "rules.example.com"
WAIT_SECONDS, PAUSE = 30, 0.1
SPEC: Json = {
    "type": "object",
    "required": ["low"],
    "x-kubernetes-validations": [
        {"rule": "!has(self.high) || self.low <= self.high", "message": "low must not be above high"},
        {
            "rule": "!has(self.note) || self.note.size() < 9",
            "messageExpression": "'the note has ' + string(self.note.size()) + ' characters'",
        },
        {
            "rule": "!has(self.gate)",
            "message": "no gate",
            "reason": "FieldValueForbidden",
            "fieldPath": ".gate",
        },
    ],
    "properties": {
        "low": {"type": "integer", "minimum": 0},
        "high": {"type": "integer"},
        "unit": {"type": "string", "default": "cm", "minLength": 2, "pattern": "^[a-z]*$"},
        "note": {"type": "string", "maxLength": 100},
        "gate": {"type": "string", "maxLength": 100},
        "home": {
            "type": "string",
            "maxLength": 100,
            "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "home is where it was"}],
        },
    },
}


def definition(plural: str, spec: Json) -> Json:
    schema = {"type": "object", "properties": {"spec": spec}}
    names = {"plural": plural, "singular": plural[:-1], "kind": "Range", "listKind": "RangeList"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    }


class Ranges:
    """Objects of the definition in one namespace."""

    def __init__(self, endpoint: Endpoint, namespace: str) -> None:
        self.endpoint = endpoint
        self.path = f"/apis/{GROUP}/v1/namespaces/{namespace}/ranges"

    def create(self, name: str, **spec: Any) -> Answer:
        body = {"apiVersion": f"{GROUP}/v1", "kind": "Range", "metadata": {"name": name}, "spec": spec}
        return self.endpoint.json("POST", self.path, body)


@pytest.fixture(scope="module")
def ranges(facts: tuple[Endpoint, Known]) -> Iterator[Ranges]:
    endpoint, known = facts
    must(endpoint, "POST", DEFINITIONS, definition("ranges", SPEC))
    made = Ranges(endpoint, known.namespace("demo"))
    deadline = time.monotonic() + WAIT_SECONDS
    while endpoint.json("GET", made.path).status != 200 and time.monotonic() < deadline:
        time.sleep(PAUSE)
    yield made
    endpoint.json("DELETE", f"{DEFINITIONS}/ranges.{GROUP}")


def causes(answer: Answer) -> list[tuple[str, str]]:
    assert (answer.status, answer.body["reason"]) == (422, "Invalid"), answer.body
    return [(cause["field"], cause["reason"]) for cause in answer.body["details"]["causes"]]


def test_a_rule_that_holds_lets_the_object_in(ranges: Ranges) -> None:
    assert ranges.create("fine", low=1, high=2, note="short").status == 201


def test_a_default_is_filled_in_and_not_owned_by_an_apply(ranges: Ranges) -> None:
    body = {"apiVersion": f"{GROUP}/v1", "kind": "Range", "metadata": {"name": "plain"}, "spec": {"low": 1}}
    path, apply = f"{ranges.path}/plain?fieldManager=console", "application/apply-patch+yaml"
    made = ranges.endpoint.json("PATCH", path, body, kind=apply)
    assert (made.status, made.body["spec"]) == (201, {"low": 1, "unit": "cm"})
    assert list(made.body["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]) == ["f:low"]
    again = ranges.endpoint.json("PATCH", path, body, kind=apply)
    assert again.body["metadata"]["resourceVersion"] == made.body["metadata"]["resourceVersion"]


def test_length_and_pattern_of_text_are_checked(ranges: Ranges) -> None:
    for unit, why in (("m", "should be at least 2 chars long"), ("CM", "should match '^[a-z]*$'")):
        answer = ranges.create("texts", low=1, unit=unit)
        assert causes(answer) == [("spec.unit", "FieldValueInvalid")]
        assert answer.body["message"].endswith(f"spec.unit in body {why}")


def test_a_rule_that_does_not_hold_says_its_message(ranges: Ranges) -> None:
    answer = ranges.create("turned", low=3, high=2)
    assert causes(answer) == [("spec", "FieldValueInvalid")]
    assert answer.body["message"].endswith("low must not be above high")


def test_a_message_can_be_computed(ranges: Ranges) -> None:
    answer = ranges.create("long", low=1, note="much too long")
    assert answer.body["message"].endswith("the note has 13 characters")


def test_a_rule_can_name_its_reason_and_field(ranges: Ranges) -> None:
    answer = ranges.create("gated", low=1, gate="x")
    assert causes(answer) == [("spec.gate", "FieldValueForbidden")]


def test_a_broken_schema_stops_the_rules_and_says_so(ranges: Ranges) -> None:
    found = causes(ranges.create("broken", high=2, note="much too long"))
    assert found == [("spec.low", "FieldValueRequired"), ("<nil>", "FieldValueInvalid")]


def test_a_rule_on_the_old_value_holds_for_changes_only(ranges: Ranges) -> None:
    assert ranges.create("moved", low=1, home="here").status == 201
    change = {"spec": {"home": "there"}}
    merge = "application/merge-patch+json"
    answer = ranges.endpoint.json("PATCH", f"{ranges.path}/moved", change, kind=merge)
    assert causes(answer) == [("spec.home", "FieldValueInvalid")]
    assert answer.body["message"].endswith("home is where it was")
    other = {"spec": {"low": 0}}
    assert ranges.endpoint.json("PATCH", f"{ranges.path}/moved", other, kind=merge).status == 200


@pytest.mark.parametrize("rule", ["self.", "nosuch(self)"])
def test_a_definition_with_a_rule_that_does_not_compile_is_refused(ranges: Ranges, rule: str) -> None:
    spec = {"type": "object", "x-kubernetes-validations": [{"rule": rule}], "properties": {}}
    answer = ranges.endpoint.json("POST", DEFINITIONS, definition("wrongs", spec))
    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    assert any("x-kubernetes-validations" in cause["field"] for cause in answer.body["details"]["causes"])
