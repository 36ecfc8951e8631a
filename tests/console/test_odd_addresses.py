"""Addresses that somebody edited are answered with a page, never with a server error."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.changes.models import ChangeSet
from apps.clusters.models import Cluster
from tests.factories.people import person

As = Callable[[User], Client]
ODD = (
    "page=-1",
    "page=99999999999999999999",
    "page=x",
    "sort=-nothing",
    "sort=cluster__credential__ciphertext",
    "q=%00%27%22%3B--",
    "q=" + "a%20" * 200,
    "namespace=%00&kind=%00&severity=%00&state=%00",
    "box=none&verdict=none&scope=%00&host=%00",
    "set=%00&cluster=&before=%00&after=99999999999999999999",
    "way=none&format=none&object=%00",
    "code=" + "&code=".join(str(number) for number in range(200)),
)
PAGES = (
    "/", "/clusters/", "/clusters/shop/", "/workloads/", "/clusters/shop/workloads/", "/egress/",
    "/clusters/shop/egress/", "/findings/", "/clusters/shop/objects/", "/changes/", "/audit/", "/search/",
    "/clusters/shop/explain/", "/clusters/register/", "/clusters/shop/propose/", "/freshness/",
    "/hosts/", "/hosts/speedscale/1/", "/hosts/speedscale/compare/",
)  # fmt: skip


@pytest.fixture
def everybody(db: None) -> User:
    """Somebody who may do everything that pages offer."""
    user = person("charlie")
    return person(user.username, "proposer")


@pytest.mark.parametrize("page", PAGES)
def test_an_edited_address_is_answered(page: str, shop: Cluster, everybody: User, as_: As) -> None:
    client = as_(everybody)
    answers = {odd: client.get(f"{page}?{odd}").status_code for odd in ODD}
    assert {odd: status for odd, status in answers.items() if status not in {200, 400}} == {}


@pytest.mark.parametrize(
    "path",
    [
        "/changes/99999999999999999999/",
        "/findings/99999999999999999999/",
        "/clusters/none/",
        "/hosts/speedscale/99999999999999999999/",
        "/clusters/shop/objects/Sidecar/payments/%00/",
        "/clusters/shop/objects/Sidecar/payments/none/",
        "/clusters/shop/egress/fix/?scope=none&host=none",
    ],
)
def test_what_is_not_there_is_not_found(path: str, shop: Cluster, everybody: User, as_: As) -> None:
    assert as_(everybody).get(path).status_code == 404


def test_a_poll_with_an_odd_state_is_answered(draft: ChangeSet, everybody: User, as_: As) -> None:
    for odd in ("state=none", "state=%00", "event=x", "seen=%22%3E"):
        answer = as_(everybody).get(f"/changes/{draft.pk}/progress/?{odd}", headers={"HX-Request": "true"})
        assert answer.status_code in {200, 204}, odd
        assert '">">' not in answer.content.decode()
