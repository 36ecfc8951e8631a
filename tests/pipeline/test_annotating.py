"""Annotations that a remedy writes, from the finding to the revert, on a cluster whose controllers run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from apps.analysis.models import Finding
from apps.changes.actions.propose_fix import propose_fix
from apps.changes.actions.revert import revert
from apps.changes.lifecycle import State
from apps.changes.models import ChangeSet
from apps.changes.selectors import current_revision
from apps.pipeline.rollout import apply_change
from apps.pipeline.verifying import verify_change
from tests.factories.shop import SCENARIO, Shop, fresh, items, opened, spec

pytestmark = pytest.mark.django_db(transaction=True)
INJECT = "sidecar.speedscale.com/inject"
ISTIO_CNI = "sidecar.speedscale.com/istio-cni"


@pytest.fixture
def shop(db: None, tmp_path: Path) -> Iterator[Shop]:
    """The shop with Istio's CNI agent, a workload that does not know of it, and one that asks in the wrong
    place."""
    scenario = yaml.safe_load(SCENARIO.read_text())
    scenario["istio"]["cni"] = True
    scenario["behaviour"] = {"pod_start": 0.1, "pod_stop": 0.1}
    scenario["namespaces"]["catalog"]["workloads"] |= {
        "unaware": {"istio_cni": False, "replicas": 2},
        "misplaced": {"speedscale": "template-only", "replicas": 2},
    }
    path = tmp_path / "shop.yaml"
    path.write_text(yaml.safe_dump(scenario))
    with opened(spec(path)) as made:
        yield made


def proposed(shop: Shop, code: str, name: str) -> ChangeSet:
    finding = Finding.objects.get(cluster=shop.cluster, code=code, name=name, resolved_at=None)
    return propose_fix(actor=shop.priya, cluster=shop.cluster, finding=finding)


def run(change: ChangeSet) -> State:
    apply_change(change.pk)
    verify_change(change.pk)
    return State(fresh(change).state)


def codes(shop: Shop, name: str) -> set[str]:
    return set(
        Finding.objects.filter(cluster=shop.cluster, name=name, resolved_at=None).values_list(
            "code", flat=True
        )
    )


def own_annotations(shop: Shop, name: str) -> dict[str, str]:
    found: dict[str, str] = shop.live("Deployment", "catalog", name)["metadata"].get("annotations") or {}
    return found


def containers(shop: Shop, name: str) -> list[list[str]]:
    """The containers of each pod of a workload that is not on its way out."""
    pods = [entry.object() for entry in shop.sim.store.within("pods", "catalog")]
    return [
        [container["name"] for container in pod["spec"]["containers"]]
        for pod in pods
        if pod["metadata"]["labels"].get("app") == name and "deletionTimestamp" not in pod["metadata"]
    ]


def rolled_out(shop: Shop, name: str, wanted: list[str]) -> None:
    """Waits until both pods have these containers."""
    deadline = time.monotonic() + 20
    while (found := sorted(map(sorted, containers(shop, name)))) != [wanted, wanted]:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def read_as(shop: Shop, name: str, wanted: set[str]) -> None:
    """Reads the cluster until these are the findings: pods on their way out count until they are gone."""
    deadline = time.monotonic() + 20
    shop.refresh()
    while (found := codes(shop, name)) != wanted:
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
        shop.refresh()


def test_the_agent_is_declared_and_the_declaration_taken_back(shop: Shop) -> None:
    change = proposed(shop, "SS06", "unaware")
    (item,) = items(change)
    assert item.intent is not None
    assert item.intent["metadata"]["annotations"].keys() == {ISTIO_CNI, "meshconsole.io/op"}
    assert "spec" not in item.intent
    assert "may change the pod template" in change.reason
    before = shop.live("Deployment", "catalog", "unaware")["spec"]
    assert run(shop.approved(shop.submitted(change))) == State.APPLIED, fresh(change).state_message
    assert own_annotations(shop, "unaware")[ISTIO_CNI] == "true"
    assert shop.live("Deployment", "catalog", "unaware")["spec"] == before
    assert "SS06" not in codes(shop, "unaware")
    back = revert(actor=shop.priya, change=fresh(change))
    assert run(shop.approved(shop.submitted(back))) == State.APPLIED, fresh(back).state_message
    assert ISTIO_CNI not in own_annotations(shop, "unaware")
    assert "SS06" in codes(shop, "unaware")


def test_a_wish_in_the_wrong_place_is_moved_and_the_pods_get_what_was_asked_for(shop: Shop) -> None:
    change = proposed(shop, "SS08", "misplaced")
    (item,) = items(change)
    assert item.intent is not None
    assert item.intent["metadata"]["annotations"].keys() == {INJECT, ISTIO_CNI, "meshconsole.io/op"}
    pending = shop.submitted(change)
    risks = current_revision(pending).policy["risks"]
    assert any("its pods are replaced" in risk["text"] for risk in risks)
    assert run(shop.approved(pending)) == State.APPLIED, fresh(change).state_message
    rolled_out(shop, "misplaced", ["istio-proxy", "misplaced", "speedscale-goproxy"])
    read_as(shop, "misplaced", set())
    back = revert(actor=shop.priya, change=fresh(change))
    assert run(shop.approved(shop.submitted(back))) == State.APPLIED, fresh(back).state_message
    assert INJECT not in own_annotations(shop, "misplaced")
    rolled_out(shop, "misplaced", ["istio-proxy", "misplaced"])
    read_as(shop, "misplaced", {"SS06", "SS08"})
