"""A small cluster with Istio and Speedscale that runs, made from a scenario file, and writes to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from apps.simcluster.fleet import ClusterSpec, SimulatedCluster, SimulatedFleet
from apps.simcluster.scenario import Scenario, load
from tests.factories.fleet import client

Json = dict[str, Any]
MERGE = {"Content-Type": "application/merge-patch+json"}
PODS, DEPLOYMENTS = "/api/v1/namespaces/{}/pods", "/apis/apps/v1/namespaces/{}/deployments"
HEAD: Json = {
    "name": "tiny",
    "environment": "lab",
    "region": "eu-central-1",
    "owner_team": "platform",
    "kubernetes_version": "v1.32.9",
    "nodes": 1,
    "served_versions": {"networking.istio.io": ["v1"], "security.istio.io": ["v1"], "speedscale.com": ["v1"]},
    "users": [{"name": "console-reader", "role": "reader"}],
    "speedscale": {"version": "2.5.602"},
}
REVISIONS = [
    {"name": "default", "version": "1.27.3", "mesh": {"trustDomain": "shop.example"}},
    {"name": "canary", "version": "1.28.1", "mesh": {}},
]


class Installed:
    """The cluster, an administrator's client, and what the scenario seeded."""

    def __init__(self, cluster: SimulatedCluster, http: httpx.Client, scenario: Scenario) -> None:
        self.cluster, self.http, self.scenario = cluster, http, scenario

    def seeded(self, kind: str, name: str, namespace: str = "shop") -> Json:
        """One seeded manifest; a pod by the value of its label `app`."""
        for row in self.scenario.manifests:
            meta = row["metadata"]
            found = meta.get("labels", {}).get("app") if kind == "Pod" else meta["name"]
            if (row["kind"], meta.get("namespace"), found) == (kind, namespace, name):
                return row
        raise LookupError(name)

    def get(self, path: str) -> Json:
        answer = self.http.get(path)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def post(self, path: str, body: Json, **params: str) -> httpx.Response:
        return self.http.post(path, json=body, params=params)

    def merge(self, path: str, change: Json, **params: str) -> httpx.Response:
        return self.http.patch(path, json=change, headers=MERGE, params=params)

    def annotate(self, name: str, namespace: str = "shop", **annotations: str | None) -> httpx.Response:
        """Change annotations of a Deployment; names are looked up in ANNOTATIONS."""
        change = {ANNOTATIONS[short]: value for short, value in annotations.items()}
        path = f"{DEPLOYMENTS.format(namespace)}/{name}"
        return self.merge(path, {"metadata": {"annotations": change}})

    def deployment(self, name: str, namespace: str = "shop") -> Json:
        return self.get(f"{DEPLOYMENTS.format(namespace)}/{name}")

    def end_pods(self, namespace: str, app: str) -> None:
        """Pods that are simply not there any more, and nobody who would make new ones."""
        store = self.cluster.store
        for key in ("daemonsets.apps", "deployments.apps", "replicasets.apps", "pods"):
            for stored in store.within(key, namespace):
                if stored.labels.get("app") != app:
                    continue
                if key in ("daemonsets.apps", "pods"):
                    store.remove(key, namespace, stored.name)
                else:
                    obj = stored.object()
                    store.put(key, {**obj, "spec": {**obj["spec"], "replicas": 0}})


ANNOTATIONS = {
    "inject": "sidecar.speedscale.com/inject",
    "tls_out": "sidecar.speedscale.com/tls-out",
    "enabled": "capture.speedscale.com/enabled",
    "java": "capture.speedscale.com/java-agent",
    "ignore": "operator.speedscale.com/ignore",
}


@contextmanager
def installed(folder: Path, namespaces: Json, **istio: Any) -> Iterator[Installed]:
    """Serve the namespaces; `istio` are further words of the scenario's section."""
    path = folder / "tiny.yaml"
    mesh = {"revisions": REVISIONS, "tags": {"stable": "default"}} | istio
    path.write_text(yaml.safe_dump(HEAD | {"istio": mesh, "namespaces": namespaces}), encoding="utf-8")
    scenario = load(path)
    spec = ClusterSpec("tiny", manifests=scenario.manifests, served=scenario.served_versions)
    with SimulatedFleet([spec]) as fleet, client(fleet["tiny"]) as http:
        yield Installed(fleet["tiny"], http, scenario)


def bare_pod(name: str, **spec: Any) -> Json:
    containers = [{"name": "app", "image": "nginx:1.27"}]
    return {"metadata": {"name": name}, "spec": {"containers": containers, **spec}}


def names(pod: Json) -> list[str]:
    """The containers of a pod or template, init containers first."""
    spec = pod["spec"]
    return [row["name"] for row in [*spec.get("initContainers", []), *spec["containers"]]]
