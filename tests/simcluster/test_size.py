"""The scenarios of `size/`: they have what they promise, and are served. Counts only, no times."""

import http.client
import json
import ssl
from collections import Counter
from typing import Any

from apps.simcluster.fleet import ClusterSpec, SimulatedCluster, SimulatedFleet
from apps.simcluster.scenario import SCENARIOS, Scenario, load, load_fleet

SIZE = SCENARIOS / "size"
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")


def spec(scenario: Scenario) -> ClusterSpec:
    return ClusterSpec(
        scenario.name, scenario.manifests, served=scenario.served_versions, writers=scenario.managers
    )


def get(cluster: SimulatedCluster, path: str) -> dict[str, Any]:
    context = ssl.create_default_context(cadata=cluster.ca_pem)
    connection = http.client.HTTPSConnection("127.0.0.1", cluster.port, context=context, timeout=60)
    connection.request("GET", path, headers={"Authorization": f"Bearer {cluster.token()}"})
    answer = connection.getresponse()
    body: dict[str, Any] = json.loads(answer.read())
    connection.close()
    assert answer.status == 200
    return body


def test_the_large_cluster_has_2000_workloads_and_10000_pods_and_serves_them() -> None:
    scenario = load(SIZE / "ten-thousand-pods.yaml")
    kinds = Counter(manifest["kind"] for manifest in scenario.manifests)
    assert sum(kinds[kind] for kind in WORKLOADS) == 2_000
    assert (kinds["Pod"], kinds["Namespace"]) == (10_000, 200)
    with SimulatedFleet([spec(scenario)]) as fleet:
        page = get(fleet[scenario.name], "/api/v1/pods?limit=500")
    assert (len(page["items"]), page["metadata"]["remainingItemCount"]) == (500, 9_500)


def test_a_hundred_clusters_start_in_one_process_and_each_answers() -> None:
    scenarios = load_fleet(SIZE / "hundred-clusters.yaml")
    with SimulatedFleet(spec(scenario) for scenario in scenarios) as fleet:
        found = {
            name: len(get(cluster, "/api/v1/namespaces/pos/pods")["items"])
            for name, cluster in fleet.clusters.items()
        }
    assert found == {f"edge-{number:03}": 6 for number in range(1, 101)}


def test_a_running_cluster_keeps_no_second_copy_of_its_objects() -> None:
    scenario = next(load_fleet(SIZE / "hundred-clusters.yaml"))
    with SimulatedFleet([spec(scenario)]) as fleet:
        assert fleet[scenario.name].spec.manifests == ()
