"""Merging what is applied into what is there, and taking out what is applied no more."""

from typing import Any

from apps.simcluster.applying import merge, prune, typing_problems
from apps.simcluster.core_schemas import schema_of
from apps.simcluster.fieldsets import of_object
from apps.simcluster.istio_schemas import SCHEMAS

ENTRY = SCHEMAS["ServiceEntry"]
SIDECAR = SCHEMAS["Sidecar"]
DEPLOYMENT = schema_of("apps", "Deployment")


def entry(**spec: Any) -> dict[str, Any]:
    return {"spec": spec}


def port(name: str, number: int) -> dict[str, Any]:
    return {"name": name, "number": number}


def test_a_keyed_list_merges_by_key_and_keeps_its_order() -> None:
    live = entry(ports=[port("a", 1), port("b", 2)])
    merged = merge(live, entry(ports=[port("c", 3), port("b", 20)]), ENTRY)
    assert merged["spec"]["ports"] == [port("a", 1), port("c", 3), port("b", 20)]


def test_an_atomic_list_is_replaced_whole() -> None:
    live = {"spec": {"egress": [{"hosts": ["./*", "istio-system/*"]}]}}
    config = {"spec": {"egress": [{"hosts": ["speedscale/*"]}]}}
    assert merge(live, config, SIDECAR) == config


def test_containers_merge_by_name_and_their_environment_by_name() -> None:
    def deployment(env: list[dict[str, str]]) -> dict[str, Any]:
        return {"spec": {"template": {"spec": {"containers": [{"name": "app", "env": env}]}}}}

    live = deployment([{"name": "A", "value": "1"}, {"name": "B", "value": "2"}])
    merged = merge(live, deployment([{"name": "B", "value": "3"}]), DEPLOYMENT)
    assert merged == deployment([{"name": "A", "value": "1"}, {"name": "B", "value": "3"}])


def test_what_one_manager_alone_applied_goes_when_it_applies_it_no_more() -> None:
    merged = entry(hosts=["a"], resolution="NONE", ports=[port("a", 1), port("b", 2)])
    before = of_object(entry(hosts=["a"], resolution="NONE", ports=[port("b", 2)]), ENTRY)
    now = of_object(entry(hosts=["a"]), ENTRY)
    assert prune(merged, ENTRY, before, now) == entry(hosts=["a"], ports=[port("a", 1)])


def test_what_others_own_too_stays() -> None:
    merged = entry(hosts=["a"], resolution="NONE")
    mine = of_object(merged, ENTRY)
    assert prune(merged, ENTRY, mine, of_object(entry(resolution="NONE"), ENTRY)) == entry(resolution="NONE")


def test_an_object_that_becomes_empty_goes_with_its_last_field() -> None:
    merged = {"metadata": {"name": "x", "labels": {"owner": "a"}}, "spec": {"hosts": ["a"]}}
    mine = of_object({"metadata": {"labels": {"owner": "a"}}}, ENTRY)
    assert prune(merged, ENTRY, mine, frozenset()) == {"metadata": {"name": "x"}, "spec": {"hosts": ["a"]}}


def test_typing_says_each_thing_that_does_not_fit() -> None:
    wrong = entry(hosts="x", bogus=1, ports=[port("a", 1), port("a", 2), {"number": 3}])
    assert list(typing_problems(wrong, ENTRY)) == [
        ".spec.hosts: expected list, got &{x}",
        ".spec.bogus: field not declared in schema",
        '.spec.ports: duplicate entries for key [name="a"]',
        '.spec.ports: element 2: associative list with keys has an element that omits all key fields ["name"]'
        " (and doesn't have default values for any key fields)",
    ]
