"""The settings of a single proxy that decide where its connections go: DNS capture and interception.

Follows pilot/pkg/model/proxy_config.go (EffectiveProxyConfig): the pod's annotation, then a ProxyConfig that
selects it, then its namespace's, then the root namespace's, then MeshConfig's. The rest does not matter here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache

from apps.mesh.meshconfig import ControlPlane
from apps.mesh.objects.config import ProxyConfig
from apps.mesh.objects.selectors import is_subset
from apps.mesh.objects.workloads import PodTemplate
from apps.mesh.snapshot import Snapshot
from apps.mesh.webhooks import mapping_of

ANNOTATION = "proxy.istio.io/config"
DNS_CAPTURE = "ISTIO_META_DNS_CAPTURE"


def interception(annotations: Mapping[str, str]) -> str:
    """The mode that the pod's own proxy configuration asks for; "" for none."""
    return _own(annotations.get(ANNOTATION, ""))[0]


def plane_of_proxy(snapshot: Snapshot, plane: ControlPlane, namespace: str, pod: PodTemplate) -> ControlPlane:
    """The control plane as this proxy has it: the same, unless its own settings capture DNS where the
    mesh's do not, or the other way round."""
    found = snapshot.each(ProxyConfig)
    if not found and ANNOTATION not in pod.annotations:
        return plane
    given = next((text for text in _asked(found, plane, namespace, pod) if text), "")
    captures = given.lower() == "true" if given else plane.config.dns_capture
    return capturing(plane, captures)


def capturing(plane: ControlPlane, captures: bool) -> ControlPlane:
    """The control plane as proxies have it that capture DNS, or do not."""
    if captures == plane.config.dns_capture:
        return plane
    return replace(plane, config=replace(plane.config, dns_capture=captures))


def _asked(
    configs: Iterable[ProxyConfig], plane: ControlPlane, namespace: str, pod: PodTemplate
) -> Iterator[str]:
    """What each says of DNS capture, the strongest first; "" where it says nothing."""
    yield _own(pod.annotations.get(ANNOTATION, ""))[1]
    found = sorted(configs, key=lambda item: item.age_key)
    own = [item for item in found if item.namespace == namespace]
    yield from _first(item for item in own if item.selector and is_subset(item.selector, pod.labels))
    yield from _first(item for item in own if item.selector is None)
    root = plane.config.root_namespace
    yield from _first(item for item in found if item.namespace == root and item.selector is None)


def _first(found: Iterator[ProxyConfig]) -> Iterator[str]:
    chosen = next(found, None)
    if chosen is not None:
        yield chosen.environment.get(DNS_CAPTURE, "")


@lru_cache(maxsize=256)
def _own(text: str) -> tuple[str, str]:
    values = mapping_of(text) if text else None
    if values is None:
        return "", ""
    given = values.get("proxyMetadata")
    environment = given if isinstance(given, Mapping) else {}
    captures = environment.get(DNS_CAPTURE, "")
    mode = values.get("interceptionMode", "")
    return str(mode), str(captures).lower() if isinstance(captures, bool) else str(captures or "")
