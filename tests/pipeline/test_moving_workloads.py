"""Workloads move all the time, by their controllers: what was approved is written all the same, or not."""

from __future__ import annotations

import pytest

from apps.changes.lifecycle import State
from tests.factories.shop import Shop, fresh
from tests.pipeline.test_rollout import ANNOTATED
from tests.pipeline.test_rollout_hostile import applied, at_the_write

pytestmark = pytest.mark.django_db(transaction=True)
LEDGER = "/apis/apps/v1/namespaces/payments/deployments/ledger"


def test_a_status_that_moves_in_the_moment_of_writing_has_it_tried_anew(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = shop.live("Deployment", "payments", "ledger")["metadata"]["generation"]
    change = shop.queued(ANNOTATED)
    status = {"status": {"observedGeneration": 7}}
    at_the_write(monkeypatch, lambda: shop.rogue("PATCH", f"{LEDGER}/status", status))
    assert applied(change) == State.VERIFYING, fresh(change).state_message
    assert shop.live("Deployment", "payments", "ledger")["metadata"]["generation"] == before + 1


def test_what_is_written_and_moves_in_that_moment_is_not_overwritten(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = shop.queued(ANNOTATED)
    theirs = {"proxy.istio.io/config": "{}"}
    body = {"spec": {"template": {"metadata": {"annotations": theirs}}}}
    at_the_write(monkeypatch, lambda: shop.rogue("PATCH", LEDGER, body))
    assert applied(change) == State.STALE
    annotations = shop.live("Deployment", "payments", "ledger")["spec"]["template"]["metadata"]["annotations"]
    assert annotations["proxy.istio.io/config"] == "{}"
