"""What a scenario says about Istio: revisions, tags, how proxies get into pods; which revision a pod gets.

The rule follows the selectors of Istio's own webhooks (istio-discovery chart, mutatingwebhook.yaml). It is
written anew here on purpose: the simulated cluster must not share code with the console that judges it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from apps.simcluster.shapes.fields import Fields

DEFAULT_REVISION = "default"


class IstioState(StrEnum):
    """What a workload's pods hold of Istio."""

    AUTO = "auto"  # what the webhooks would have done
    INJECTED = "injected"  # the proxy is there, whatever the labels say today
    MISSING = "missing"  # no proxy, although the labels ask for one
    EXCLUDED = "excluded"  # pod label sidecar.istio.io/inject "false", no proxy
    OUTDATED = "outdated"  # an older proxy than the control plane's


@dataclass(frozen=True, slots=True)
class Revision:
    """One control plane. `mesh` is the MeshConfig of its ConfigMap."""

    name: str
    version: str
    mesh: dict[str, Any]

    @property
    def suffix(self) -> str:
        """What the chart appends to istiod's names: nothing for the default revision."""
        return "" if self.name == DEFAULT_REVISION else f"-{self.name}"


@dataclass(frozen=True, slots=True)
class Mesh:
    """Istio in one cluster; `outdated_version` is what pods that were never restarted still run."""

    namespace: str
    revisions: tuple[Revision, ...]
    tags: dict[str, str]
    cni: bool
    native_sidecars: bool
    ambient: bool
    gateways: tuple[str, ...]
    outdated_version: str

    def revision(self, wanted: str) -> Revision | None:
        """By name or by tag; None when no control plane answers to it."""
        name = self.tags.get(wanted, wanted)
        return next((revision for revision in self.revisions if revision.name == name), None)

    def for_pod(
        self, namespace: dict[str, str], pod: dict[str, str], *, host_network: bool
    ) -> Revision | None:
        """The revision whose webhook puts a proxy into a pod with these labels; None if none does."""
        if host_network or pod.get("sidecar.istio.io/inject") == "false":
            return None
        if "istio-injection" in namespace:
            enabled = namespace["istio-injection"] == "enabled"
            return self.revision(DEFAULT_REVISION) if enabled else None
        if "istio.io/rev" in namespace:
            return self.revision(namespace["istio.io/rev"])
        if "istio.io/rev" in pod:
            return self.revision(pod["istio.io/rev"])
        if pod.get("sidecar.istio.io/inject") == "true":
            return self.revision(DEFAULT_REVISION)
        return None


def read_mesh(fields: Fields) -> Mesh:
    revisions = []
    for row in fields.sections("revisions"):
        revisions.append(Revision(row.text("name"), row.text("version"), row.mapping("mesh")))
        row.done()
    if not revisions:
        raise fields.error("revisions", "must list at least one control plane.")
    mesh = Mesh(
        namespace=fields.text("namespace", "istio-system"),
        revisions=tuple(revisions),
        tags=fields.strings("tags"),
        cni=fields.flag("cni", False),
        native_sidecars=fields.flag("native_sidecars", False),
        ambient=fields.flag("ambient", False),
        gateways=fields.texts("gateways"),
        outdated_version=fields.text("outdated_version", revisions[0].version),
    )
    for tag, name in mesh.tags.items():
        if name not in {revision.name for revision in revisions}:
            raise fields.error(f"tags.{tag}", f"points to revision {name!r}, which is not in this file.")
    fields.done()
    return mesh
