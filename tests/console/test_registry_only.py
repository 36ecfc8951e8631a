"""The page that says what REGISTRY_ONLY would break: filters, permission, and the way to open it first."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.changes.models import ChangeSet
from apps.clusters.models import Cluster
from apps.inventory import store
from apps.inventory.models import ObjectVersion
from tests.factories.people import person

As = Callable[[User], Client]
PAGE = "/clusters/shop/registry-only/"


@pytest.fixture
def opened(shop: Cluster) -> Cluster:
    """The shop with a mesh that lets everything out."""
    row = ObjectVersion.objects.select_related("content").get(
        cluster=shop, kind="ConfigMap", name="istio", valid_to__isnull=True
    )
    row.content.manifest["data"]["mesh"] = "outboundTrafficPolicy: {mode: ALLOW_ANY}"
    row.content.save()
    store.forget_cached()
    return shop


def test_hosts_are_listed_with_today_and_then(opened: Cluster, victor: User, as_: As) -> None:
    text = as_(victor).get(f"{PAGE}?host=api.stripe.com").content.decode()
    assert "api.stripe.com:443" in text
    assert "Would be blocked" in text
    assert "Allowed by policy" in text
    assert "Blocked, reset" in text
    assert "ConfigMap istio-system/istio" in text


def test_a_closed_mesh_says_that_nothing_is_written(shop: Cluster, victor: User, as_: As) -> None:
    text = as_(victor).get(PAGE).content.decode()
    assert "It writes nothing." in text
    assert "REGISTRY_ONLY already" in text


def test_outcomes_narrow_the_list_and_can_be_cleared(opened: Cluster, victor: User, as_: As) -> None:
    text = as_(victor).get(f"{PAGE}?outcome=unknown&host=api.stripe.com").content.decode()
    assert "No host passes these filters" in text
    rows = as_(victor).get(f"{PAGE}?outcome=would-be-blocked&host=api.stripe.com&format=csv")
    assert b"api.stripe.com" in b"".join(rows.streaming_content)  # type: ignore[attr-defined]


@pytest.mark.parametrize("query", ["only=nowhere", "plane=a/b", "host=http://x.com/", "host=x.com:0"])
def test_what_cannot_be_asked_is_said_and_nothing_is_lost(
    query: str, shop: Cluster, victor: User, as_: As
) -> None:
    answer = as_(victor).get(f"{PAGE}?{query}")
    assert answer.status_code == 400
    text = html.unescape(answer.content.decode())
    assert "This cannot be switched" in text
    assert query.partition("=")[2] in text


def test_namespaces_that_one_may_not_see_stay_hidden(opened: Cluster, as_: As) -> None:
    narrow = person("nina", "viewer", namespace="payments")
    client = as_(narrow)
    text = client.get(PAGE).content.decode()
    rows = b"".join(client.get(f"{PAGE}?format=csv").streaming_content).decode()  # type: ignore[attr-defined]
    assert {line.partition(",")[0] for line in rows.splitlines()[1:]} == {"payments"}
    assert "catalog" not in text
    assert client.get(f"{PAGE}?only=catalog").status_code == 400


def test_what_to_open_first_goes_through_the_change_by_hand(opened: Cluster, alice: User, as_: As) -> None:
    client = as_(alice)
    first = client.get("/clusters/shop/registry-only/first/").content.decode()
    assert "What it would write" in first
    field = re.search(r'name="manifests" value="([^"]*)"', first)
    assert field is not None
    manifests = html.unescape(field[1])
    answer = client.post("/clusters/shop/propose/", {"manifests": manifests, "preview": "1"})
    assert answer.status_code == 200
    assert "Predicted effect" in answer.content.decode() or "Prediction" in answer.content.decode()
    made = {"manifests": manifests, "title": "Open first", "reason": "Before the switch."}
    assert client.post("/clusters/shop/propose/", made).status_code == 302
    assert ChangeSet.objects.get().title == "Open first"


def test_a_viewer_is_told_that_it_is_not_theirs_to_propose(opened: Cluster, victor: User, as_: As) -> None:
    text = as_(victor).get("/clusters/shop/registry-only/first/").content.decode()
    assert "do not let you propose" in text
