"""Pods as they stream in: decoded into the few fields that matter, counted by what they have in common.

Pods of one owner that are alike are counted once here, so that folding is done for hundreds of
signatures and not for ten thousand pods. Structs with `gc=False`: the collector need not walk them.
"""

from __future__ import annotations

from bisect import insort
from typing import Any

import msgspec

from apps.mesh.parsing.folding import MAX_SAMPLES, PodFolder


class Owner(msgspec.Struct, frozen=True, gc=False):
    kind: str = ""
    name: str = ""
    controller: bool = False


class Port(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    name: str = ""
    containerPort: int = 0  # noqa: N815
    protocol: str = "TCP"


class Container(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    name: str = ""
    image: str = ""
    restartPolicy: str = ""  # noqa: N815
    ports: tuple[Port, ...] | None = None


class Meta(msgspec.Struct, gc=False):
    name: str = ""
    namespace: str = ""
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    ownerReferences: tuple[Owner, ...] | None = None  # noqa: N815


class Spec(msgspec.Struct, gc=False):
    containers: tuple[Container, ...] | None = None
    initContainers: tuple[Container, ...] | None = None  # noqa: N815
    hostNetwork: bool = False  # noqa: N815
    serviceAccountName: str = ""  # noqa: N815


class Status(msgspec.Struct, gc=False):
    phase: str = "Running"


class Pod(msgspec.Struct, gc=False):
    """The fields of a Pod that anybody reads, under Kubernetes' own names."""

    metadata: Meta = msgspec.field(default_factory=Meta)
    spec: Spec = msgspec.field(default_factory=Spec)
    status: Status = msgspec.field(default_factory=Status)


class PodCounter:
    """Takes pods one by one and forgets them; `fold` hands each distinct one to a PodFolder."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: dict[tuple[Any, ...], tuple[Pod, list[str], list[int]]] = {}

    def add(self, pod: Pod) -> None:
        """Counts one pod."""
        meta, spec = pod.metadata, pod.spec
        kept = meta.annotations
        if kept:
            kept = {key: kept[key] for key in kept if "istio.io/" in key or "speedscale.com/" in key}
            meta.annotations = kept
        signature = (
            meta.namespace,
            meta.ownerReferences or meta.name,  # a pod that nobody owns is a workload of its own
            spec.containers,
            spec.initContainers,
            tuple(meta.labels.items()) if meta.labels else None,
            tuple(kept.items()) if kept else None,
            spec.hostNetwork,
            spec.serviceAccountName,
            pod.status.phase,
        )
        known = self._seen.get(signature)
        if known is None:
            self._seen[signature] = (pod, [meta.name], [1])
            return
        known[2][0] += 1
        names = known[1]
        if len(names) < MAX_SAMPLES or meta.name < names[-1]:
            insort(names, meta.name)
            del names[MAX_SAMPLES:]

    def fold(self, folder: PodFolder) -> None:
        """Adds everything that was counted to the folder."""
        for pod, names, count in self._seen.values():
            folder.add(msgspec.to_builtins(pod), count=count[0], names=names)
