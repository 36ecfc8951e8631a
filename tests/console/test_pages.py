"""Every page renders with data and without, says what it is for, and shows what is true."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.analysis.models import Finding, ScopeVerdicts
from apps.clusters.models import Cluster, HealthState
from apps.common import clock

As = Callable[[User], Client]
EMPTY = {
    "/": "No cluster is visible to you",
    "/clusters/": "No cluster is visible to you",
    "/workloads/": "No workload is known yet",
    "/egress/": "No cluster is visible to you",
    "/findings/": "No open findings",
    "/changes/": "No change yet",
    "/policy/": "Widens or breaks",
    "/search/": "Type at least two characters",
    "/profile/": "every one",
    "/style/": "Every component once",
}
FULL = {
    "/": "Needs you now",
    "/clusters/": "shop",
    "/clusters/shop/": "Control planes",
    "/clusters/shop/connection/": "What the console may do here",
    "/clusters/shop/workloads/": "ledger",
    "/clusters/shop/egress/": "sts.us-east-1.amazonaws.com",
    "/clusters/shop/explain/": "Explain a connection",
    "/clusters/shop/registry-only/": "Hosts that nobody named are not here",
    "/clusters/shop/registry-only/?only=payments&host=api.stripe.com": "api.stripe.com",
    "/clusters/shop/registry-only/first/?only=payments": "Open what would break first",
    "/clusters/shop/findings/": "SS01",
    "/clusters/shop/objects/": "speedscale-external-svc-https",
    "/clusters/shop/objects/Sidecar/payments/default/": "istio-system/*",
    "/workloads/": "ledger",
    "/findings/": "SS01",
    "/search/?q=ledger": "payments/ledger",
}


@pytest.mark.parametrize("path", EMPTY)
def test_a_page_without_data_says_what_it_will_show(path: str, victor: User, as_: As) -> None:
    answer = as_(victor).get(path)
    assert answer.status_code == 200
    assert EMPTY[path] in answer.content.decode()


@pytest.mark.parametrize("path", FULL)
def test_a_page_with_data_shows_it(path: str, shop: Cluster, victor: User, as_: As) -> None:
    answer = as_(victor).get(path)
    assert answer.status_code == 200
    assert FULL[path] in answer.content.decode()


@pytest.mark.parametrize("path", FULL)
def test_a_page_keeps_to_the_content_policy(path: str, shop: Cluster, victor: User, as_: As) -> None:
    answer = as_(victor).get(path)
    text = answer.content.decode()
    assert " style=" not in text
    assert "<style" not in text
    assert text.count("<script") == text.count("<script src=")
    assert "script-src 'self'" in answer["Content-Security-Policy"]


def test_an_operator_is_offered_to_register_the_first_cluster(charlie: User, as_: As) -> None:
    assert "/clusters/register/" in as_(charlie).get("/").content.decode()


def test_a_finding_shows_its_object_with_the_offending_line(shop: Cluster, victor: User, as_: As) -> None:
    finding = Finding.objects.create(
        cluster=shop, fingerprint="f" * 32, code="XX01", severity="error", severity_rank=0, title="A test",
        message="Something is wrong.", kind="Sidecar", namespace="payments", name="default",
        path="spec.egress[0].hosts", opened_at=clock.now(), seen_at=clock.now(),
        references=["https://istio.io/latest/docs/", "javascript:alert(1)"],
    )  # fmt: skip
    text = as_(victor).get(f"/findings/{finding.pk}/").content.decode()
    assert 'class="mark ' in text
    assert 'href="https://istio.io/latest/docs/"' in text
    assert 'href="javascript' not in text


def test_the_matrix_opens_an_explanation_without_a_script(shop: Cluster, alice: User, as_: As) -> None:
    scope = ScopeVerdicts.objects.filter(cluster=shop, namespace="catalog").first()
    assert scope is not None
    text = as_(alice).get("/clusters/shop/egress/", {"scope": scope.key, "host": "sts.amazonaws.com"})
    page = text.content.decode()
    assert "Why is it blocked?" in page
    assert 'aria-current="true"' in page
    assert "Propose this fix" in page


def test_the_matrix_explains_nothing_for_a_scope_that_is_not_there(
    shop: Cluster, alice: User, as_: As
) -> None:
    answer = as_(alice).get("/clusters/shop/egress/", {"scope": "gone", "host": "sts.amazonaws.com"})
    assert answer.status_code == 200
    assert "Choose a cell" in answer.content.decode()


def test_the_smallest_fix_shows_what_it_would_write(shop: Cluster, alice: User, as_: As) -> None:
    scope = ScopeVerdicts.objects.get(cluster=shop, namespace="catalog")
    answer = as_(alice).get("/clusters/shop/egress/fix/", {"scope": scope.key, "host": "sts.amazonaws.com"})
    text = answer.content.decode()
    assert "Predicted effect" in text
    assert "sts.amazonaws.com" in text


def test_any_connection_can_be_explained_as_a_page_and_as_text(shop: Cluster, victor: User, as_: As) -> None:
    question = {"workload": "catalog/search", "host": "example.com", "port": "443", "protocol": "TLS"}
    page = as_(victor).get("/clusters/shop/explain/", question)
    assert "Blocked, reset" in page.content.decode()
    text = as_(victor).get("/clusters/shop/explain/", {**question, "format": "text"})
    assert text["Content-Type"].startswith("text/plain")
    assert "1. " in text.content.decode()


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ({"workload": "catalog/search", "host": "https://x/y"}, "neither a host name nor an address"),
        ({"workload": "nothing", "host": "example.com"}, "Name the workload as namespace/name"),
        ({"workload": "no/where", "host": "example.com"}, "There is no workload no/where"),
    ],
)
def test_a_question_that_cannot_be_asked_gets_a_sentence(
    question: dict[str, str], sentence: str, shop: Cluster, victor: User, as_: As
) -> None:
    answer = as_(victor).get("/clusters/shop/explain/", {"port": "443", "protocol": "TLS", **question})
    assert answer.status_code == 400
    assert sentence in answer.content.decode()


def test_a_cluster_that_is_down_shows_its_last_state_and_why(shop: Cluster, victor: User, as_: As) -> None:
    shop.health = HealthState.UNREACHABLE
    shop.health_message = "The connection was refused."
    shop.failing_since = clock.now() - timedelta(hours=3)
    shop.save()
    text = " ".join(as_(victor).get("/clusters/shop/").content.decode().split())
    assert "does not answer" in text
    assert "The connection was refused." in text
    assert "last known state" in text
    assert "Control planes" in text
    fleet = as_(victor).get("/").content.decode()
    assert "No answer from shop for 3 h" in fleet


def test_a_cluster_that_was_never_read_says_so(victor: User, as_: As, shop: Cluster) -> None:
    Cluster.objects.create(name="fresh", environment="lab", server="https://192.0.2.1", ca_pem="x")
    text = as_(victor).get("/clusters/fresh/").content.decode()
    assert "The first reading is under way" in text
    assert as_(victor).get("/").status_code == 200


def test_what_could_not_be_read_is_named(shop: Cluster, victor: User, as_: As) -> None:
    shop.gaps = [{"kind": "Sidecar", "namespace": "identity", "reason": "forbidden by RBAC"}]
    shop.save()
    text = as_(victor).get("/clusters/shop/").content.decode()
    assert "forbidden by RBAC" in text
    assert "shown as unknown" in text
