"""How OpenAPI documents are compared: by what clients read in them."""

import json
from collections.abc import Iterator
from typing import Any

from tests.cluster_contract.differences import TRIMMED, Translates, differences
from tests.cluster_contract.endpoint import Answer, Endpoint
from tests.cluster_contract.replay import Known, cases

Json = dict[str, Any]
INDEX = "/openapi/v3"
NEEDED = ("api/v1", "apis/apps/v1", "apis/networking.istio.io/v1", "apis/security.istio.io/v1", "version")


def learn_mark(endpoint: Endpoint, known: Known) -> None:
    """Translate the mark of the recorded document: a server sends those with another one away."""
    name = "apis/networking.istio.io/v1"
    recorded = next(case for case in cases("discovery") if case["name"] == "openapi-v3-index")
    old = recorded["response"]["body"]["paths"][name]["serverRelativeURL"]
    found = json.loads(endpoint.json("GET", INDEX).body)["paths"][name]["serverRelativeURL"]
    known.learn(old.partition("hash=")[2], found.partition("hash=")[2])


def openapi_index(case: Json, answer: Answer, known: Translates) -> Iterator[str]:
    """The index of documents: where the needed ones are."""
    yield from differences({"response": {**case["response"], "body": None}}, answer, known)
    paths = json.loads(answer.body)["paths"]
    for name in (
        "api/v1",
        "apis/apps/v1",
        "apis/networking.istio.io/v1",
        "apis/security.istio.io/v1",
        "version",
    ):
        found = paths.get(name, {}).get("serverRelativeURL", "")
        if not found.startswith(f"/openapi/v3/{name}?hash="):
            yield f"{name} is at {found!r}"


def openapi_document(case: Json, answer: Answer, known: Translates) -> Iterator[str]:
    """The document of a group: its places, and the recorded kinds word for word but for descriptions."""
    yield from differences({"response": {**case["response"], "body": None}}, answer, known)
    recorded, live = case["response"]["body"], answer.body
    if live["info"]["title"] != recorded["info"]["title"]:
        yield f"is titled {live['info']['title']}"
    missing = {path for path in recorded["paths"] if path != TRIMMED} - set(live["paths"])
    if missing:
        yield f"has no paths {sorted(missing)}"
    schemas = live["components"]["schemas"]
    for name, schema in recorded["components"]["schemas"].items():
        if name == TRIMMED:
            kinds = {item for item in schema if ".apis.meta." not in item}
            if kinds - set(schemas):
                yield f"has no schemas {sorted(kinds - set(schemas))}"
        else:
            yield from _differ(_undescribed(schema), _undescribed(schemas.get(name)), name)


def version_openapi(case: Json, answer: Answer, known: Translates) -> Iterator[str]:
    """The small document: the same but for the fields that older versions do not have."""
    yield from differences({"response": {**case["response"], "body": None}}, answer, known)
    recorded, live = case["response"]["body"], answer.body
    yield from _differ(recorded["paths"], live["paths"], "paths")
    ((name, old),) = recorded["components"]["schemas"].items()
    new = live["components"]["schemas"][name]
    if new["required"] != old["required"]:
        yield f"requires {new['required']}"
    for field in old["required"]:
        yield from _differ(
            _undescribed(old["properties"][field]), _undescribed(new["properties"].get(field)), field
        )


def _undescribed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _undescribed(below) for key, below in value.items() if key != "description"}
    return [_undescribed(item) for item in value] if isinstance(value, list) else value


def _differ(old: Any, new: Any, path: str) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(set(old) | set(new)):
            yield from _differ(old.get(key), new.get(key), f"{path}.{key}")
    elif old != new:
        yield f"{path} is {new!r}, recorded {old!r}"
