"""The loop does nothing without need, and goes on after a restart."""

from pathlib import Path
from typing import Any

import pytest

from apps.simcluster.behaviour.loop import Loop
from apps.simcluster.behaviour.options import Behaviour
from apps.simcluster.cluster import new_cluster
from apps.simcluster.controllers import Controllers, settle
from apps.simcluster.definitions import istio_definitions
from apps.simcluster.journal import Journal
from apps.simcluster.scenario import SCENARIOS, load
from apps.simcluster.seeding import seed
from apps.simcluster.store import Store
from tests.simcluster.behaviour.playing import APPS, Play, images, workload


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_scenario_is_at_rest_even_when_everything_is_looked_at(path: Path) -> None:
    scenario = load(path)
    cluster = new_cluster(scenario.name, Store(), [])
    seed(cluster, [*istio_definitions(scenario.served_versions), *scenario.manifests], scenario.managers)
    settle(cluster)
    controllers = Controllers(cluster, scenario.behaviour)
    revision = cluster.store.revision
    for _ in range(2):
        controllers.tick()
    assert cluster.store.revision == revision
    loop = Loop(cluster, Behaviour(workloads=True))
    loop.look_at_everything()
    for _ in range(2):
        loop.step(60)
    assert loop.next_due is None
    assert cluster.store.revision == revision


def test_a_cluster_where_nothing_happens_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    play = Play()
    play.make(workload("Deployment", replicas=2))
    play.run(5)
    assert play.controllers.idle
    looked: list[Any] = []
    monkeypatch.setattr(Loop, "_do", lambda _, work: looked.append(work))
    play.run(5)
    assert looked == []


def test_a_change_is_work_for_its_own_workload_only(monkeypatch: pytest.MonkeyPatch) -> None:
    play = Play()
    for name in ("cart", "search"):
        play.make(workload("Deployment", name, replicas=2))
    play.run(5)
    looked: set[tuple[str, str]] = set()
    do = Loop._do

    def note(loop: Loop, work: Any) -> None:
        looked.add((work.task, work.name))
        do(loop, work)

    monkeypatch.setattr(Loop, "_do", note)
    play.patch(f"{APPS}/deployments/cart", {"metadata": {"labels": {"team": "shop"}}})
    play.run(5)
    assert {name for _, name in looked} == {"cart"}


def test_a_rollout_goes_on_after_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "store.sqlite3"
    store = Store(Journal(file))
    before = Play(store=store)
    before.make(workload("Deployment", replicas=3))
    before.run(5)
    before.image(f"{APPS}/deployments/cart", "shop/cart:2")
    before.tick()
    assert set(images(before.pods())) == {"shop/cart:1", "shop/cart:2"}
    store.close()
    after = Play(store=Store(Journal(file)))
    after.time = before.time
    after.run(10)
    assert images(after.pods()) == ["shop/cart:2"] * 3


def test_without_behaviour_nothing_is_played() -> None:
    play = Play()
    play.controllers = Controllers(play.cluster, Behaviour())
    play.make(workload("Deployment", replicas=2))
    play.controllers.tick()
    assert play.pods() == []
