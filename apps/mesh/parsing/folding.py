"""Pods are folded into their workload: one group for each distinct signature, with a count and a few names.

Cost follows workloads afterwards, not pods. Knows only the keys of a Pod's JSON that it reads;
whatever else a pod carries is dropped here.
"""

from __future__ import annotations

import json
import re
from bisect import insort
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from apps.mesh.refs import Manifest

MAX_SAMPLES = 5
STATUS_ANNOTATION = "sidecar.istio.io/status"
VOLATILE_LABELS = frozenset(
    {
        "pod-template-hash",
        "rollouts-pod-template-hash",
        "controller-revision-hash",
        "pod-template-generation",
        "statefulset.kubernetes.io/pod-name",
        "apps.kubernetes.io/pod-index",
        "batch.kubernetes.io/job-completion-index",
        "batch.kubernetes.io/controller-uid",
        "batch.kubernetes.io/job-name",
        "controller-uid",
        "job-name",
    }
)
VOLATILE_ANNOTATIONS = frozenset({"speedscale.com/restartedAt"})
# Istio's own rule for the CronJob behind a Job: pkg/kube/controllers, cronJobNameRegexp.
CRON_JOB_NAME = re.compile(r"(.+)-\d{8,10}")

# What runs these is read itself, and its template says more of ports than its pods do.
WITH_TEMPLATE = frozenset(
    {"CronJob", "DaemonSet", "Deployment", "Job", "ReplicationController", "Rollout", "StatefulSet"}
)

_Owner = tuple[str, str, str]
_Ports = dict[str, set[tuple[int, str, str]]]
_EMPTY: Mapping[str, Any] = {}


class PodFolder:
    """Takes pods one by one and forgets them; gives back one `PodGroups` manifest a workload."""

    __slots__ = ("_groups", "_owners", "_ports")

    def __init__(self) -> None:
        self._ports: dict[_Owner, _Ports] = {}
        self._groups: dict[_Owner, dict[tuple[Any, ...], list[Any]]] = {}
        self._owners: dict[_Owner, tuple[str, str]] = {}

    def add_owner(self, manifest: Manifest) -> None:
        """A ReplicaSet or Job: who controls it is read instead of guessed from the name."""
        meta = _mapping(manifest.get("metadata"))
        owner = _controller(meta)
        if owner is not None:
            key = (
                str(meta.get("namespace") or ""),
                str(manifest.get("kind") or ""),
                str(meta.get("name") or ""),
            )
            self._owners[key] = owner

    def add(self, pod: Manifest, *, count: int = 1, names: Sequence[str] = ()) -> None:
        """Counts one pod, or `count` pods that are alike and whose first names are `names`. Fields of
        a wrong type read as absent."""
        meta = _mapping(pod.get("metadata"))
        spec = _mapping(pod.get("spec"))
        labels = _mapping(meta.get("labels"))
        name = str(meta.get("name") or "")
        controller = _controller(meta) or ("Pod", name)
        owner = (str(meta.get("namespace") or ""), *_workload_of(controller, labels))
        signature = (
            controller if controller[0] in {"ReplicaSet", "Job"} else None,
            str(_mapping(pod.get("status")).get("phase") or "Running"),
            spec.get("hostNetwork") is True,
            str(spec.get("serviceAccountName") or ""),
            tuple(sorted([(str(k), str(v)) for k, v in labels.items() if k not in VOLATILE_LABELS])),
            _annotations(_mapping(meta.get("annotations"))),
            _containers(spec.get("containers")),
            _containers(spec.get("initContainers")),
        )
        if owner[1] not in WITH_TEMPLATE:
            _add_ports(self._ports.setdefault(owner, {}), spec)
        seen = self._groups.setdefault(owner, {})
        entry = seen.get(signature)
        if entry is None:
            seen[signature] = [count, sorted(names or (name,))[:MAX_SAMPLES]]
            return
        entry[0] += count
        kept = entry[1]
        for one in names or (name,):
            if len(kept) < MAX_SAMPLES or one < kept[-1]:
                insort(kept, one)
                del kept[MAX_SAMPLES:]

    def manifests(self) -> list[dict[str, Any]]:
        """A `PodGroups` manifest for each workload, in a stable order."""
        joined: dict[_Owner, dict[tuple[Any, ...], list[Any]]] = {}
        ports: dict[_Owner, _Ports] = {}
        for guessed, groups in self._groups.items():
            for signature, (count, names) in groups.items():
                owner = guessed
                if signature[0] is not None:
                    known = self._owners.get((guessed[0], *signature[0]))
                    owner = (guessed[0], *known) if known else guessed
                if owner[1] not in WITH_TEMPLATE:
                    ports[owner] = self._ports.get(guessed, {})
                merged = joined.setdefault(owner, {}).setdefault(signature[1:], [0, []])
                merged[0] += count
                merged[1] = sorted([*merged[1], *names])[:MAX_SAMPLES]
        return [_manifest(owner, joined[owner], ports.get(owner, {})) for owner in sorted(joined)]


def _manifest(owner: _Owner, groups: dict[tuple[Any, ...], list[Any]], ports: _Ports) -> dict[str, Any]:
    namespace, kind, name = owner
    return {
        "apiVersion": "meshconsole.io/v1",
        "kind": "PodGroups",
        "metadata": {"namespace": namespace, "name": f"{kind.lower()}.{name}"},
        "owner": {"kind": kind, "name": name},
        "groups": [_group(signature, *groups[signature], ports=ports) for signature in sorted(groups)],
    }


def _group(signature: tuple[Any, ...], count: int, names: list[str], *, ports: _Ports) -> dict[str, Any]:
    phase, host_network, account, labels, annotations, containers, init_containers = signature
    return {
        "labels": dict(labels),
        "annotations": dict(annotations),
        "containers": [_container(item, ports) for item in containers],
        "initContainers": [_container(item, ports) for item in init_containers],
        "hostNetwork": host_network,
        "serviceAccount": account,
        "phase": phase,
        "count": count,
        "samples": names,
    }


def _container(item: tuple[str, str, str], ports: _Ports) -> dict[str, Any]:
    name, image, restart = item
    found: dict[str, Any] = {"name": name, "image": image}
    if restart:
        found["restartPolicy"] = restart
    if ports.get(name):
        found["ports"] = [
            {"containerPort": number, "name": called, "protocol": protocol}
            for number, called, protocol in sorted(ports[name])
        ]
    return found


def _add_ports(known: _Ports, spec: Mapping[str, Any]) -> None:
    """Adds what the containers declare. Ports are no part of a signature: all pods of a workload have
    the same, and where a rollout changes them both are true for its while."""
    for key in ("containers", "initContainers"):
        items = spec.get(key)
        for item in map(_mapping, items if isinstance(items, list | tuple) else ()):
            declared = item.get("ports")
            for port in map(_mapping, declared if isinstance(declared, list | tuple) else ()):
                number = port.get("containerPort")
                if isinstance(number, int) and not isinstance(number, bool):
                    called, protocol = str(port.get("name") or ""), str(port.get("protocol") or "TCP")
                    known.setdefault(str(item.get("name") or ""), set()).add((number, called, protocol))


def _mapping(value: Any) -> Mapping[str, Any]:
    # The exact type first: asking an abstract class is the slow part of folding thousands of pods.
    if type(value) is dict or isinstance(value, Mapping):
        found: Mapping[str, Any] = value
        return found
    return _EMPTY


def _controller(meta: Mapping[str, Any]) -> tuple[str, str] | None:
    owners = meta.get("ownerReferences")
    if isinstance(owners, list | tuple):
        for owner in owners:
            found = _mapping(owner)
            if found.get("controller") is True:
                return (str(found.get("kind") or ""), str(found.get("name") or ""))
    return None


def _workload_of(controller: tuple[str, str], labels: Mapping[str, Any]) -> tuple[str, str]:
    """Istio's rule: a ReplicaSet `x-<pod-template-hash>` belongs to Deployment x, a Job with a time at
    its end to the CronJob (pkg/kube/controllers GetDeployMetaFromPod)."""
    kind, name = controller
    if kind == "ReplicaSet":
        for label, owner in (("rollouts-pod-template-hash", "Rollout"), ("pod-template-hash", "Deployment")):
            ending = f"-{labels[label]}" if labels.get(label) else ""
            if ending and name.endswith(ending):
                return (owner, name.removesuffix(ending))
    if kind == "Job" and (match := CRON_JOB_NAME.fullmatch(name)):
        return ("CronJob", match.group(1))
    return controller


def _annotations(annotations: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    kept = []
    for key, value in annotations.items():
        if ("istio.io/" in key or "speedscale.com/" in key) and key not in VOLATILE_ANNOTATIONS:
            text = str(value)
            kept.append((key, _status(text) if key == STATUS_ANNOTATION else text))
    kept.sort()
    return tuple(kept)


@lru_cache(maxsize=1024)
def _status(text: str) -> str:
    """`sidecar.istio.io/status` reduced to its revision; the rest repeats the containers."""
    try:
        status = json.loads(text)
    except (ValueError, RecursionError):
        return "{}"
    revision = status.get("revision") if isinstance(status, dict) else None
    return json.dumps({"revision": revision}) if isinstance(revision, str) else "{}"


def _containers(items: Any) -> tuple[tuple[str, str, str], ...]:
    if not items or not isinstance(items, list | tuple):
        return ()
    return tuple(
        [
            (str(item.get("name") or ""), str(item.get("image") or ""), str(item.get("restartPolicy") or ""))
            for item in map(_mapping, items)
        ]
    )
