"""Which control plane reads the objects of a namespace. Knows nothing of what they say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from apps.mesh.derived import EachNamespace
from apps.mesh.meshconfig import (
    DEFAULT_REVISION,
    REVISION_LABEL,
    ControlPlane,
    MeshConfig,
    control_plane_for,
    control_planes,
)
from apps.mesh.snapshot import Snapshot
from apps.mesh.webhooks import injection_hooks

INPUTS = frozenset({"ConfigMap", "MutatingWebhookConfiguration", "Namespace", "Workload"})
NOWHERE = "*"
"""What no namespace is called: stands for those that have no object."""
_UNFOUND = ControlPlane(
    "", DEFAULT_REVISION, "", (), MeshConfig(outbound=None, unread=("No control plane was found.",))
)


@dataclass(frozen=True, slots=True)
class NamespacePlanes:
    """The control plane of each namespace. `others` is that of namespaces which have no object."""

    by_namespace: Mapping[str, ControlPlane]
    others: ControlPlane

    def of(self, namespace: str) -> ControlPlane:
        """The one whose webhook takes the namespace's pods, else of the revision that its labels ask for
        (`istio-injection` before `istio.io/rev`, as the webhooks have it); the default one, then any, for
        others. Where there is none at all, one with Istio's defaults whose `config.unread` says so."""
        return self.by_namespace.get(namespace, self.others)


def namespace_planes(snapshot: Snapshot) -> NamespacePlanes:
    """The control planes of the namespaces; ask for it through `snapshot.derived`."""
    others = _find(snapshot, NOWHERE)
    found = snapshot.parts(plane_of).items()
    return NamespacePlanes({name: plane for name, plane in found if plane is not others}, others)


def _find(snapshot: Snapshot, namespace: str) -> ControlPlane:
    known = snapshot.namespace(namespace)
    labels = known.labels if known is not None else {}
    wanted = "" if "istio-injection" in labels else labels.get(REVISION_LABEL, "")
    for revision in (*_injecting(snapshot, labels), wanted, ""):
        plane = control_plane_for(snapshot, revision, namespace)
        if plane is not None:
            return plane
    return next(iter(control_planes(snapshot)), _UNFOUND)


def _injecting(snapshot: Snapshot, labels: Mapping[str, str]) -> Iterator[str]:
    """The revisions that inject into pods without labels of their own; the last webhook called first, whose
    proxy the pods are left with."""
    for hook in reversed(snapshot.derived(injection_hooks)):
        webhook = hook.webhook
        if webhook.namespace_selector.matches(labels) and webhook.object_selector.matches({}):
            yield hook.revision


plane_of = EachNamespace(_find)
"""The control plane of each namespace that there is."""
