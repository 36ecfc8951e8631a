"""Editions of host sets: added, never changed, one in force; every act recorded, clusters analysed anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from apps.accounts.models import Role
from apps.analysis import hosteditions, hostfile
from apps.analysis.actions import analyse_cluster
from apps.analysis.hostediting import Place, add_edition, adopt, retire
from apps.analysis.hosteditions import hostset_for
from apps.analysis.hosteffects import effect
from apps.analysis.models import ClusterSummary, Finding, HostAdoption, HostEdition, ScopeVerdicts
from apps.audit.models import AuditEvent
from apps.clusters.models import Cluster
from apps.common import clock
from apps.common.errors import ConsoleError, InvalidInputError, PermissionDeniedError, WrongStateError
from apps.inventory.models import RefreshRun
from apps.mesh.hostsets import FIRST_EDITION
from apps.pipeline.refresh import refresh
from tests.console.conftest import read_into
from tests.factories.clusters import cluster as make_cluster
from tests.factories.hosts import CARDS, NEXT, added, administrator, in_use
from tests.factories.people import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Cluster:
    return read_into(make_cluster("shop"))


def acts() -> list[tuple[str, str]]:
    found = AuditEvent.objects.filter(action__startswith="hosts.").order_by("pk")
    return [(event.action, event.object_id) for event in found]


def test_the_built_in_edition_is_in_force_until_another_one_is(shop: Cluster) -> None:
    assert hostset_for(shop) is FIRST_EDITION
    row = added(NEXT)
    assert (row.number, hostset_for(shop)) == (2, FIRST_EDITION)
    adopt(actor=administrator(), name="speedscale", number=2, reason="It is out.")
    assert hostset_for(shop).edition == "2026-11"
    adopt(actor=administrator(), name="speedscale", number=1, reason="Back again.")
    assert hostset_for(shop) is FIRST_EDITION
    assert acts() == [
        ("hosts.add", "speedscale/2"),
        ("hosts.adopt", "speedscale/2"),
        ("hosts.adopt", "speedscale/1"),
    ]


def test_what_was_in_force_at_a_moment_stays_known(shop: Cluster) -> None:
    before = clock.now()
    in_use(NEXT)
    assert hostset_for(shop, before) is FIRST_EDITION
    assert hostset_for(shop, clock.now()).edition == "2026-11"


def test_editions_and_acts_are_never_changed(shop: Cluster) -> None:
    in_use(NEXT)
    for model in (HostEdition, HostAdoption):
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
            model.objects.update(reason="Another one.")


@pytest.mark.parametrize(
    ("act", "error", "told"),
    [
        (lambda who: added(NEXT, who), InvalidInputError, "already. Editions are never changed"),
        (lambda who: added(hostfile.as_text(FIRST_EDITION), who), InvalidInputError, "2026-08"),
        (lambda who: adopt(actor=who, name="speedscale", number=1, reason="x"), WrongStateError, "already"),
        (lambda who: adopt(actor=who, name="speedscale", number=9, reason="x"), InvalidInputError, "no edit"),
        (lambda who: adopt(actor=who, name="nobody", number=1, reason="x"), InvalidInputError, "no edition"),
        (lambda who: adopt(actor=who, name="speedscale", number=2, reason=" "), InvalidInputError, "why"),
        (lambda who: retire(actor=who, name="speedscale", reason="x"), WrongStateError, "always in use"),
        (lambda who: retire(actor=who, name="cards", reason="x"), WrongStateError, "not in use"),
        (lambda who: retire(actor=who, name="nobody", reason="x"), InvalidInputError, "no set"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_with_a_sentence(
    act: Callable[[Any], object], error: type[ConsoleError], told: str
) -> None:
    added(NEXT)
    added(CARDS)
    with pytest.raises(error) as caught:
        act(administrator())
    assert told in caught.value.message
    assert not HostAdoption.objects.exists()


def test_an_edition_without_a_difference_from_the_one_in_force_is_refused() -> None:
    text = hostfile.as_text(FIRST_EDITION).replace("2026-08", "2026-09")
    with pytest.raises(InvalidInputError, match="nothing differs"):
        added(text)


@pytest.mark.parametrize(
    ("place", "field"),
    [
        (Place(environment="nowhere"), "environment"),
        (Place(cluster="A b"), "cluster"),
        (Place(namespaces=("a", "[x]")), "namespaces"),
        (Place(namespaces=tuple(f"n{number}" for number in range(51))), "namespaces"),
    ],
)
def test_a_place_that_cannot_be_is_refused_with_its_field(place: Place, field: str) -> None:
    added(CARDS)
    with pytest.raises(InvalidInputError) as caught:
        adopt(actor=administrator(), name="cards", number=1, reason="x", place=place)
    assert caught.value.field == field


@pytest.mark.parametrize("role", [Role.VIEWER, Role.PROPOSER, Role.APPROVER, Role.OPERATOR])
def test_only_administrators_do_any_of_it(role: Role) -> None:
    added(CARDS)
    known = hostfile.read(NEXT, known=FIRST_EDITION)
    who = person("somebody", role)
    for act in (
        lambda: add_edition(actor=who, hostset=known, reason="x"),
        lambda: adopt(actor=who, name="cards", number=1, reason="x"),
        lambda: retire(actor=who, name="cards", reason="x"),
    ):
        with pytest.raises(PermissionDeniedError):
            act()
    assert not HostAdoption.objects.exists()
    refused = AuditEvent.objects.filter(outcome="refused").values_list("action", flat=True)
    assert sorted(refused) == ["hosts.add", "hosts.adopt", "hosts.retire"]


def test_an_act_has_the_clusters_analysed_anew_without_asking_them(shop: Cluster) -> None:
    read = RefreshRun.objects.count()
    make_cluster("never-read")
    Cluster.objects.filter(pk=shop.pk).update(paused=True)
    in_use(NEXT)
    (run,) = RefreshRun.objects.all()[read:]
    assert (run.cluster, run.reads) == (shop, False)
    done = refresh(run.pk)
    assert done is not None
    assert (done.state, done.message) == ("done", "Analysed anew; the cluster was not read.")
    summary = ClusterSummary.objects.get(cluster=shop)
    assert (summary.hostset["name"], summary.hostset["edition"]) == ("speedscale", "2026-11")
    for scope in ScopeVerdicts.objects.filter(cluster=shop):
        assert (scope.hostset, scope.edition) == ("speedscale", "2026-11")
        assert sorted(scope.verdicts) == [
            "app.speedscale.com",
            "firehose.us-east-1.amazonaws.com",
            "telemetry.speedscale.com",
        ]
    finding = Finding.objects.get(cluster=shop, code="SS01", resolved_at=None)
    assert "telemetry.speedscale.com" in finding.message
    assert finding.hostset == "speedscale, edition 2026-11"


def test_two_acts_ask_for_one_analysis(shop: Cluster) -> None:
    in_use(NEXT)
    in_use(CARDS)
    assert RefreshRun.objects.filter(cluster=shop, trigger=RefreshRun.ANALYSIS, state="queued").count() == 1


def test_another_set_is_looked_at_where_it_is_in_use_and_needed_where_that_was_said(shop: Cluster) -> None:
    other = read_into(make_cluster("other"))
    in_use(CARDS, "pay*", cluster="sh*")
    for cluster in (shop, other):
        analyse_cluster(cluster)
    assert not ScopeVerdicts.objects.filter(cluster=other, hostset="cards").exists()
    rows = ScopeVerdicts.objects.filter(cluster=shop, hostset="cards")
    assert rows.count() == ScopeVerdicts.objects.filter(cluster=shop, hostset="speedscale").count()
    assert {host for row in rows for host in row.verdicts} == {
        "api.cards.example",
        "reports.cards.example:8443",
    }
    finding = Finding.objects.get(code="MC140")
    assert (finding.cluster, finding.name, finding.severity) == (shop, "payments", "error")
    assert finding.hostset == "cards, edition 7"
    retire(actor=administrator(), name="cards", reason="The contract has ended.")
    analyse_cluster(shop)
    assert not ScopeVerdicts.objects.filter(hostset="cards").exists()
    assert not Finding.objects.filter(code="MC140", resolved_at=None).exists()


def test_no_more_hosts_are_in_use_than_can_be_worked_out(shop: Cluster) -> None:
    rows = "\n".join(f"  - {{host: h{number}.example, tier: required}}" for number in range(100))
    for name in ("one", "two"):
        in_use(f"set: {name}\nedition: e1\nsource: s\nhosts:\n{rows}\n")
    added(CARDS)
    with pytest.raises(WrongStateError, match="200 hosts are in use"):
        adopt(actor=administrator(), name="cards", number=1, reason="x")
    place = Place(namespaces=("a",))
    adopt(actor=administrator(), name="two", number=1, reason="The same, elsewhere.", place=place)
    retire(actor=administrator(), name="two", reason="x")
    adopt(actor=administrator(), name="cards", number=1, reason="x")


def test_a_set_that_nobody_needs_is_only_looked_at(shop: Cluster) -> None:
    in_use(CARDS)
    analyse_cluster(shop)
    assert ScopeVerdicts.objects.filter(hostset="cards").exists()
    assert not Finding.objects.filter(code="MC140").exists()


def test_what_an_edition_would_do_is_known_before_it_is_in_force(shop: Cluster) -> None:
    row = hosteditions.edition_of(added(NEXT))
    found = effect(shop, row.hostset)
    (new,) = found.hosts
    assert new.host.host == "telemetry.speedscale.com"
    assert 0 < new.blocked <= found.scopes
    assert new.needing > 0
    assert len(found.gone) == 10
    adopt(actor=administrator(), name="speedscale", number=2, reason="x")
    analyse_cluster(shop)
    after = ScopeVerdicts.objects.filter(cluster=shop)
    blocked = [s for s in after if "blocked" in s.verdicts["telemetry.speedscale.com"]]
    assert (len(blocked), sum(s.workload_count for s in blocked)) == (new.blocked, new.workloads)
    assert effect(shop, row.hostset).hosts == ()
