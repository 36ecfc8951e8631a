"""Changes of many clusters over REST: proposed at once, planned, followed, continued, stopped."""

from __future__ import annotations

from typing import Any

import pytest

from apps.changes.waves import Plan
from tests.api.conftest import Speaker
from tests.factories.rings import IN_ORDER, Rings
from tests.factories.shop import NEW_ENTRY

pytestmark = pytest.mark.django_db
HERE = "/api/v1/changes/"
FLEET = {"clusters": ["lab", "stage", "prod"], "remedy": "open-required-hosts"}


def stages(body: Any) -> list[tuple[str, list[tuple[str, str]]]]:
    return [(w["stage"], [(c["name"], c["reached"]) for c in w["clusters"]]) for w in body["waves"]]


def test_one_wish_for_many_clusters_with_a_suggested_plan(rings: Rings, speaking: Speaker) -> None:
    plan = {"suggestion": "environment", "soak_minutes": 30, "wait": True}
    answer = speaking(rings.priya).post(HERE, {**FLEET, "plan": plan}, format="json")
    assert answer.status_code == 201, answer.content
    body = answer.json()
    assert body["plan"] == {
        "waves": [["lab"], ["stage"], ["prod"]],
        "soak_minutes": 30,
        "wait": True,
        "on_failure": "stop",
    }
    assert stages(body)[0] == ("next", [("lab", "not_begun")])
    assert (body["left_out"], body["can"]["plan"]) == ([], "")


def test_what_is_left_out_is_told(rings: Rings, speaking: Speaker) -> None:
    rings.clusters["stage"].paused = True
    rings.clusters["stage"].save()
    asked = {"clusters": ["lab", "stage"], "manifests": NEW_ENTRY, "title": "Open it"}
    body = speaking(rings.priya).post(HERE, asked, format="json").json()
    assert body["left_out"] == [{"cluster": "stage", "why": "The cluster is paused."}]


@pytest.mark.parametrize(
    ("asked", "status", "field"),
    [
        ({"clusters": ["lab"]}, 400, "remedy"),
        ({**FLEET, "clusters": ["lab", "elsewhere"]}, 404, None),
        ({**FLEET, "plan": {"waves": [["lab"], ["stage"]]}}, 400, "waves"),
        ({**FLEET, "plan": {"soak_minutes": -1}}, 400, "plan.soak_minutes"),
        ({**FLEET, "plan": {"pause": 1}}, 400, "plan.pause"),
        ({**FLEET, "remedy": "magic"}, 400, "remedy"),
    ],
)
def test_a_request_that_cannot_be_used_names_the_field(
    rings: Rings, speaking: Speaker, asked: dict[str, Any], status: int, field: str | None
) -> None:
    answer = speaking(rings.priya).post(HERE, asked, format="json")
    body = answer.json()
    causes = [cause["field"] for cause in body.get("causes", ())]
    assert answer.status_code == status, body
    assert field is None or body.get("field") == field or field in causes, body


def test_a_draft_is_planned_by_those_with_a_hand_in_it(rings: Rings, speaking: Speaker) -> None:
    change = rings.proposed(Plan())
    path = f"{HERE}{change.pk}/waves/"
    asked = {"waves": IN_ORDER, "on_failure": "finish-wave"}
    assert speaking(rings.omar).post(path, asked, format="json").status_code == 403
    body = speaking(rings.priya).post(path, asked, format="json").json()
    assert body["plan"]["on_failure"] == "finish-wave"
    assert [w["number"] for w in body["waves"]] == [1, 2, 3]


def test_a_cluster_is_left_out_by_those_with_a_hand_in_it(rings: Rings, speaking: Speaker) -> None:
    change = rings.proposed(Plan(IN_ORDER))
    path = f"{HERE}{change.pk}/leave-out/"
    assert speaking(rings.omar).post(path, {"cluster": "lab"}, format="json").status_code == 403
    assert speaking(rings.priya).post(path, {}, format="json").status_code == 400
    body = speaking(rings.priya).post(path, {"cluster": "lab"}, format="json").json()
    assert body["left_out"] == [{"cluster": "lab", "why": "priya left it out."}]
    assert body["plan"]["waves"] == [["stage"], ["prod"]]


def test_waves_are_followed_continued_and_stopped(rings: Rings, speaking: Speaker) -> None:
    change = rings.queued(Plan(IN_ORDER, wait=True))
    rings.wave(change)
    operator = speaking(rings.omar)
    body = operator.get(f"{HERE}{change.pk}/").json()
    assert (body["state"], body["can"]["next_wave"], body["can"]["cancel"]) == ("paused", "", "")
    assert stages(body) == [
        ("done", [("lab", "verified")]),
        ("next", [("stage", "not_begun")]),
        ("later", [("prod", "not_begun")]),
    ]
    row = operator.get(HERE).json()["results"][0]
    assert (row["clusters"], row["clusters_left"]) == (3, 2)
    assert speaking(rings.sam).post(f"{HERE}{change.pk}/next-wave/").status_code == 403
    assert operator.post(f"{HERE}{change.pk}/next-wave/").json()["state"] == "queued"
    assert operator.post(f"{HERE}{change.pk}/next-wave/").json()["code"] == "wrong_state"
    rings.wave(change)
    stopped = operator.post(f"{HERE}{change.pk}/cancel/").json()
    assert stopped["state"] == "partially_applied"
    assert stages(stopped)[1:] == [("done", [("stage", "verified")]), ("next", [("prod", "not_begun")])]


def test_a_failure_is_shown_on_its_cluster_with_why(rings: Rings, speaking: Speaker) -> None:
    change = rings.queued(Plan((("lab", "stage"), ("prod",)), on_failure="finish-wave"))  # type: ignore[arg-type]
    rings.forestall("lab")
    rings.write(change)
    body = speaking(rings.priya).get(f"{HERE}{change.pk}/").json()
    first = body["waves"][0]
    assert (first["stage"], [c["reached"] for c in first["clusters"]]) == ("stopped", ["failed", "written"])
    assert "is there already" in first["clusters"][0]["why"]
