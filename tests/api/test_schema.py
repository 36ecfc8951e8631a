"""The OpenAPI document: complete, without a warning, and true of the paths that exist."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.urls import URLPattern

from apps.api.urls import urlpatterns

METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture(scope="module")
def document() -> Any:
    out = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
    return yaml.safe_load(out.getvalue())


def operations(document: Any) -> list[tuple[str, str, Any]]:
    return [
        (path, method, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


def test_it_is_made_without_a_warning_and_names_every_path(document: Any) -> None:
    named = {pattern.name for pattern in urlpatterns if isinstance(pattern, URLPattern) and pattern.name}
    assert len(document["paths"]) == len(named - {"schema"})


def test_every_operation_has_a_name_a_sentence_and_its_failures(document: Any) -> None:
    problem = {"$ref": "#/components/schemas/Problem"}
    for path, method, operation in operations(document):
        assert operation["operationId"], path
        assert operation["description"].strip(), f"{method} {path}"
        for status in ("401", "403", "default"):
            content = operation["responses"][status]["content"]
            assert content["application/problem+json"]["schema"] == problem, f"{method} {path} {status}"


def test_operation_names_are_unique(document: Any) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))


def test_every_create_takes_an_idempotency_key(document: Any) -> None:
    creates = [op for _, method, op in operations(document) if method == "post" and "201" in op["responses"]]
    assert creates
    for operation in creates:
        assert "Idempotency-Key" in {p["name"] for p in operation["parameters"]}, operation["operationId"]


def test_every_list_is_paged(document: Any) -> None:
    for _, _, operation in operations(document):
        if operation["operationId"].endswith(("_list", "_events", "_refreshes")):
            assert {"page", "page_size"} <= {p["name"] for p in operation["parameters"]}


def test_what_is_sent_has_examples(document: Any) -> None:
    by_name = {operation["operationId"]: operation for _, _, operation in operations(document)}
    for name in (
        "changes_propose",
        "changes_approve",
        "clusters_register",
        "tokens_make",
        "findings_suppress",
        "suppressions_make",
    ):
        assert by_name[name]["requestBody"]["content"]["application/json"]["examples"], name
