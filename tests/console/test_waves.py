"""Changes of many clusters in the browser: the form, the waves of a draft, how far each cluster is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.analysis.models import Finding
from apps.changes.lifecycle import State
from apps.changes.models import ChangeSet
from apps.changes.selectors import current_revision
from apps.changes.waves import OnFailure, Plan
from tests.factories.rings import IN_ORDER, Rings, end_pause
from tests.factories.shop import NEW_ENTRY, fresh

pytestmark = pytest.mark.django_db
As = Callable[[User], Client]
MANY = "/changes/many/"
WISH = {
    "clusters": ["lab", "stage", "prod"],
    "wish": "open-required-hosts",
    "suggestion": "environment",
    "soak_minutes": "30",
    "on_failure": "stop",
}


def text_of(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def test_the_clusters_with_blocked_hosts_are_ticked_beforehand(rings: Rings, as_: As) -> None:
    page = as_(rings.priya).get(MANY).content.decode()
    assert page.count(" checked>") == 4, "three clusters and a wish"
    page = as_(rings.priya).get(MANY, {"cluster": "lab"}).content.decode()
    assert 'value="lab" checked' in page
    assert 'value="prod" checked' not in page


def test_one_form_makes_one_draft_for_all_of_them(rings: Rings, as_: As) -> None:
    rings.clusters["stage"].paused = True
    rings.clusters["stage"].save()
    answer = as_(rings.priya).post(MANY, WISH, follow=True)
    change = ChangeSet.objects.get()
    assert answer.redirect_chain == [(f"/changes/{change.pk}/", 302)]
    assert current_revision(change).waves == Plan((("lab",), ("prod",)), soak_minutes=30)
    page = text_of(answer)
    assert "2 waves, at least 30 minutes between them" in page
    assert "<b>stage</b>: The cluster is paused." in page


def test_a_check_is_mended_from_its_page(rings: Rings, as_: As) -> None:
    client = as_(rings.priya)
    page = client.get(MANY, {"code": "SS01"}).content.decode()
    assert "Mend every finding SS01" in page
    answer = client.post(f"{MANY}?code=SS01", {**WISH, "wish": "code", "code": "SS01"}, follow=True)
    assert "Mend SS01 on 3 clusters" in text_of(answer)


@pytest.mark.parametrize(
    ("more", "status", "said"),
    [
        ({"clusters": []}, 400, "Choose at least one cluster."),
        ({"wish": "manifests"}, 400, "Paste what the clusters should hold."),
        ({"wish": "manifests", "manifests": "kind: ["}, 400, "YAML"),
        ({"soak_minutes": "-1"}, 400, "greater than or equal to 0"),
        ({"clusters": ["elsewhere"]}, 400, "elsewhere is not one of the available choices"),
        ({"wish": "code"}, 400, "code is not one of the available choices"),
    ],
)
def test_what_cannot_be_used_is_said_and_what_was_typed_stays(
    rings: Rings, as_: As, more: dict[str, Any], status: int, said: str
) -> None:
    answer = as_(rings.priya).post(MANY, {**WISH, "title": "My own title", **more})
    assert answer.status_code == status
    assert said in text_of(answer)
    assert 'value="My own title"' in text_of(answer)
    assert not ChangeSet.objects.exists()


def test_somebody_who_may_propose_nowhere_gets_no_form(rings: Rings, as_: As) -> None:
    assert as_(rings.sam).get(MANY).status_code == 403
    assert "Change many clusters" not in text_of(as_(rings.sam).get("/changes/"))


def test_a_draft_is_planned_with_numbers_or_a_suggestion(rings: Rings, as_: As) -> None:
    change = rings.proposed(Plan())
    client, path = as_(rings.priya), f"/changes/{change.pk}/waves/"
    pause = {"soak_minutes": "5", "on_failure": "finish-wave", "wait": "on"}
    client.post(path, {**pause, "wave_0": "1", "wave_1": "3", "wave_2": "1"})
    wanted = Plan((("lab", "stage"), ("prod",)), 5, wait=True, on_failure=OnFailure.FINISH_WAVE)
    assert current_revision(change).waves == wanted
    client.post(path, {**pause, "suggestion": "environment"})
    assert current_revision(change).waves.waves == IN_ORDER
    assert client.post(path, {**pause, "wave_0": "9"}).status_code == 400
    assert as_(rings.sam).post(path, pause).status_code == 403


def test_a_paused_change_shows_each_cluster_and_who_may_go_on(rings: Rings, as_: As) -> None:
    change = rings.queued(Plan(IN_ORDER, soak_minutes=10, wait=True))
    rings.wave(change)
    client, path = as_(rings.omar), f"/changes/{change.pk}/"
    page = text_of(client.get(path))
    assert "Somebody has to continue it, not before" in page
    assert ">Continue<" not in page, "not before the pause is over"
    assert ">Stop here<" in page
    assert page.index(">Confirmed<") < page.index(">Next<") < page.index(">Later<")
    assert "1 of 3" in text_of(client.get("/changes/"))
    end_pause(change)
    assert ">Continue<" in text_of(client.get(path))
    assert ">Continue<" not in text_of(as_(rings.sam).get(path))
    client.post(f"{path}next_wave/")
    assert fresh(change).state == State.QUEUED


def test_a_stopped_wave_says_what_is_written_and_what_is_not(rings: Rings, as_: As) -> None:
    change = rings.queued(Plan((("lab", "stage"), ("prod",)), on_failure=OnFailure.FINISH_WAVE))
    rings.forestall("lab")
    rings.write(change)
    page = text_of(as_(rings.priya).get(f"/changes/{change.pk}/"))
    assert ">Stopped<" in page
    assert "is there already" in page
    assert page.count("1 of 1") == 1
    assert ">Propose revert<" in page


def test_a_change_of_one_cluster_has_no_waves(rings: Rings, as_: As) -> None:
    change = rings.proposed(Plan(), names=["lab"])
    page = text_of(as_(rings.priya).get(f"/changes/{change.pk}/"))
    assert 'id="waves"' not in page
    assert "Plan the waves" not in page


def test_what_a_cluster_answers_is_escaped(rings: Rings, as_: As) -> None:
    change = rings.proposed(Plan(), names=["lab", "stage"], text=NEW_ENTRY)
    change.revisions.get().items.filter(cluster__name="lab").update(
        result="failed", result_message="<script>alert(1)</script>"
    )
    page = as_(rings.priya).get(f"/changes/{change.pk}/").content.decode()
    assert "<script>alert(1)" not in page


def test_a_check_that_is_open_on_many_clusters_leads_to_the_form(rings: Rings, as_: As) -> None:
    found = Finding.objects.filter(code="SS01", cluster=rings.clusters["lab"], resolved_at=None).first()
    assert found is not None
    link = f"{MANY}?code=SS01"
    for path in ("/", f"/findings/{found.pk}/"):
        assert link in as_(rings.priya).get(path).content.decode()
        assert link not in as_(rings.sam).get(path).content.decode()
    assert "Mend on 3 clusters" in text_of(as_(rings.priya).get(f"/findings/{found.pk}/"))


def test_a_cluster_is_left_out_from_the_page(rings: Rings, as_: As) -> None:
    change = rings.proposed(Plan(IN_ORDER))
    client, path = as_(rings.priya), f"/changes/{change.pk}/leave-out/"
    assert 'id="leave-out"' in text_of(client.get(f"/changes/{change.pk}/"))
    page = text_of(client.post(path, {"cluster": "stage"}, follow=True))
    assert "<b>stage</b>: priya left it out." in page
    assert "writes nothing on stage" in text_of(client.post(path, {"cluster": "stage"}, follow=True))
    assert as_(rings.sam).post(path, {"cluster": "lab"}).status_code == 403
    assert 'id="leave-out"' not in text_of(as_(rings.sam).get(f"/changes/{change.pk}/"))
