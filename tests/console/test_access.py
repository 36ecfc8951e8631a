"""Who may open what: asked of every route of the pages, so that a new one is asked as well."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from django.test import Client
from django.urls import URLPattern, reverse

from apps.accounts.models import User
from apps.analysis.models import Finding
from apps.changes.models import ChangeSet
from apps.clusters.models import Cluster
from apps.common import clock
from apps.console.urls import urlpatterns
from tests.factories.people import person

As = Callable[[User], Client]
OPEN_TO_ALL = {"sign-in", "sign-out", "theme"}
# What everybody who is signed in may open: it shows nothing that needs a role.
OWN = {
    "freshness",
    "fleet",
    "clusters",
    "workloads",
    "egress",
    "findings",
    "changes",
    "profile",
    "style",
    "search",
}
POST_ONLY = {
    "cluster-refresh", "cluster-recheck", "cluster-pause", "cluster-credential", "cluster-remove",
    "cluster-egress-propose", "cluster-suppression-lift", "finding-propose", "finding-suppress",
    "finding-lift", "change-decide", "change-act", "audit-verify", "webhook-test", "webhook-remove",
    "delivery-redeliver",
    "policy-decide", "change-break-glass", "change-review", "change-comment", "change-hand-over",
    "change-time-box", "change-push", "change-accept-drift", "repository-test", "repository-remove",
    "hosts-adopt", "hosts-retire", "change-waves", "change-leave-out",
    "sign-out", "theme",
}  # fmt: skip
FORMS = {
    "cluster-register",
    "cluster-propose",
    "profile",
    "sign-in",
    "webhook-new",
    "repository-new",
    "hosts-new",
}
ARGUMENTS = {
    "name": "shop", "kind": "Sidecar", "namespace": "payments", "object_name": "default", "verb": "withdraw",
    "delivery": UUID(int=1),
    "number": 2, "hostset": "speedscale",
}  # fmt: skip


def routes() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Name and parameters of every route of the console."""
    for pattern in urlpatterns:
        assert isinstance(pattern, URLPattern)
        yield str(pattern.name), tuple(pattern.pattern.regex.groupindex)


ROUTES = dict(routes())


@pytest.fixture
def things(shop: Cluster, draft: ChangeSet) -> dict[str, int]:
    finding = Finding.objects.create(
        cluster=shop, fingerprint="e" * 32, code="XX01", severity="error", severity_rank=0, title="A test",
        message="Wrong.", kind="Sidecar", namespace="payments", name="default",
        opened_at=clock.now(), seen_at=clock.now(),
    )  # fmt: skip
    return {"finding": finding.pk, "change": draft.pk}


def url_of(name: str, things: dict[str, int]) -> str:
    arguments: dict[str, object] = {key: ARGUMENTS[key] for key in ROUTES[name] if key != "pk"}
    if "pk" in ROUTES[name]:
        arguments["pk"] = things["finding" if name.startswith("finding") else "change"]
    return reverse(f"console:{name}", kwargs=arguments)


def visit(client: Client, name: str, things: dict[str, int]) -> int:
    url = url_of(name, things)
    return (client.post(url) if name in POST_ONLY else client.get(url)).status_code


@pytest.mark.parametrize("name", sorted(set(ROUTES) - OPEN_TO_ALL))
def test_a_stranger_is_sent_to_sign_in(name: str, things: dict[str, int]) -> None:
    client = Client()
    url = url_of(name, things)
    answer = client.post(url) if name in POST_ONLY else client.get(url)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/sign-in/?next=")


@pytest.mark.parametrize("name", sorted(set(ROUTES) - OPEN_TO_ALL - OWN))
def test_somebody_without_a_role_learns_nothing(
    name: str, things: dict[str, int], eve: User, as_: As
) -> None:
    assert visit(as_(eve), name, things) in {403, 404}


@pytest.mark.parametrize("name", sorted(OWN))
def test_pages_open_to_everybody_name_nothing_that_is_hidden(
    name: str, things: dict[str, int], eve: User, as_: As
) -> None:
    answer = as_(eve).get(url_of(name, things))
    text = answer.content.decode()
    assert answer.status_code == 200
    for secret in ("shop", "ledger", "Open the token service", "XX01"):
        assert secret not in text


@pytest.mark.parametrize("name", sorted(POST_ONLY))
def test_what_changes_something_is_not_done_by_a_link(
    name: str, things: dict[str, int], alice: User, as_: As
) -> None:
    assert as_(alice).get(url_of(name, things)).status_code == 405


@pytest.mark.parametrize("name", sorted(POST_ONLY | FORMS))
def test_a_form_without_its_token_does_nothing(name: str, things: dict[str, int], alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    answer = client.post(url_of(name, things))
    assert answer.status_code == 403
    assert "This form is no longer valid" in answer.content.decode()


def test_somebody_bound_to_one_namespace_sees_that_one_only(shop: Cluster, as_: As, alice: User) -> None:
    client = as_(person("dev", "viewer", namespace="catalog"))
    assert "search" in client.get("/clusters/shop/workloads/").content.decode()
    assert "ledger" not in client.get("/clusters/shop/workloads/").content.decode()
    assert client.get("/clusters/shop/objects/Sidecar/payments/default/").status_code == 404
    assert "payments" not in client.get("/clusters/shop/egress/").content.decode()
    question = {"workload": "payments/ledger", "host": "example.com", "port": "443", "protocol": "TLS"}
    assert client.get("/clusters/shop/explain/", question).status_code == 400


def test_only_those_who_may_read_the_record_do(shop: Cluster, alice: User, charlie: User, as_: As) -> None:
    refused = as_(alice).get("/audit/")
    assert refused.status_code == 403
    assert "read the audit record" in refused.content.decode()
    assert as_(charlie).get("/audit/").status_code == 200
