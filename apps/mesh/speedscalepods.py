"""What Speedscale's operator adds to a pod, and how many pods of a workload carry it. Names as Speedscale
ships them (operator-helm charts 2.0.0 to 2.5.1145, docs.speedscale.com).

Knows nothing of what asks for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from apps.mesh.objects.workloads import PodTemplate, Workload

SIDECAR_NAME = "speedscale-goproxy"
SIDECAR_CONTAINER = re.compile(r"(speedscale-)?goproxy(-[0-9a-f]{5,})?")
SIDECAR_IMAGE = re.compile(r".*/goproxy([:@].*)?")
VENDOR = "speedscale"
INIT_PREFIX = "speedscale-initproxy-"
JAVA_AGENT_INIT = "speedscale-initproxy-java-agent"
RESPONDER_INIT = "speedscale-initproxy-responder"
INJECTED = "sidecar.speedscale.com/injected"


@dataclass(frozen=True, slots=True)
class CarryingPods:
    """How many pods live, and how many of them carry what Speedscale adds: its proxy, its Java agent, the
    answers of a replay; `templated` is whether the template carries the proxy."""

    total: int
    proxied: int
    with_agent: int
    mocked: int
    templated: bool

    @classmethod
    def of(cls, workload: Workload, *, asked: bool) -> CarryingPods:
        """Of the pods of a workload; `asked` is whether something asks for capture there."""
        groups, proxied = workload.live_groups, has_sidecar if asked else _unasked_sidecar

        def counted(test: Callable[[PodTemplate], bool]) -> int:
            return sum([group.count for group in groups if test(group.pod)])

        total = sum([group.count for group in groups])
        templated = proxied(workload.template)
        return cls(total, counted(proxied), counted(has_java_agent), counted(_is_mocked), templated)


def has_sidecar(pod: PodTemplate, *, asked: bool = True) -> bool:
    """Whether a pod carries Speedscale's proxy, by container name, else by image. Where nobody asked for it,
    only what has Speedscale's name counts: other things are called goproxy too, one for Go's modules."""
    found = [item for item in pod.containers if _is_sidecar(item.name, item.image)]
    if asked or not found or INJECTED in pod.labels:
        return bool(found)
    inits = (item.name for item in pod.init_containers)
    named = any(VENDOR in text for item in found for text in (item.name, item.image))
    return named or any(name.startswith(INIT_PREFIX) for name in inits)


def has_java_agent(pod: PodTemplate) -> bool:
    return any(container.name == JAVA_AGENT_INIT for container in pod.init_containers)


def sidecar_version(pod: PodTemplate) -> str:
    """The tag of the image of Speedscale's proxy in a pod, without a leading v; "" where there is none."""
    found = (tag_of(item.image) for item in pod.containers if _is_sidecar(item.name, item.image))
    return next(found, "")


def tag_of(image: str) -> str:
    """The tag of an image, without a leading v; "" for one named by digest alone."""
    name, _, tag = image.partition("@")[0].rpartition(":")
    return tag.removeprefix("v") if name and "/" not in tag else ""


@lru_cache(maxsize=4096)
def _is_sidecar(name: str, image: str) -> bool:
    return bool(SIDECAR_CONTAINER.fullmatch(name) or SIDECAR_IMAGE.fullmatch(image))


def _unasked_sidecar(pod: PodTemplate) -> bool:
    return has_sidecar(pod, asked=False)


def _is_mocked(pod: PodTemplate) -> bool:
    return any(container.name == RESPONDER_INIT for container in pod.init_containers)
