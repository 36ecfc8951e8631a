"""Speedscale's marks on a cluster: where it is installed and with which parts, what annotations and
target lists ask for. Names as Speedscale ships them (operator-helm charts
2.0.0 to 2.5.1145, docs.speedscale.com).

The namespace is discovered, never assumed. Decides nothing on coverage, and knows nothing of Istio.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from apps.mesh.derived import EachNamespace
from apps.mesh.objects.config import (
    ConfigMap,
    CustomResourceDefinition,
    MutatingWebhookConfiguration,
    ValidatingWebhookConfiguration,
    Webhook,
)
from apps.mesh.objects.selectors import LabelSelector
from apps.mesh.objects.workloads import Workload
from apps.mesh.parsing.config import label_selector
from apps.mesh.parsing.fields import Fields
from apps.mesh.refs import ResourceRef
from apps.mesh.reports import CaptureKind, InstallComponent, InstallWebhook, SpeedscaleInstall
from apps.mesh.snapshot import Snapshot
from apps.mesh.speedscalepods import tag_of
from apps.mesh.webhooks import mapping_of, takes

COMPONENT_LABEL = "controlplane.speedscale.com/component"
DEFAULT_NAMESPACE = "speedscale"
FORWARDER_PORT = 80
OPERATOR_NAME = "speedscale-operator"
FORWARDER_NAME = "speedscale-forwarder"
NETTAP_NAME = "speedscale-nettap"
CRD_NAME = "trafficreplays.speedscale.com"
SIDECAR_WEBHOOK = "sidecar.speedscale.com"
ROLES = {
    "speedscale-operator": "operator",
    "speedscale-forwarder": "forwarder",
    "speedscale-inspector": "inspector",
    "speedscale-nettap": "nettap",
    "nettap": "nettap",
}
CLASSIC_PARTS = ("operator", "forwarder")
REPLAY_NAME = re.compile(r"speedscale-(generator|responder|collector|redis)-.+")
SIDECAR_PREFIX = "sidecar.speedscale.com/"
INJECT = "sidecar.speedscale.com/inject"
EBPF = "capture.speedscale.com/enabled"
JAVA_AGENT = "capture.speedscale.com/java-agent"
ISTIO_CNI = "sidecar.speedscale.com/istio-cni"
IGNORE = "operator.speedscale.com/ignore"
REPLAY_ENV = "replay.speedscale.com/env-id"
INPUTS = frozenset(
    {
        "ConfigMap",
        "CustomResourceDefinition",
        "MutatingWebhookConfiguration",
        "ValidatingWebhookConfiguration",
        "Workload",
    }
)


@dataclass(frozen=True, slots=True)
class Wish:
    """An annotation that asks for capture, with where it stands."""

    kind: CaptureKind
    ref: ResourceRef
    path: str
    on_template: bool = False


@dataclass(frozen=True, slots=True)
class SidecarWebhook:
    """A webhook that injects the sidecar; `path` leads to it inside `ref`."""

    ref: ResourceRef
    path: str
    webhook: Webhook


@dataclass(frozen=True, slots=True)
class EbpfTarget:
    """An eBPF target list's entry: namespaces by name or by selector, and a pod selector."""

    ref: ResourceRef
    path: str
    names: tuple[str, ...]
    namespaces: LabelSelector | None
    pods: LabelSelector

    def takes(self, namespace: str, labels: Mapping[str, str], pod: Mapping[str, str]) -> bool:
        """Whether it means pods with these labels in a namespace with those."""
        selected = self.namespaces is not None and self.namespaces.matches(labels)
        return (selected or namespace in self.names) and self.pods.matches(pod)


def installs(snapshot: Snapshot) -> tuple[SpeedscaleInstall, ...]:
    """Every installation, classic ones first, then by namespace; ask for it through `snapshot.derived`."""
    components = {name: found for name, found in snapshot.parts(_components).items() if found}
    webhooks: dict[str, list[InstallWebhook]] = {}
    for webhook in _webhooks(snapshot):
        webhooks.setdefault(webhook.service.namespace, []).append(webhook)
    crd = any(item.name == CRD_NAME for item in snapshot.each(CustomResourceDefinition))
    found = (
        _install(snapshot, namespace, components.get(namespace, ()), webhooks.get(namespace, []), crd)
        for namespace in sorted({*components, *webhooks})
    )
    return tuple(sorted(found, key=lambda install: (install.kind != "classic", install.namespace)))


@EachNamespace
def _components(snapshot: Snapshot, namespace: str) -> tuple[InstallComponent, ...]:
    roles = ((workload, _role(workload)) for workload in snapshot.workloads_in(namespace))
    return tuple(_component(workload, role) for workload, role in roles if role)


def is_replay(workload: Workload) -> bool:
    """Whether a workload is one that Speedscale starts in an application's namespace for a replay."""
    return REPLAY_NAME.fullmatch(workload.name) is not None


def forwarder_host(install: SpeedscaleInstall) -> str:
    """The name by which sidecars of captured workloads dial the forwarder (port 80)."""
    return f"{FORWARDER_NAME}.{install.namespace}.svc.cluster.local"


def serving(installs: tuple[SpeedscaleInstall, ...], namespace: str) -> SpeedscaleInstall | None:
    """The installation that serves a namespace: the one inside it, else the first classic one. What remains
    of one serves nobody."""
    whole = [item for item in installs if item.kind != "remnant"]
    own = next((item for item in whole if item.namespace == namespace), None)
    return own or next((item for item in whole if item.kind == "classic"), None)


def acting(installs: tuple[SpeedscaleInstall, ...], namespace: str) -> SpeedscaleInstall | None:
    """The installation that acts on what is written in a namespace: one with an operator, whose webhook
    hears of every namespace, before one without."""
    own = serving(installs, namespace)
    if own is not None and own.kind == "classic":
        return own
    return next((item for item in installs if item.kind == "classic"), own)


def _role(workload: Workload) -> str:
    label = workload.labels.get(COMPONENT_LABEL) or workload.template.labels.get(COMPONENT_LABEL)
    return ROLES.get(workload.name) or label or ""


def _component(workload: Workload, role: str) -> InstallComponent:
    return InstallComponent(role, workload.ref, _version(workload), workload.pods_total, workload.replicas)


def _version(workload: Workload) -> str:
    """The tag of the first image, without a leading v; "" for an image named by digest alone."""
    return next((tag for item in workload.template.containers if (tag := tag_of(item.image))), "")


def _webhooks(snapshot: Snapshot) -> Iterator[InstallWebhook]:
    mutating, validating = MutatingWebhookConfiguration, ValidatingWebhookConfiguration
    configurations = [(item.ref, item.webhooks) for item in snapshot.each(mutating)]
    configurations += [(item.ref, item.webhooks) for item in snapshot.each(validating)]
    for ref, webhooks in configurations:
        for index, webhook in enumerate(webhooks):
            if webhook.service_namespace and webhook.service_name.startswith(OPERATOR_NAME):
                yield InstallWebhook(
                    ref=ref,
                    path=f"webhooks[{index}]",
                    name=webhook.name,
                    failure_policy=webhook.failure_policy,
                    service=ResourceRef("Service", webhook.service_namespace, webhook.service_name),
                )


def _install(
    snapshot: Snapshot,
    namespace: str,
    components: tuple[InstallComponent, ...],
    webhooks: list[InstallWebhook],
    crd: bool,
) -> SpeedscaleInstall:
    roles = {item.role for item in components}
    if "operator" in roles:
        kind = "classic"
    else:
        kind = "namespaced" if "forwarder" in roles and not webhooks else "remnant"
    wanted = ("forwarder",) if kind == "namespaced" else CLASSIC_PARTS
    return SpeedscaleInstall(
        namespace=namespace,
        kind=kind,
        version=_install_version(snapshot, namespace, components),
        components=components,
        webhooks=tuple(webhooks),
        crd=crd,
        missing=tuple(role for role in wanted if role not in roles),
    )


def _install_version(snapshot: Snapshot, namespace: str, components: tuple[InstallComponent, ...]) -> str:
    for role in ("operator", "forwarder", "inspector"):
        for item in components:
            if item.role == role and item.version:
                return item.version
    settings = next(
        (c for c in snapshot.each(ConfigMap) if c.namespace == namespace and c.name == OPERATOR_NAME), None
    )
    return settings.data.get("IMAGE_TAG", "").removeprefix("v") if settings is not None else ""


def wishes_of(workload: Workload) -> Iterator[Wish]:
    """The annotations that ask for capture; the workload's own metadata is read before the template."""
    for key, kind in (
        (INJECT, CaptureKind.SIDECAR),
        (JAVA_AGENT, CaptureKind.EBPF_JAVA),
        (EBPF, CaptureKind.EBPF),
    ):
        if is_true(workload.annotations.get(key)):
            yield Wish(kind, workload.ref, f"metadata.annotations[{key}]")
        elif key not in workload.annotations and is_true(workload.template.annotations.get(key)):
            yield Wish(kind, workload.ref, f"spec.template.metadata.annotations[{key}]", on_template=True)


def is_true(value: str | None) -> bool:
    """Whether the value of an annotation switches something on."""
    return value is not None and value.strip().lower() == "true"


def value_of(workload: Workload, key: str) -> str:
    return workload.annotations.get(key) or workload.template.annotations.get(key) or ""


def sidecar_webhooks(snapshot: Snapshot) -> tuple[SidecarWebhook, ...]:
    """The webhooks that inject the sidecar; ask for it through `snapshot.derived`."""
    return tuple(
        SidecarWebhook(configuration.ref, f"webhooks[{index}]", webhook)
        for configuration in snapshot.each(MutatingWebhookConfiguration)
        for index, webhook in enumerate(configuration.webhooks)
        if webhook.name == SIDECAR_WEBHOOK
        and (takes(webhook, "apps", "deployments") or takes(webhook, "", "pods"))
    )


def ebpf_targets(snapshot: Snapshot) -> tuple[EbpfTarget, ...]:
    """Namespace-wide eBPF targets of ConfigMap `speedscale-nettap`, key `config.yaml` (Helm
    `ebpf.configuration.capture.targets`); unreadable YAML reads as none. Ask for it through
    `snapshot.derived`."""
    return tuple(_targets(snapshot))


def _targets(snapshot: Snapshot) -> Iterator[EbpfTarget]:
    for config in snapshot.each(ConfigMap):
        body = mapping_of(config.data.get("config.yaml", "")) if config.name == NETTAP_NAME else None
        if body is None:
            continue
        for index, item in enumerate(Fields(body, config.ref, []).child("capture").items("targets")):
            selects = item.has("namespaceSelector")
            yield EbpfTarget(
                ref=config.ref,
                path=f"data[config.yaml].capture.targets[{index}]",
                names=item.texts("namespaces"),
                namespaces=label_selector(item.child("namespaceSelector")) if selects else None,
                pods=label_selector(item.child("podSelector")),
            )
