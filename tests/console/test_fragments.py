"""Page or part: htmx gets the part from the same address, and nothing when nothing has changed."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.analysis.models import ScopeVerdicts
from apps.changes.models import ChangeSet
from apps.clusters.models import Cluster
from apps.inventory.actions import request_refresh
from apps.inventory.models import RefreshRun

As = Callable[[User], Client]
HTMX = {"HX-Request": "true"}
PARTS = {
    "/": 'id="fleet-overview"',
    "/workloads/": 'id="results"',
    "/findings/": 'id="results"',
    "/changes/": 'id="results"',
    "/clusters/shop/objects/": 'id="results"',
    "/clusters/shop/egress/": 'id="matrix"',
}


@pytest.mark.parametrize("path", PARTS)
def test_htmx_gets_the_part_of_the_same_address(path: str, shop: Cluster, victor: User, as_: As) -> None:
    page = as_(victor).get(path)
    part = as_(victor).get(path, headers=HTMX)
    assert "<html" in page.content.decode()
    assert "<html" not in part.content.decode()
    assert PARTS[path] in page.content.decode()
    assert PARTS[path] in part.content.decode()
    assert "HX-Request" in page["Vary"]


@pytest.mark.parametrize("header", ["HX-Boosted", "HX-History-Restore-Request"])
def test_a_visit_that_htmx_makes_for_a_whole_page_gets_the_page(
    header: str, shop: Cluster, victor: User, as_: As
) -> None:
    answer = as_(victor).get("/workloads/", headers={**HTMX, header: "true"})
    assert "<html" in answer.content.decode()


def test_a_cell_asks_for_its_explanation_only(shop: Cluster, victor: User, as_: As) -> None:
    scope = ScopeVerdicts.objects.get(cluster=shop, namespace="catalog")
    answer = as_(victor).get(
        "/clusters/shop/egress/",
        {"scope": scope.key, "host": "sts.amazonaws.com", "part": "explain"},
        headers=HTMX,
    )
    text = answer.content.decode()
    assert 'id="explain"' in text
    assert 'id="matrix"' not in text


def test_a_poll_that_finds_the_same_swaps_nothing(shop: Cluster, victor: User, as_: As) -> None:
    run = RefreshRun.objects.create(
        cluster=shop, state="done", requested_at=shop.created_at, finished_at=shop.created_at
    )
    first = as_(victor).get("/clusters/shop/").content.decode()
    address = re.search(r'hx-get="(/clusters/shop/progress/[^"]*)"', first)
    assert address is not None
    assert as_(victor).get(address[1].replace("&amp;", "&"), headers=HTMX).status_code == 204
    run.objects_read = 99
    run.save()
    changed = as_(victor).get(address[1].replace("&amp;", "&"), headers=HTMX)
    assert changed.status_code == 200
    assert "99" in changed.content.decode()


def test_the_page_is_loaded_anew_when_a_reading_has_ended(shop: Cluster, victor: User, as_: As) -> None:
    run = request_refresh(actor=victor, cluster=shop, trigger="person")
    running = as_(victor).get(f"/clusters/shop/progress/?run={run.pk}", headers=HTMX)
    assert "HX-Refresh" not in running
    RefreshRun.objects.filter(pk=run.pk).update(state="done", finished_at=run.requested_at)
    ended = as_(victor).get(f"/clusters/shop/progress/?run={run.pk}", headers=HTMX)
    assert ended["HX-Refresh"] == "true"


def test_the_page_of_a_change_is_loaded_anew_when_it_left_a_running_state(
    draft: ChangeSet, alice: User, as_: As
) -> None:
    ChangeSet.objects.filter(pk=draft.pk).update(state="validating")
    same = as_(alice).get(f"/changes/{draft.pk}/progress/?state=validating", headers=HTMX)
    assert "HX-Refresh" not in same
    ChangeSet.objects.filter(pk=draft.pk).update(state="pending")
    moved = as_(alice).get(f"/changes/{draft.pk}/progress/?state=validating", headers=HTMX)
    assert moved["HX-Refresh"] == "true"


def test_a_change_that_moved_on_says_so_and_leaves_what_is_typed(
    draft: ChangeSet, alice: User, as_: As
) -> None:
    page = as_(alice).get(f"/changes/{draft.pk}/").content.decode()
    address = re.search(rf'hx-get="(/changes/{draft.pk}/progress/[^"]*)"', page)
    assert address is not None
    assert as_(alice).get(address[1].replace("&amp;", "&"), headers=HTMX).status_code == 204
    as_(alice).post(f"/changes/{draft.pk}/withdraw/")
    moved = as_(alice).get(address[1].replace("&amp;", "&"), headers=HTMX)
    assert "has moved on" in moved.content.decode()
    assert "HX-Refresh" not in moved


def test_a_session_that_ended_moves_the_whole_page_to_sign_in(shop: Cluster) -> None:
    answer = Client().get(
        "/clusters/shop/progress/", headers={**HTMX, "HX-Current-URL": "http://testserver/clusters/shop/"}
    )
    assert answer.status_code == 204
    assert answer["HX-Redirect"] == "/sign-in/?next=%2Fclusters%2Fshop%2F"
