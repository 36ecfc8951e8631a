"""Proxies are further from their control plane than Istio supports.

A control plane may be one minor version ahead of its proxies, and proxies may not be ahead of it
(istio.io, Supported Releases, "Control Plane/Data Plane Skew"). Beyond that configuration may be sent that a
proxy does not know, and nobody tests the pair. After an upgrade pods keep the proxy they were created with
until they are restarted; the gap grows with every upgrade in which that is left out.

Versions are read from the tags of the images. `istioctl analyze` reports every difference, patch versions
included (IST0158), which after each patch is the whole cluster; a supported difference is not reported here.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.findings import Finding, Severity
from apps.mesh.injection import PROXY_CONTAINER, revision_of
from apps.mesh.meshconfig import control_plane_for
from apps.mesh.objects.workloads import Workload
from apps.mesh.planes import INPUTS
from apps.mesh.refs import ResourceRef
from apps.mesh.rules.base import InEachNamespace, Rule, RuleContext
from apps.mesh.rules.wording import counted, listed
from apps.mesh.versions import Version, tag_of, version_of

Skew = dict[tuple[str, str], list[Workload]]


def check(context: RuleContext, namespace: str) -> Iterator[Finding]:
    """One finding for each pair of versions."""
    found: Skew = {}
    known: dict[str, str] = {}
    for workload in context.snapshot.workloads_in(namespace):
        for group in workload.live_groups:
            proxy, revision = group.pod.container(PROXY_CONTAINER), revision_of(group.pod)
            if proxy is None or not revision:
                continue
            if revision not in known:
                plane = control_plane_for(context.snapshot, revision, namespace)
                known[revision] = plane.version if plane is not None else ""
            own = version_of(tag_of(proxy.image))
            control = version_of(known[revision])
            if own is not None and control is not None and _too_far(own, control):
                key = (_minor(own), _minor(control))
                workloads = found.setdefault(key, [])
                if workload not in workloads[-1:]:
                    workloads.append(workload)
    for (own_minor, control_minor), workloads in sorted(found.items()):
        yield RULE.finding(
            f"{counted(len(workloads), 'workload')} ({listed(w.name for w in workloads)}) run proxies of "
            f"{own_minor} under a control plane of {control_minor}; proxies may be one minor version behind "
            "it, and not ahead. Restart them (or upgrade the control plane).",
            ResourceRef("Namespace", "", namespace),
            api_version="v1",
            key=f"{own_minor} {control_minor}",
            affected=tuple(workload.ref for workload in workloads),
        )


def _too_far(proxy: Version, control: Version) -> bool:
    return proxy[0] != control[0] or not control[1] - 1 <= proxy[1] <= control[1]


def _minor(version: Version) -> str:
    return f"{version[0]}.{version[1]}"


RULE = Rule(
    code="MC230",
    name="proxy-version-skew",
    severity=Severity.WARNING,
    title="Proxies are too far from their control plane",
    inputs=INPUTS,
    doc=__doc__ or "",
    check=InEachNamespace(check),
    references=("IST0158",),
    follows_pods=True,
    no_remedy=(
        "Proxies change their version when pods are replaced, and when to do that is the owner's decision."
    ),
)
