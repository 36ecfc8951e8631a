"""Which control plane reads the objects of a namespace. Knows nothing of what they say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

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
_UNFOUND = ControlPlane(
    "", DEFAULT_REVISION, "", (), MeshConfig(outbound=None, unread=("No control plane was found.",))
)


class NamespacePlanes:
    """The control plane of each namespace; ask for it through `snapshot.derived`."""

    INPUTS: ClassVar[frozenset[str]] = INPUTS
    __slots__ = ("_found", "_running", "_snapshot")

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._found: dict[str, ControlPlane] = {}
        self._running: dict[tuple[str, str], ControlPlane | None] = {}

    def of(self, namespace: str) -> ControlPlane:
        """The one whose webhook takes the namespace's pods, else of the revision that its labels ask for
        (`istio-injection` before `istio.io/rev`, as the webhooks have it); the default one, then any, for
        others. Where there is none at all, one with Istio's defaults whose `config.unread` says so."""
        if namespace not in self._found:
            self._found[namespace] = self._find(namespace)
        return self._found[namespace]

    def running(self, revision: str, namespace: str) -> ControlPlane | None:
        """The one that runs the proxies of that revision or tag ("" is the default) in a namespace."""
        key = (revision, namespace)
        if key not in self._running:
            self._running[key] = control_plane_for(self._snapshot, revision, namespace)
        return self._running[key]

    def _find(self, namespace: str) -> ControlPlane:
        known = self._snapshot.namespaces.get(namespace)
        labels = known.labels if known is not None else {}
        wanted = "" if "istio-injection" in labels else labels.get(REVISION_LABEL, "")
        for revision in (*self._injecting(labels), wanted, ""):
            plane = self.running(revision, namespace)
            if plane is not None:
                return plane
        return next(iter(control_planes(self._snapshot)), _UNFOUND)

    def _injecting(self, labels: Mapping[str, str]) -> Iterator[str]:
        """The revisions that inject into pods without labels of their own; the last webhook called first,
        whose proxy the pods are left with."""
        for hook in reversed(self._snapshot.derived(injection_hooks)):
            webhook = hook.webhook
            if webhook.namespace_selector.matches(labels) and webhook.object_selector.matches({}):
                yield hook.revision
