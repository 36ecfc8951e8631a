"""The approval policy over REST."""

from __future__ import annotations

import pytest

from apps.accounts.models import Role
from tests.api.conftest import Speaker
from tests.factories.shop import Shop, person

pytestmark = pytest.mark.django_db(transaction=True)
CONTENT = {"rules": [{"name": "All", "approvals": 3}]}


def test_a_version_from_its_proposal_to_its_answer(shop: Shop, speaking: Speaker) -> None:
    omar, ada = speaking(shop.omar), speaking(person("ada", Role.ADMINISTRATOR))
    assert omar.get("/api/v1/policy/").json()["number"] == 1
    made = omar.post("/api/v1/policy/versions/", {"content": CONTENT, "reason": "Stricter."}, format="json")
    assert made.status_code == 201, made.content
    assert "2 people may approve everywhere there" in made.json()["problems"][0]
    path = "/api/v1/policy/versions/2"
    paths = [change["path"] for change in omar.get(f"{path}/diff/").json()["changes"]]
    assert any(name.startswith("rules") for name in paths)
    own = omar.post(f"{path}/approve/", {}, format="json")
    assert (own.status_code, own.json()["code"]) == (403, "self_approval")
    assert ada.post(f"{path}/approve/", {}, format="json").json()["approved"] is True
    assert speaking(shop.dev).get("/api/v1/policy/").json()["content"] == CONTENT
    answer = speaking(shop.dev).get("/api/v1/policy/explain/", {"cluster": "shop", "kind": "Sidecar"}).json()
    assert (answer["version"], answer["required"], answer["environment"]) == (2, 3, "production")
    assert answer["gate"]["is_open"] is True


def test_what_cannot_be_used_is_a_problem_with_its_place(shop: Shop, speaking: Speaker) -> None:
    bad = {"content": {"rules": [{"name": "x", "approvals": "two"}]}, "reason": "x"}
    answer = speaking(shop.omar).post("/api/v1/policy/versions/", bad, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_policy")
    assert "rules[0].approvals" in answer.json()["detail"]
    refused = speaking(shop.sam).post("/api/v1/policy/versions/", bad, format="json")
    assert refused.status_code == 403
    assert speaking(shop.dev).get("/api/v1/policy/explain/", {"risk": "nonsense"}).status_code == 400
