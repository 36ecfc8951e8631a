"""Lightkube, a client of its own making, works on a simulated cluster as on any other."""

import asyncio
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
import yaml
from lightkube import ApiError, AsyncClient, Client, KubeConfig
from lightkube.core.exceptions import ObjectDeleted
from lightkube.generic_resource import GenericNamespacedResource, create_namespaced_resource
from lightkube.models.apps_v1 import DeploymentSpec
from lightkube.models.core_v1 import Container, ContainerPort, PodSpec, PodTemplateSpec
from lightkube.models.meta_v1 import LabelSelector, ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, Namespace
from lightkube.types import PatchType

from apps.simcluster.fleet import ClusterSpec, SimulatedCluster, SimulatedFleet

NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
ServiceEntry = create_namespaced_resource("networking.istio.io", "v1", "ServiceEntry", "serviceentries")


def config_map(name: str, **labels: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace="shop", labels=labels), data={"key": "1"})


def entry(name: str, *hosts: str) -> GenericNamespacedResource:
    meta = ObjectMeta(name=name, namespace="shop")
    return ServiceEntry(metadata=meta, spec={"hosts": list(hosts), "resolution": "NONE"})


def deployment(name: str) -> Deployment:
    labels = {"app": name}
    container = Container(name="app", image="shop:1", ports=[ContainerPort(containerPort=8080)])
    template = PodTemplateSpec(metadata=ObjectMeta(labels=labels), spec=PodSpec(containers=[container]))
    spec = DeploymentSpec(selector=LabelSelector(matchLabels=labels), template=template)
    return Deployment(metadata=ObjectMeta(name=name, namespace="shop"), spec=spec)


def names(found: Iterable[Any]) -> list[str]:
    return [item.metadata.name for item in found]


@pytest.fixture(scope="module")
def cluster() -> Iterator[SimulatedCluster]:
    with SimulatedFleet([ClusterSpec("light", manifests=[NAMESPACE])]) as fleet:
        yield fleet["light"]


def settings(cluster: SimulatedCluster) -> KubeConfig:
    return KubeConfig.from_dict(yaml.safe_load(cluster.kubeconfig()))


@pytest.fixture(scope="module")
def kube(cluster: SimulatedCluster) -> Client:
    return Client(config=settings(cluster), namespace="shop", field_manager="lightkube")


def test_objects_are_made_read_listed_and_deleted(kube: Client) -> None:
    kube.create(config_map("one", app="web"))
    assert kube.get(ConfigMap, "one").data == {"key": "1"}
    assert [item.metadata.name for item in kube.list(ConfigMap, labels={"app": "web"}) if item.metadata] == [
        "one"
    ]
    assert "shop" in {item.metadata.name for item in kube.list(Namespace) if item.metadata}
    kube.delete(ConfigMap, "one")
    with pytest.raises(ApiError) as refused:
        kube.get(ConfigMap, "one")
    assert (refused.value.status.code, refused.value.status.reason) == (404, "NotFound")


def test_a_list_in_chunks_is_the_whole_list(kube: Client) -> None:
    for number in range(5):
        kube.create(config_map(f"chunk-{number}", chunk="yes"))
    found = [
        item.metadata.name
        for item in kube.list(ConfigMap, labels={"chunk": "yes"}, chunk_size=2)
        if item.metadata
    ]
    assert found == [f"chunk-{number}" for number in range(5)]


def test_each_kind_of_patch_is_taken(kube: Client) -> None:
    kube.create(config_map("patched"))
    merged = kube.patch(ConfigMap, "patched", {"data": {"two": "2"}}, patch_type=PatchType.MERGE)
    assert merged.data == {"key": "1", "two": "2"}
    operations = [{"op": "remove", "path": "/data/two"}]
    assert kube.patch(ConfigMap, "patched", operations, patch_type=PatchType.JSON).data == {"key": "1"}
    assert kube.patch(ConfigMap, "patched", {"data": {"key": "3"}}).data == {"key": "3"}


def test_an_apply_of_another_manager_conflicts_until_it_is_forced(kube: Client) -> None:
    kube.apply(entry("api", "a.example.com"))
    with pytest.raises(ApiError) as refused:
        kube.apply(entry("api", "b.example.com"), field_manager="other")
    assert refused.value.status.code == 409
    assert 'conflict with "lightkube"' in str(refused.value.status.message)
    forced = kube.apply(entry("api", "b.example.com"), field_manager="other", force=True)
    assert forced["spec"]["hosts"] == ["b.example.com"]
    rehearsed = kube.apply(entry("api", "c.example.com"), field_manager="other", dry_run=True)
    assert rehearsed["spec"]["hosts"] == ["c.example.com"]
    assert kube.get(ServiceEntry, "api")["spec"]["hosts"] == ["b.example.com"]


def test_a_watch_tells_what_happens(kube: Client) -> None:
    start = kube.create(config_map("seen")).metadata
    assert start is not None
    kube.patch(ConfigMap, "seen", {"data": {"key": "4"}})
    kube.delete(ConfigMap, "seen")
    stream = kube.watch(
        ConfigMap, fields={"metadata.name": "seen"}, resource_version=start.resourceVersion, server_timeout=5
    )
    assert [next(stream)[0], next(stream)[0]] == ["MODIFIED", "DELETED"]


def test_a_wait_ends_with_the_condition(kube: Client) -> None:
    made: Any = kube.create(deployment("web"))
    assert made.spec.template.spec.containers[0].ports == [ContainerPort(containerPort=8080, protocol="TCP")]
    status = {"status": {"conditions": [{"type": "Available", "status": "True"}]}}

    def become_available() -> None:
        kube.patch(Deployment.Status, "web", status, patch_type=PatchType.MERGE)

    later = threading.Timer(0.3, become_available)
    later.start()
    found: Any = kube.wait(Deployment, "web", for_conditions=["Available"])
    later.join()
    assert ("Available", "True") in [(item.type, item.status) for item in found.status.conditions]
    scale: Any = kube.get(Deployment.Scale, "web")
    assert scale.spec.replicas == 1


def test_a_wait_for_what_is_deleted_says_so(kube: Client) -> None:
    kube.create(deployment("short"))
    later = threading.Timer(0.3, lambda: kube.delete(Deployment, "short"))
    later.start()
    with pytest.raises(ObjectDeleted):
        kube.wait(Deployment, "short", for_conditions=["Never"])
    later.join()


def test_the_asynchronous_client_does_the_same(cluster: SimulatedCluster) -> None:
    async def scene() -> tuple[list[str], list[str]]:
        client = AsyncClient(config=settings(cluster), namespace="shop", field_manager="async")
        made = await client.apply(entry("asynchronous", "a.example.com"))
        assert made.metadata is not None
        await client.patch(
            ServiceEntry, "asynchronous", {"spec": {"hosts": ["b.example.com"]}}, patch_type=PatchType.MERGE
        )
        await client.delete(ServiceEntry, "asynchronous")
        events = []
        async for event, _ in client.watch(
            ServiceEntry,
            fields={"metadata.name": "asynchronous"},
            resource_version=made.metadata.resourceVersion,
            server_timeout=5,
        ):
            events.append(event)
            if event == "DELETED":
                break
        spaces = names([item async for item in client.list(Namespace)])
        await client.close()
        return events, spaces

    events, spaces = asyncio.run(scene())
    assert events == ["MODIFIED", "DELETED"]
    assert "shop" in spaces
