"""How many queries each page costs: a golden number, the same for few rows and for many."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.analysis.models import ScopeVerdicts, WorkloadState
from apps.analysis.suppressing import Pattern, suppress_pattern
from apps.audit.actions import record
from apps.changes.actions.propose_yaml import propose_yaml
from apps.changes.models import ChangeSet
from apps.clusters.models import Cluster
from tests.console.conftest import STS_ENTRY, pending, read_into
from tests.factories.clusters import cluster as make_cluster
from tests.factories.hosts import CARDS, NEXT, in_use
from tests.factories.people import person

As = Callable[[User], Client]
# Session and person, their bindings, clusters, and the three counts of the frame are in every number.
GOLDEN = {
    "/": 13,
    "/?format=csv": 7,
    "/clusters/": 7,
    "/clusters/shop/": 12,
    "/clusters/shop/?format=csv": 7,
    "/clusters/shop/connection/": 7,
    "/workloads/": 12,
    "/clusters/shop/workloads/": 12,
    "/workloads/?format=csv": 3,
    "/egress/": 7,
    "/clusters/shop/egress/": 8,
    "/clusters/shop/explain/": 8,
    "/findings/": 13,
    "/clusters/shop/findings/": 13,
    "/clusters/shop/objects/": 11,
    "/clusters/shop/objects/Sidecar/payments/default/": 11,
    "/clusters/shop/objects/Sidecar/payments/default/versions/": 10,
    "/changes/": 8,
    "/policy/": 8,
    "/hosts/": 8,
    "/hosts/speedscale/": 8,
    "/hosts/speedscale/1/": 8,
    "/hosts/speedscale/compare/": 8,
    "/audit/": 10,
    "/search/?q=speedscale": 11,
    "/profile/": 9,
}


@pytest.fixture
def many(shop: Cluster, alice: User) -> Cluster:
    """More clusters, workloads, scopes, changes and audit rows than one of each."""
    for number in range(3):
        other = read_into(make_cluster(f"more-{number}", "staging"))
        for at in range(30):
            WorkloadState.objects.create(
                cluster=other, kind="Deployment", namespace=f"n{at}", name=f"w{at}", istio_expected="none",
                istio_actual="none", istio_tone="off", capture_expected="none", capture_actual="none",
                capture_tone="bad",
            )  # fmt: skip
            ScopeVerdicts.objects.create(
                cluster=shop, key=f"{number}-{at}", namespace=f"n{at}", label="namespace default",
                workload_count=1, verdicts={"gcr.io": "unknown"}, answers={},
            )  # fmt: skip
    in_use(CARDS)
    in_use(NEXT)
    for number in range(4):
        pending(propose_yaml(actor=alice, cluster=shop, text=STS_ENTRY, title=f"Change {number}"))
        record(actor=alice, action="test", summary=f"Something {number}")
    return shop


def cost(client: Client, path: str) -> int:
    client.get(path)  # what is read once a process is read
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(path)
    assert answer.status_code == 200, path
    if answer.streaming:
        b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    return len(queries)


def test_a_page_costs_what_it_cost(shop: Cluster, draft: ChangeSet, charlie: User, as_: As) -> None:
    client = as_(charlie)
    assert {path: cost(client, path) for path in GOLDEN} == GOLDEN


def test_a_page_costs_the_same_with_many_rows(many: Cluster, charlie: User, as_: As) -> None:
    client = as_(charlie)
    assert {path: cost(client, path) for path in GOLDEN} == GOLDEN


def test_a_poll_of_a_change_costs_the_same_whoever_else_there_is(
    draft: ChangeSet, alice: User, as_: As
) -> None:
    client, path = as_(alice), f"/changes/{draft.pk}/progress/"
    before = cost(client, path)
    for number in range(5):
        person(f"reviewer-{number}", "approver")
    assert cost(client, path) == before <= 8


def test_suppressions_cost_the_same_for_one_and_for_many(shop: Cluster, charlie: User, as_: As) -> None:
    client, costs = as_(charlie), []
    for number in range(4):
        pattern = Pattern("SS03", name=f"x{number}")
        suppress_pattern(actor=charlie, cluster=shop, pattern=pattern, reason="x", until=None)
        costs.append(cost(client, "/clusters/shop/suppressions/"))
    assert costs == [9] * 4
