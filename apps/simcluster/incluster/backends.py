"""Which pod answers for a Service, as the API server finds it when it calls a webhook.

Reads Services and Pods only; it knows neither webhooks nor what the pods do.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from apps.simcluster.cluster import Cluster
from apps.simcluster.errors import quoted
from apps.simcluster.schema import Json
from apps.simcluster.shapes.endpoints import target_number

ROUTED = ("ClusterIP", "LoadBalancer", "NodePort")


class Unreachable(Exception):
    """No pod answers for the Service; the text is kube-apiserver's."""


@dataclass(frozen=True, slots=True)
class Backend:
    """A ready pod and the address that the port of the Service leads to."""

    pod: Json
    address: str


def backend(cluster: Cluster, namespace: str, name: str, port: int) -> Backend:
    """The ready pod behind a port of a Service; raises `Unreachable`.

    Worded as by a server that routes to endpoints (apiserver/pkg/util/proxy), as managed control planes do.
    """
    service = cluster.store.get("services", namespace, name)
    if service is None:
        raise Unreachable(f"service {quoted(name)} not found")
    spec = service.get("spec") or {}
    kind = spec.get("type") or "ClusterIP"
    if kind not in ROUTED:
        raise Unreachable(f"unsupported service type {quoted(kind)}")
    found = next((row for row in spec.get("ports") or () if row.get("port") == port), None)
    if found is None:
        raise Unreachable(f"no service port {port} found for service {quoted(name)}")
    pod = next(ready_pods(cluster, namespace, spec.get("selector") or {}), None)
    if pod is None:
        raise Unreachable(f"no endpoints available for service {quoted(name)}")
    wanted = found.get("targetPort") or port
    number = target_number(pod, wanted) or wanted
    return Backend(pod, f"{pod['status'].get('podIP', '')}:{number}")


def ready_pods(cluster: Cluster, namespace: str, selector: dict[str, str]) -> Iterator[Json]:
    """Ready pods of a namespace whose labels hold the selector; none for an empty selector."""
    for stored in cluster.store.within("pods", namespace) if selector else ():
        if not stored.deleted_at and selector.items() <= stored.labels.items():
            pod = stored.object()
            if _ready(pod):
                yield pod


def _ready(pod: Json) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(row.get("type") == "Ready" and row.get("status") == "True" for row in conditions)
