"""The host catalogue over REST."""

from __future__ import annotations

from typing import Any

import pytest

from apps.accounts.models import Role
from apps.analysis.actions import analyse_cluster
from apps.analysis.models import HostAdoption, HostEdition
from tests.api.conftest import Speaker
from tests.factories.hosts import CARDS, NEXT
from tests.factories.shop import Shop, person

pytestmark = pytest.mark.django_db(transaction=True)
HOSTS = "/api/v1/hosts/"


def test_an_edition_from_its_preview_to_the_matrix_and_back(shop: Shop, speaking: Speaker) -> None:
    omar = speaking(shop.omar)
    preview = omar.post(HOSTS, {"text": NEXT, "preview": True}, format="json")
    assert preview.status_code == 200, preview.content
    told = preview.json()
    assert [host["host"] for host in told["added"]] == ["telemetry.speedscale.com"]
    assert (len(told["removed"]), told["unchanged"]) == (10, 0)
    assert told["changed"][1]["fields_changed"] == ["tier", "purpose", "used_by"]
    assert not HostEdition.objects.exists()
    made = omar.post(HOSTS, {"text": NEXT, "reason": "News."}, format="json", HTTP_IDEMPOTENCY_KEY="k")
    again = omar.post(HOSTS, {"text": NEXT, "reason": "News."}, format="json", HTTP_IDEMPOTENCY_KEY="k")
    assert (made.status_code, made.json()["number"]) == (201, 2)
    assert again.json() == made.json()
    effect = omar.get(f"{HOSTS}speedscale/2/effect/", {"cluster": shop.cluster.name}).json()
    assert [host["host"]["host"] for host in effect["hosts"]] == ["telemetry.speedscale.com"]
    diff = speaking(shop.dev).get(f"{HOSTS}speedscale/1/diff/", {"against": 2}).json()
    assert [host["host"] for host in diff["removed"]] == ["telemetry.speedscale.com"]
    adopted = omar.post(f"{HOSTS}speedscale/2/adopt/", {"reason": "Now."}, format="json").json()
    assert (adopted["number"], adopted["edition"]) == (2, "2026-11")
    analyse_cluster(shop.cluster)
    matrix = speaking(shop.dev).get(f"/api/v1/clusters/{shop.cluster.name}/egress/").json()
    assert (matrix["hostset"], matrix["edition"], len(matrix["hosts"])) == ("speedscale", "2026-11", 3)
    back = omar.post(f"{HOSTS}speedscale/1/adopt/", {"reason": "Back."}, format="json").json()
    assert [act["number"] for act in back["acts"]] == [1, 2]
    built_in = speaking(shop.dev).get(f"{HOSTS}speedscale/1/").json()
    assert (built_in["author"], built_in["parameters"]["region"]) == (None, "us-east-1")


def test_another_set_is_looked_at_where_it_is_in_use(shop: Shop, speaking: Speaker) -> None:
    omar, dev = speaking(shop.omar), speaking(shop.dev)
    assert omar.post(HOSTS, {"text": CARDS, "reason": "x"}, format="json").status_code == 201
    path = f"/api/v1/clusters/{shop.cluster.name}/egress/"
    assert dev.get(path, {"hostset": "cards"}).status_code == 404
    given = {"reason": "x", "namespaces": ["*"]}
    assert omar.post(f"{HOSTS}cards/1/adopt/", given, format="json").status_code == 200
    analyse_cluster(shop.cluster)
    matrix = dev.get(path, {"hostset": "cards"}).json()
    assert set(matrix["scopes"][0]["verdicts"]) == {"api.cards.example", "reports.cards.example:8443"}
    found = dev.get("/api/v1/findings/", {"code": "MC140"}).json()["results"]
    assert {row["hostset"] for row in found} == {"cards, edition 7"}
    _propose_from_a_cell(shop, speaking, matrix["scopes"])
    mended = speaking(shop.priya).post("/api/v1/changes/", {"finding": found[0]["id"]}, format="json")
    assert mended.status_code == 201, mended.content
    assert omar.post(f"{HOSTS}cards/retire/", {"reason": "x"}, format="json").json()["number"] == 0
    assert omar.post(f"{HOSTS}cards/retire/", {"reason": "x"}, format="json").status_code == 409


def _propose_from_a_cell(shop: Shop, speaking: Speaker, scopes: list[dict[str, Any]]) -> None:
    key = next(row["key"] for row in scopes if row["verdicts"]["api.cards.example"] == "blocked-reset")
    cell = {"cluster": shop.cluster.name, "scope": key, "host": "api.cards.example"}
    assert (
        speaking(shop.dev).post("/api/v1/changes/", {**cell, "hostset": "cards"}, format="json").status_code
        == 403
    )
    priya = speaking(shop.priya)
    other = priya.post("/api/v1/changes/", cell, format="json")
    assert (other.status_code, other.json()["field"]) == (400, "host")  # it is none of Speedscale's
    gone = priya.post("/api/v1/changes/", {**cell, "hostset": "gone"}, format="json")
    assert (gone.status_code, gone.json()["field"]) == (400, "scope")
    made = priya.post("/api/v1/changes/", {**cell, "hostset": "cards"}, format="json")
    assert made.status_code == 201, made.content
    (item,) = made.json()["items"]
    assert item["action"] == "create"
    assert item["name"] == "external-hosts-https"


def test_what_cannot_be_used_is_a_problem_with_its_field(shop: Shop, speaking: Speaker) -> None:
    omar = speaking(shop.omar)
    bad = omar.post(HOSTS, {"text": "set: A\nhosts: 1", "reason": "x"}, format="json")
    assert (bad.status_code, bad.json()["code"]) == (400, "invalid_hosts")
    assert "hosts: it is a list of hosts." in bad.json()["detail"]
    assert omar.post(HOSTS, {"text": NEXT}, format="json").json()["field"] == "reason"
    wrong = omar.post(f"{HOSTS}speedscale/1/adopt/", {"reason": "x", "namespaces": ["[x]"]}, format="json")
    assert wrong.status_code == 409  # of Speedscale's set the place says nothing; it is in force already
    assert omar.get(f"{HOSTS}speedscale/1/diff/", {"against": "x"}).status_code == 400
    assert omar.get(f"{HOSTS}speedscale/1/diff/", {"against": "9"}).status_code == 404
    assert omar.get(f"{HOSTS}nobody/").status_code == 404


@pytest.mark.parametrize("role", [Role.VIEWER, Role.PROPOSER, Role.APPROVER, Role.OPERATOR])
def test_others_than_administrators_read_and_no_more(shop: Shop, speaking: Speaker, role: Role) -> None:
    client = speaking(person("somebody", role))
    assert client.get(HOSTS).json()["count"] == 1
    for path, body in (
        (HOSTS, {"text": NEXT, "preview": True}),
        (f"{HOSTS}speedscale/1/adopt/", {"reason": "x"}),
        (f"{HOSTS}speedscale/retire/", {"reason": "x"}),
    ):
        assert client.post(path, body, format="json").status_code == 403
    assert client.get(f"{HOSTS}speedscale/1/effect/", {"cluster": shop.cluster.name}).status_code == 403
    assert not HostAdoption.objects.exists()


def test_a_token_to_read_does_not_administer(shop: Shop, speaking: Speaker) -> None:
    client = speaking(shop.omar, "read")
    refused = client.post(HOSTS, {"text": NEXT, "reason": "x"}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
