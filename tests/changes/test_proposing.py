"""From a wish to a draft: generated and by hand, simulated and judged; and the dry run on submit."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine

from apps.accounts.models import RoleBinding
from apps.analysis.models import Finding, ScopeVerdicts
from apps.changes.actions.expire import expire_due
from apps.changes.actions.propose_fix import propose_fix
from apps.changes.actions.submit import submit
from apps.changes.actions.validate import validate
from apps.changes.lifecycle import State
from apps.changes.selectors import current_revision
from apps.common import clock
from apps.common.errors import InvalidInputError, PermissionDeniedError
from apps.simcluster.faults import Fault, FaultKind
from tests.factories.shop import HOME_PATH, NEW_ENTRY, SIDECAR, Shop, fresh, items

pytestmark = pytest.mark.django_db(transaction=True)
STS = "sts.amazonaws.com"

PAGE_EXAMPLE = """apiVersion: networking.istio.io/v1
kind: Sidecar
metadata:
  name: default
  namespace: catalog
spec:
  egress:
    - hosts:
        - "speedscale/*"
"""


def blocked_cell(shop: Shop) -> ScopeVerdicts:
    return next(
        row for row in ScopeVerdicts.objects.filter(cluster=shop.cluster) if "blocked" in row.verdicts[STS]
    )


def test_a_cell_of_the_matrix_becomes_the_smallest_change_that_turns_it(shop: Shop) -> None:
    cell = blocked_cell(shop)
    change = propose_fix(actor=shop.priya, cluster=shop.cluster, scope=cell.key, host=STS)
    revision = current_revision(change)
    assert change.state == State.DRAFT
    opened = revision.prediction["shop"]["difference"]["opened"]
    assert STS in {row["host"] for row in opened}
    assert revision.prediction["shop"]["difference"]["newly_broken"] == []
    assert revision.policy["required"] == 2


def test_a_finding_becomes_a_change(shop: Shop) -> None:
    finding = Finding.objects.filter(cluster=shop.cluster, remedy="open-required-hosts").first()
    assert finding is not None
    change = propose_fix(actor=shop.priya, cluster=shop.cluster, finding=finding)
    assert len(items(change)) == 1
    assert change.title.endswith("in shop")


def test_an_entry_that_is_hidden_becomes_a_change_of_its_export(shop: Shop) -> None:
    shop.rogue("PATCH", HOME_PATH, {"spec": {"exportTo": ["."]}})
    shop.refresh()
    finding = Finding.objects.get(cluster=shop.cluster, code="SS02", resolved_at=None)
    change = propose_fix(actor=shop.priya, cluster=shop.cluster, finding=finding)
    (item,) = items(change)
    assert item.intent is not None
    assert item.intent["spec"].keys() == {"exportTo"}
    difference = current_revision(change).prediction["shop"]["difference"]
    assert "gcr.io" in {row["host"] for row in difference["opened"]}
    assert "SS02" in {row["code"] for row in difference["findings_disappear"]}


def test_a_whole_cluster_is_mended_by_one_change(shop: Shop) -> None:
    change = propose_fix(actor=shop.priya, cluster=shop.cluster)
    opened = current_revision(change).prediction["shop"]["difference"]["opened"]
    assert {row["host"] for row in opened} >= {STS, "sts.us-east-1.amazonaws.com"}


def test_the_sidecar_of_the_source_page_is_flagged_with_what_it_would_cut_off(shop: Shop) -> None:
    change = shop.proposed(PAGE_EXAMPLE)
    revision = current_revision(change)
    broken = revision.prediction["shop"]["difference"]["newly_broken"]
    assert broken
    assert broken[0]["namespace"] == "catalog"
    assert broken[0]["blocked"] > 0
    assert revision.policy["level"] == "high"
    assert revision.policy["required"] == 3
    assert any("cut off from" in risk["text"] for risk in revision.policy["risks"])


def test_what_is_there_already_is_no_change(shop: Shop) -> None:
    with pytest.raises(InvalidInputError) as caught:
        shop.proposed(SIDECAR.replace(', "catalog/*"', ""))
    assert caught.value.code == "nothing_to_change"


def test_a_mistake_in_a_paste_names_its_place(shop: Shop) -> None:
    with pytest.raises(InvalidInputError, match=r"Document 1, line 3, metadata\.namespace"):
        shop.proposed(NEW_ENTRY.replace("  namespace: speedscale\n", ""))


def test_who_may_not_propose_there_is_refused(shop: Shop) -> None:
    RoleBinding.objects.filter(user=shop.priya).update(namespace="payments")
    with pytest.raises(PermissionDeniedError):
        shop.proposed()


def test_a_dry_run_that_the_cluster_refuses_brings_the_field_back_to_the_author(shop: Shop) -> None:
    change = shop.proposed(NEW_ENTRY.replace("resolution: NONE", "resolution: NOWHERE"))
    submit(actor=shop.priya, change=change)
    assert validate(change_id=change.pk) == State.DRAFT
    assert "spec.resolution" in fresh(change).state_message
    assert items(change)[0].dry_run["ok"] is False


def test_a_namespace_that_is_not_there_is_said(shop: Shop) -> None:
    change = shop.proposed(NEW_ENTRY.replace("namespace: speedscale", "namespace: nowhere"))
    submit(actor=shop.priya, change=change)
    assert validate(change_id=change.pk) == State.DRAFT
    assert "nowhere" in fresh(change).state_message


def test_a_cluster_without_an_answer_brings_it_back_with_the_reason(shop: Shop) -> None:
    change = shop.proposed()
    submit(actor=shop.priya, change=change)
    shop.sim.faults.add(Fault(FaultKind.RESET, times=1000))
    assert validate(change_id=change.pk, sleep=lambda _: None) == State.DRAFT
    assert "Submit it again later." in fresh(change).state_message


def test_the_dry_run_writes_nothing_and_keeps_what_would_be_there(shop: Shop) -> None:
    revision = shop.sim.store.revision
    change = shop.pending()
    assert shop.sim.store.revision == revision
    item = items(change)[0]
    assert item.dry_run["ok"] is True
    assert item.dry_run["expected"]["spec"]["hosts"][0] == STS
    assert len(current_revision(change).digest) == 64


def test_a_change_that_waits_too_long_expires(shop: Shop) -> None:
    change = shop.pending()
    assert expire_due(now=clock.now()) == 0
    with time_machine.travel(clock.now() + timedelta(days=8)):
        assert expire_due(now=clock.now()) == 1
    assert fresh(change).state == State.EXPIRED
