"""The settings of a single proxy that decide where its connections go: DNS capture and interception.

Follows pilot/pkg/model/proxy_config.go (EffectiveProxyConfig): a ProxyConfig that selects the pod, then the
pod's annotation, then its namespace's, then the root namespace's, then MeshConfig's. What comes out stands in
the proxy's environment, which goes before the annotation once more (pkg/bootstrap/config.go,
GetNodeMetaData). The rest does not matter here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache

from apps.mesh.inforce import in_force
from apps.mesh.meshconfig import DNS_CAPTURE, ControlPlane, is_true
from apps.mesh.meshfields import proxy_config
from apps.mesh.objects.config import ProxyConfig
from apps.mesh.objects.selectors import is_subset
from apps.mesh.objects.workloads import PodTemplate
from apps.mesh.snapshot import Snapshot
from apps.mesh.visibility import in_revision

ANNOTATION = "proxy.istio.io/config"


def interception(annotations: Mapping[str, str]) -> str:
    """The mode that the pod's own proxy configuration asks for; "" for none."""
    return _own(annotations.get(ANNOTATION, ""))[0]


def plane_of_proxy(snapshot: Snapshot, plane: ControlPlane, namespace: str, pod: PodTemplate) -> ControlPlane:
    """The control plane as this proxy has it: the same, unless its own settings capture DNS where the
    mesh's do not, or the other way round."""
    if ANNOTATION not in pod.annotations and not snapshot.each(ProxyConfig):
        return plane
    given = next((text for text in _asked(snapshot, plane, namespace, pod) if text), "")
    captures = is_true(given) if given else plane.config.dns_capture
    return capturing(plane, captures)


def capturing(plane: ControlPlane, captures: bool) -> ControlPlane:
    """The control plane as proxies have it that capture DNS, or do not."""
    if captures == plane.config.dns_capture:
        return plane
    return replace(plane, config=replace(plane.config, dns_capture=captures))


def _asked(snapshot: Snapshot, plane: ControlPlane, namespace: str, pod: PodTemplate) -> Iterator[str]:
    """What each says of DNS capture, the strongest first; "" where it says nothing."""
    read = (item for item in in_force(snapshot, ProxyConfig) if in_revision(item.labels, plane.revision))
    found = sorted(read, key=lambda item: item.age_key)
    own = [item for item in found if item.namespace == namespace]
    yield from _first(item for item in own if item.selector and is_subset(item.selector, pod.labels))
    yield _own(pod.annotations.get(ANNOTATION, ""))[1]
    yield from _first(item for item in own if item.selector is None)
    root = plane.config.root_namespace
    yield from _first(item for item in found if item.namespace == root and item.selector is None)


def _first(found: Iterator[ProxyConfig]) -> Iterator[str]:
    chosen = next(found, None)
    if chosen is not None:
        yield chosen.environment.get(DNS_CAPTURE, "")


@lru_cache(maxsize=256)
def _own(text: str) -> tuple[str, str]:
    values = proxy_config(text) if text else {}
    return values.get("interceptionMode", ""), values.get("proxyMetadata", {}).get(DNS_CAPTURE, "")
