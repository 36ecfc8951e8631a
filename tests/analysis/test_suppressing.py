"""Suppressing and lifting: who may, what is marked and counted apart, and what ends by itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine

from apps.accounts.models import User
from apps.analysis import selectors
from apps.analysis.actions import analyse_cluster
from apps.analysis.models import ClusterSummary, Finding, Suppression
from apps.analysis.selectors import Shown, in_state
from apps.analysis.suppressing import Pattern, lift, lift_of, suppress_finding, suppress_pattern
from apps.audit.models import AuditEvent
from apps.clusters.models import Cluster
from apps.common.errors import ConsoleError, InvalidInputError, PermissionDeniedError, WrongStateError
from apps.mesh.parsing.files import load_text
from apps.mesh.refs import Manifest
from apps.mesh.snapshot import Snapshot
from apps.mesh.suppression import ANNOTATION
from tests.factories.clusters import cluster as cluster_row
from tests.factories.people import person
from tests.mesh.rule_cases import base_text

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
TODAY = NOW.date()


def sidecar(name: str, **annotations: str) -> Manifest:
    metadata = {"name": name, "namespace": "shop", "annotations": annotations}
    spec = {"egress": [{"hosts": ["./*"]}]}
    return {"apiVersion": "networking.istio.io/v1", "kind": "Sidecar", "metadata": metadata, "spec": spec}


def snapshot(*more: Manifest) -> Snapshot:
    texts = [base_text(name) for name in ("mesh", "speedscale", "shop", "page-entry")]
    manifests = [manifest for text in texts for manifest in load_text(text).manifests]
    return Snapshot.from_manifests([*manifests, *more])


@pytest.fixture(autouse=True)
def clock() -> Any:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def shop() -> Cluster:
    row = cluster_row("shop", "production")
    analyse_cluster(row, snapshot(sidecar("default")))
    return row


@pytest.fixture
def charlie() -> User:
    return person("charlie")


def the(code: str) -> Finding:
    return Finding.objects.get(code=code, resolved_at__isnull=True)


def codes(state: Shown) -> set[str]:
    return set(Finding.objects.filter(in_state(state)).values_list("code", flat=True))


def figures() -> Any:
    known = ClusterSummary.objects.get().figures
    return known["findings"], known["suppressed"]


def test_a_suppressed_finding_is_marked_counted_apart_and_on_record(shop: Cluster, charlie: User) -> None:
    assert figures() == ({"error": 1, "warning": 1, "info": 1}, 0)
    until = TODAY + timedelta(days=30)
    row = suppress_finding(actor=charlie, finding=the("SS03"), reason=" not captured ", until=until)
    found = the("SS03")
    assert (found.suppressed_by, found.suppressed_reason, found.suppressed_until) == (
        "console", "not captured", until,
    )  # fmt: skip
    assert found.suppression == row
    assert (codes(Shown.OPEN), codes(Shown.SUPPRESSED)) == ({"SS01", "SS17"}, {"SS03"})
    assert figures() == ({"error": 0, "warning": 1, "info": 1}, 1)
    assert [cause["code"] for cause in selectors.findings_by_code(charlie)] == ["SS01", "SS17"]
    event = AuditEvent.objects.get(action="finding.suppress")
    assert (event.actor, event.cluster, event.detail["reason"]) == ("charlie", "shop", "not captured")


def test_it_stays_suppressed_over_further_readings_and_when_it_comes_again(
    shop: Cluster, charlie: User
) -> None:
    suppress_finding(actor=charlie, finding=the("SS03"), reason="known", until=None)
    analyse_cluster(shop, snapshot(sidecar("default")))
    assert codes(Shown.SUPPRESSED) == {"SS03"}
    analyse_cluster(shop, snapshot())
    assert (codes(Shown.SUPPRESSED), codes(Shown.RESOLVED)) == (set(), {"SS03"})
    analyse_cluster(shop, snapshot(sidecar("default")))
    assert codes(Shown.SUPPRESSED) == {"SS03"}
    assert figures()[1] == 1


def test_another_finding_of_the_same_check_is_not_suppressed_with_it(shop: Cluster, charlie: User) -> None:
    suppress_finding(actor=charlie, finding=the("SS03"), reason="known", until=None)
    analyse_cluster(shop, snapshot(sidecar("other")))
    assert "SS03" in codes(Shown.OPEN)


def test_a_suppression_ends_by_itself_and_counts_again_at_the_next_reading(
    shop: Cluster, charlie: User, clock: time_machine.Traveller
) -> None:
    suppress_finding(actor=charlie, finding=the("SS03"), reason="known", until=TODAY)
    clock.move_to(datetime(2026, 5, 1, 23, 59, tzinfo=UTC))
    assert "SS03" in codes(Shown.SUPPRESSED)
    clock.move_to(datetime(2026, 5, 2, 0, 0, tzinfo=UTC))
    assert "SS03" in codes(Shown.OPEN)
    assert [row.until for row in selectors.suppressions_of(charlie, the("SS03"))] == [TODAY]
    analyse_cluster(shop, snapshot(sidecar("default")))
    assert figures() == ({"error": 1, "warning": 1, "info": 1}, 0)
    assert the("SS03").suppressed_by == ""


def test_lifting_brings_it_back_and_is_on_record(shop: Cluster, charlie: User) -> None:
    row = suppress_finding(actor=charlie, finding=the("SS03"), reason="known", until=None)
    lift_of(actor=charlie, finding=the("SS03"))
    assert "SS03" in codes(Shown.OPEN)
    assert figures()[1] == 0
    row.refresh_from_db()
    assert (row.lifted_by, row.lifted_at) == (charlie, NOW)
    assert AuditEvent.objects.filter(action="finding.lift", actor="charlie").exists()
    with pytest.raises(WrongStateError):
        lift(actor=charlie, suppression=row)
    with pytest.raises(WrongStateError):
        lift_of(actor=charlie, finding=the("SS03"))


def test_a_pattern_covers_what_matches_now_and_later(shop: Cluster, charlie: User) -> None:
    pattern = Pattern("SS03", kind="Sidecar", namespace="sh?p", name="def*")
    row = suppress_pattern(actor=charlie, cluster=shop, pattern=pattern, reason="all of them", until=None)
    assert codes(Shown.SUPPRESSED) == {"SS03"}
    analyse_cluster(shop, snapshot(sidecar("defence")))
    assert codes(Shown.SUPPRESSED) == {"SS03"}
    analyse_cluster(shop, snapshot(sidecar("other")))
    assert codes(Shown.SUPPRESSED) == set()
    assert Suppression.objects.get() == row


def test_what_outlasts_another_suppression_takes_its_place(shop: Cluster, charlie: User) -> None:
    first = suppress_finding(actor=charlie, finding=the("SS03"), reason="until June", until=date(2026, 6, 1))
    suppress_pattern(
        actor=charlie, cluster=shop, pattern=Pattern("SS03"), reason="longer", until=date(2026, 7, 1)
    )
    assert the("SS03").suppressed_reason == "longer"
    lift_of(actor=charlie, finding=the("SS03"))
    assert the("SS03").suppression == first


def test_an_annotation_suppresses_online_too_and_cannot_be_lifted_here(shop: Cluster, charlie: User) -> None:
    ignored = sidecar("default", **{ANNOTATION: "SS03: by design"})
    analyse_cluster(shop, snapshot(ignored))
    found = the("SS03")
    assert (found.suppressed_by, found.suppressed_reason) == ("annotation", "by design")
    assert figures() == ({"error": 0, "warning": 1, "info": 1}, 1)
    suppress_pattern(actor=charlie, cluster=shop, pattern=Pattern("SS03"), reason="as well", until=None)
    assert the("SS03").suppressed_by == "annotation"
    with pytest.raises(WrongStateError, match="annotation"):
        lift_of(actor=charlie, finding=the("SS03"))
    analyse_cluster(shop, snapshot(sidecar("default")))
    assert the("SS03").suppressed_reason == "as well"


@pytest.mark.parametrize(
    ("reason", "until", "field"),
    [("  ", None, "reason"), ("\x00", None, "reason"), ("x" * 1001, None, "reason"),
     ("known", date(2026, 4, 30), "until")],
)  # fmt: skip
def test_a_reason_is_asked_for_and_a_day_that_is_to_come(
    shop: Cluster, charlie: User, reason: str, until: date | None, field: str
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        suppress_finding(actor=charlie, finding=the("SS03"), reason=reason, until=until)
    assert refused.value.field == field
    assert not Suppression.objects.exists()


@pytest.mark.parametrize(
    ("pattern", "field"),
    [
        (Pattern("SS99"), "code"),
        (Pattern("*"), "code"),
        (Pattern("SS03", kind=""), "kind"),
        (Pattern("SS03", name="x" * 254), "name"),
        (Pattern("SS03", name="a\x00"), "name"),
    ],
)
def test_a_pattern_that_means_nothing_is_refused(
    shop: Cluster, charlie: User, pattern: Pattern, field: str
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        suppress_pattern(actor=charlie, cluster=shop, pattern=pattern, reason="x", until=None)
    assert refused.value.field == field


def test_what_is_resolved_or_suppressed_cannot_be_suppressed(shop: Cluster, charlie: User) -> None:
    suppress_finding(actor=charlie, finding=the("SS03"), reason="known", until=None)
    with pytest.raises(WrongStateError):
        suppress_finding(actor=charlie, finding=the("SS03"), reason="again", until=None)
    analyse_cluster(shop, snapshot())
    with pytest.raises(WrongStateError):
        suppress_finding(actor=charlie, finding=Finding.objects.get(code="SS03"), reason="x", until=None)


@pytest.mark.parametrize("who", ["alice", "bob", "victor", "eve"])
def test_only_who_operates_or_administers_suppresses_and_lifts(
    shop: Cluster, charlie: User, who: str
) -> None:
    other = person(who)
    row = suppress_finding(actor=charlie, finding=the("SS03"), reason="known", until=None)
    attempts: tuple[Callable[[], object], ...] = (
        lambda: suppress_finding(actor=other, finding=the("SS01"), reason="x", until=None),
        lambda: suppress_pattern(actor=other, cluster=shop, pattern=Pattern("SS01"), reason="x", until=None),
        lambda: lift(actor=other, suppression=row),
        lambda: lift_of(actor=other, finding=the("SS03")),
    )
    for attempt in attempts:
        with pytest.raises(PermissionDeniedError):
            attempt()
    assert codes(Shown.SUPPRESSED) == {"SS03"}
    assert AuditEvent.objects.filter(outcome="refused", actor=who).count() == 4


def test_who_operates_one_namespace_suppresses_nothing_beyond_it(shop: Cluster, charlie: User) -> None:
    dev = person("dev", "operator", namespace="shop")
    suppress_finding(actor=dev, finding=the("SS03"), reason="ours", until=None)
    for pattern in (
        Pattern("SS03"),
        Pattern("SS03", namespace="sho?"),
        Pattern("SS03", namespace="speedscale"),
    ):
        with pytest.raises(PermissionDeniedError):
            suppress_pattern(actor=dev, cluster=shop, pattern=pattern, reason="x", until=None)
    suppress_pattern(
        actor=dev, cluster=shop, pattern=Pattern("SS03", namespace="shop"), reason="x", until=None
    )
    wide = suppress_pattern(actor=charlie, cluster=shop, pattern=Pattern("SS03"), reason="x", until=None)
    with pytest.raises(ConsoleError):
        lift(actor=dev, suppression=wide)
    assert wide not in selectors.suppressions(dev)
    assert selectors.suppressions(dev).count() == 2
