"""Field sets: their stored form, what an object states, how paths are shown."""

from apps.simcluster.fieldsets import decode, encode, of_object, ordered, shown
from apps.simcluster.istio_schemas import SCHEMAS

ENTRY = SCHEMAS["ServiceEntry"]
HTTPS = 'k:{"name":"https"}'


def test_a_set_survives_its_stored_form() -> None:
    stored = {
        "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
        "f:spec": {"f:ports": {HTTPS: {".": {}, "f:name": {}}}},
    }
    assert encode(decode(stored)) == stored


def test_an_applied_object_states_its_leaves_and_the_items_of_keyed_lists() -> None:
    spec = {"hosts": ["a.example.com"], "ports": [{"name": "https", "number": 443}]}
    assert of_object({"spec": spec}, ENTRY) == {
        ("f:spec", "f:hosts"),
        ("f:spec", "f:ports", HTTPS),
        ("f:spec", "f:ports", HTTPS, "f:name"),
        ("f:spec", "f:ports", HTTPS, "f:number"),
    }


def test_paths_are_shown_as_in_messages_and_members_come_before_what_is_below_others() -> None:
    paths = {("f:spec", "f:ports", HTTPS, "f:number"), ("f:spec", "f:resolution"), ("f:spec", "f:hosts")}
    texts = [shown(path) for path in ordered(paths)]
    assert texts == [".spec.hosts", ".spec.resolution", '.spec.ports[name="https"].number']
