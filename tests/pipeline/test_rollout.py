"""A change on its way through the workers, against a simulated cluster over TLS."""

from __future__ import annotations

import pytest

from apps.changes.lifecycle import State
from apps.pipeline.rollout import apply_change
from apps.pipeline.verifying import verify_change
from tests.factories.shop import Shop, fresh, items

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_approved_change_is_written_once_verified_and_confirmed(shop: Shop) -> None:
    change = shop.queued()
    assert apply_change(change.pk) == State.VERIFYING, fresh(change).state_message
    assert verify_change(change.pk) == State.APPLIED, fresh(change).state_message
    live = shop.on_cluster("ServiceEntry", "speedscale", "speedscale-sts")
    assert live is not None
    assert live["metadata"]["annotations"]["meshconsole.io/op"] == f"CS-{change.pk}/1/1"
    assert live["metadata"]["managedFields"][0]["manager"] == "meshconsole"
    assert items(change)[0].result == "applied"
