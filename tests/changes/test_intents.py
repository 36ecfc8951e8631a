"""What an apply sends: the change, what the console owns already, and nothing of anybody else's."""

from __future__ import annotations

from typing import Any

import pytest

from apps.changes import intents

BASE: dict[str, Any] = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "ServiceEntry",
    "metadata": {"name": "speedscale", "namespace": "istio-system", "uid": "u", "labels": {"team": "mesh"}},
    "spec": {"hosts": ["a"], "location": "MESH_EXTERNAL", "resolution": "NONE"},
}


def owned(fields: dict[str, Any], manager: str = "meshconsole") -> list[dict[str, Any]]:
    return [{"manager": manager, "operation": "Apply", "fieldsV1": fields}]


def changed(**spec: Any) -> dict[str, Any]:
    return {**BASE, "spec": {**BASE["spec"], **spec}}


def test_an_update_sends_identity_and_what_changes() -> None:
    intent = intents.intent_for(BASE, changed(hosts=["a", "b"]))
    assert intent == {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": "speedscale", "namespace": "istio-system"},
        "spec": {"hosts": ["a", "b"]},
    }


def test_what_the_console_owns_is_sent_again_because_leaving_it_out_would_remove_it() -> None:
    fields: dict[str, Any] = {"f:spec": {"f:resolution": {}}, "f:metadata": {"f:labels": {"f:team": {}}}}
    intent = intents.intent_for(BASE, changed(hosts=["b"]), managed_fields=owned(fields))
    assert intent["spec"] == {"hosts": ["b"], "resolution": "NONE"}
    assert intent["metadata"]["labels"] == {"team": "mesh"}


def test_what_others_own_is_not_sent() -> None:
    fields: dict[str, Any] = {"f:spec": {"f:resolution": {}}}
    intent = intents.intent_for(BASE, changed(hosts=["b"]), managed_fields=owned(fields, "helm"))
    assert intent["spec"] == {"hosts": ["b"]}


def test_a_field_of_the_console_can_be_removed_and_one_of_others_cannot() -> None:
    after = {**BASE, "spec": {"hosts": ["a"], "location": "MESH_EXTERNAL"}}
    intent = intents.intent_for(BASE, after, managed_fields=owned({"f:spec": {"f:resolution": {}}}))
    assert "resolution" not in intent.get("spec", {})
    with pytest.raises(intents.IntentError, match=r"spec\.resolution would have to be removed"):
        intents.intent_for(BASE, after)


def test_a_create_sends_everything_but_what_only_the_server_writes() -> None:
    intent = intents.intent_for(None, BASE)
    assert intent["spec"] == BASE["spec"]
    assert "uid" not in intent["metadata"]


def test_the_change_is_laid_over_what_is_there_now() -> None:
    live = changed(exportTo=["."])
    assert intents.laid_over(live, BASE, changed(hosts=["a", "b"]))["spec"] == {
        **BASE["spec"],
        "hosts": ["a", "b"],
        "exportTo": ["."],
    }


def test_a_place_that_moved_is_not_overwritten() -> None:
    with pytest.raises(intents.IntentError, match=r"spec\.hosts is no longer"):
        intents.laid_over(changed(hosts=["z"]), BASE, changed(hosts=["a", "b"]))


def test_the_mark_of_an_operation_is_found_again_and_does_not_count_as_content() -> None:
    marked = intents.stamped(BASE, intents.operation(7, 2, 1))
    assert intents.operation_of(marked) == "CS-7/2/1"
    assert intents.same_content(marked, BASE)


def test_two_answers_compare_without_what_moves_by_itself_and_with_the_owners() -> None:
    fields = [{**owned({"f:spec": {}})[0], "time": "2026-01-01T00:00:00Z"}]
    one = {**BASE, "metadata": {**BASE["metadata"], "resourceVersion": "1", "managedFields": fields}}
    later = [{**fields[0], "time": "2026-02-02T00:00:00Z"}]
    two = {
        **BASE,
        "metadata": {**BASE["metadata"], "resourceVersion": "2", "managedFields": later},
        "status": {},
    }
    assert intents.comparable(one) == intents.comparable(two)
    taken = {**BASE, "metadata": {**BASE["metadata"], "managedFields": owned({"f:spec": {}}, "helm")}}
    assert intents.comparable(one) != intents.comparable(taken)
