"""Workload kinds, and the PodGroups manifest that stands for a workload's pods."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from apps.mesh.objects.workloads import Container, ContainerPort, PodGroup, PodTemplate, Workload
from apps.mesh.parsing.fields import Fields, metadata
from apps.mesh.refs import ResourceRef


@dataclass(frozen=True, slots=True)
class OwnedGroups:
    """The pods of one workload, before they are joined to it."""

    ref: ResourceRef
    owner: ResourceRef
    groups: tuple[PodGroup, ...]


@dataclass(frozen=True, slots=True)
class ParsedWorkload:
    """A workload and its controlling owner (None for one that nobody owns)."""

    workload: Workload
    owner: ResourceRef | None


def workload(fields: Fields, ref: ResourceRef) -> ParsedWorkload:
    spec = fields.child("spec")
    if ref.kind == "CronJob":
        template = spec.child("jobTemplate").child("spec").child("template")
    elif ref.kind == "Pod":
        template = fields
    else:
        template = spec.child("template")
    found = Workload(
        **metadata(fields, ref), template=_template(template), replicas=spec.number("replicas"), pod_groups=()
    )
    return ParsedWorkload(found, controller(fields, ref.namespace))


def controller(fields: Fields, namespace: str) -> ResourceRef | None:
    """The owner that controls the object, as `metadata.ownerReferences` names it."""
    owners = fields.child("metadata").items("ownerReferences")
    for owner in owners:
        if owner.flag("controller"):
            return ResourceRef(owner.text("kind"), namespace, owner.text("name"))
    return None


def pod_groups(fields: Fields, ref: ResourceRef) -> OwnedGroups:
    owner = fields.child("owner")
    groups = tuple(
        PodGroup(
            pod=_pod(item, item),
            phase=item.text("phase", "Running"),
            count=item.number("count") or 0,
            samples=item.texts("samples"),
        )
        for item in fields.items("groups")
    )
    return OwnedGroups(ref, ResourceRef(owner.text("kind"), ref.namespace, owner.text("name")), groups)


def _template(fields: Fields) -> PodTemplate:
    meta = fields.child("metadata")
    return _pod(meta, fields.child("spec"))


def _pod(meta: Fields, spec: Fields) -> PodTemplate:
    return PodTemplate(
        labels=meta.labels("labels"),
        annotations=meta.labels("annotations"),
        containers=_containers(spec, "containers"),
        init_containers=_containers(spec, "initContainers"),
        host_network=spec.flag("hostNetwork"),
        service_account=spec.text("serviceAccountName") or spec.text("serviceAccount"),
    )


def _containers(spec: Fields, key: str) -> tuple[Container, ...]:
    return tuple(
        [
            _container(
                item.text("name"),
                item.text("image"),
                item.text("restartPolicy"),
                tuple([env.text("name") for env in item.items("env")]),
                tuple([_port(port) for port in item.items("ports")]),
            )
            for item in spec.items(key)
        ]
    )


def _port(item: Fields) -> ContainerPort:
    return ContainerPort(
        item.number("containerPort") or 0, item.text("name"), item.text("protocol", "TCP").upper()
    )


# A cluster has few containers that differ: the proxy's is the same in thousands of pods.
_container = lru_cache(maxsize=4096)(Container)
