"""Control planes, their revisions and tags, and MeshConfig merged as istiod merges it.

Follows pilot/pkg/bootstrap/mesh.go (which ConfigMaps, in which order) and pkg/config/mesh/mesh.go
(defaults; top-level fields replace). Knows nothing of Sidecars and workload selection.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from apps.mesh.istiods import istiods, shared_configs
from apps.mesh.objects.config import ConfigMap, MutatingWebhookConfiguration
from apps.mesh.objects.networking import OutboundTrafficPolicy
from apps.mesh.objects.selectors import LabelSelector
from apps.mesh.objects.workloads import Workload
from apps.mesh.parsing.config import label_selector
from apps.mesh.parsing.fields import Fields, Problem
from apps.mesh.parsing.yamltext import YamlProblem, documents, line_at
from apps.mesh.refs import ResourceRef
from apps.mesh.snapshot import Snapshot
from apps.mesh.visibility import PUBLIC, EntryVisibility, VisibilityPolicy, discovered

ALLOW_ANY = "ALLOW_ANY"
REGISTRY_ONLY = "REGISTRY_ONLY"
DEFAULT_REVISION = "default"
DEFAULT_ROOT = "istio-system"
REVISION_LABEL = "istio.io/rev"
TAG_LABEL = "istio.io/tag"
MESH_KEY = "mesh"
# The numbers of the proto enum. Helm and the operator number them the other way round: do not use those.
_DEFAULT_POLICY = OutboundTrafficPolicy(ALLOW_ANY, mode_given=False)
_ADDED_UP = frozenset({"extensionProviders", "trustDomainAliases"})
_MODES = {"0": REGISTRY_ONLY, "1": ALLOW_ANY, "3": "ALLOW_ANY_DYNAMIC_DNS"}


@dataclass(frozen=True, slots=True)
class MeshConfig:
    """What of MeshConfig decides egress, mutual TLS and names. `outbound` is None when it could not be
    read; `policy_ref` None when the policy is Istio's default. `policy_line` counts from 1 in its text."""

    outbound: OutboundTrafficPolicy | None = _DEFAULT_POLICY
    policy_ref: ResourceRef | None = None
    policy_line: int = 0
    root_namespace: str = DEFAULT_ROOT
    service_export_to: tuple[str, ...] = (PUBLIC,)
    virtual_service_export_to: tuple[str, ...] = (PUBLIC,)
    destination_rule_export_to: tuple[str, ...] = (PUBLIC,)
    auto_mtls: bool = True
    trust_domain: str = "cluster.local"
    trust_domain_aliases: tuple[str, ...] = ()
    extension_providers: tuple[str, ...] = ()
    discovery_selectors: tuple[LabelSelector, ...] = ()
    entry_policies: tuple[VisibilityPolicy, ...] = ()
    entry_default: EntryVisibility = EntryVisibility.PUBLIC
    entry_cap_applies: bool = False
    dns_capture: bool = False
    dns_allocation: bool = False
    unread: tuple[str, ...] = ()

    @property
    def policy_path(self) -> str:
        """Where the policy stands in `policy_ref`."""
        if self.policy_ref is None:
            return ""
        return f"data.{MESH_KEY} line {self.policy_line}"


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """One istiod. `revision` is "default" for the unnamed one; `version` "" when it is not known."""

    namespace: str
    revision: str
    version: str
    tags: tuple[str, ...]
    config: MeshConfig
    deployment: ResourceRef | None = None
    config_map: ResourceRef | None = None

    def answers_to(self, name: str) -> bool:
        """Whether a revision label of that value (a revision or a tag) means this one."""
        return (name or DEFAULT_REVISION) == self.revision or name in self.tags


def control_planes(snapshot: Snapshot) -> tuple[ControlPlane, ...]:
    """Every control plane that an istiod Deployment, a mesh ConfigMap or a revision's webhook
    shows, ordered by namespace and revision. Computed once a snapshot."""
    return snapshot.derived(_control_planes)


def control_plane_for(snapshot: Snapshot, revision: str, namespace: str) -> ControlPlane | None:
    """The one that runs the proxies of that revision or tag ("" is the default) in a namespace.
    Where several meshes share a revision, the one that discovers the namespace."""
    found = [plane for plane in control_planes(snapshot) if plane.answers_to(revision)]
    if len(found) > 1:
        labels = _labels(snapshot, namespace)
        watching = [p for p in found if discovered(p.config.discovery_selectors, labels)]
        found = watching or found
    return found[0] if found else None


def merge(layers: Iterable[tuple[ResourceRef, str]]) -> MeshConfig:
    """MeshConfig of ConfigMap texts, the weakest first: a top-level field of a later one replaces the
    earlier one's. A text that is not YAML makes what rests on it unknown."""
    values: dict[str, Any] = {}
    origin: dict[str, tuple[ResourceRef, int]] = {}
    unread: list[str] = []
    for ref, text in layers:
        try:
            found = next(documents(text), None)
        except YamlProblem as error:
            unread.append(f"{ref} cannot be read: {error}")
            continue
        if found is None:
            continue
        value, node = found
        if not isinstance(value, Mapping):
            unread.append(f"{ref} holds no mesh configuration")
            continue
        for key, item in value.items():
            if item is not None:
                name = _camel(str(key))
                # Istio adds these up over the layers; every other field is replaced.
                both = name in _ADDED_UP and isinstance(item, list) and isinstance(values.get(name), list)
                values[name] = [*values[name], *item] if both else item
                origin[name] = (ref, _policy_line(node, str(key)))
    return _mesh_config(values, origin, tuple(unread))


def _mesh_config(
    values: dict[str, Any], origin: Mapping[str, tuple[ResourceRef, int]], unread: tuple[str, ...]
) -> MeshConfig:
    problems: list[Problem] = []
    fields = Fields(values, ResourceRef("MeshConfig", "", ""), problems)
    default = MeshConfig()
    outbound, policy_ref, policy_line = default.outbound, None, 0
    if fields.has("outboundTrafficPolicy"):
        policy = fields.child("outboundTrafficPolicy")
        mode = policy.text("mode", REGISTRY_ONLY)
        outbound = OutboundTrafficPolicy(_MODES.get(mode, mode), mode_given=policy.has("mode"))
        policy_ref, policy_line = origin["outboundTrafficPolicy"]
    if unread:
        outbound = None
    entry = fields.child("serviceEntryVisibility")
    metadata = fields.child("defaultConfig").child("proxyMetadata")
    return MeshConfig(
        outbound=outbound,
        policy_ref=policy_ref,
        policy_line=policy_line,
        root_namespace=fields.text("rootNamespace") or DEFAULT_ROOT,
        service_export_to=fields.texts("defaultServiceExportTo") or (PUBLIC,),
        virtual_service_export_to=fields.texts("defaultVirtualServiceExportTo") or (PUBLIC,),
        destination_rule_export_to=fields.texts("defaultDestinationRuleExportTo") or (PUBLIC,),
        auto_mtls=not fields.has("enableAutoMtls") or fields.flag("enableAutoMtls"),
        trust_domain=fields.text("trustDomain") or default.trust_domain,
        trust_domain_aliases=fields.texts("trustDomainAliases"),
        extension_providers=tuple(item.text("name") for item in fields.items("extensionProviders")),
        discovery_selectors=tuple(label_selector(item) for item in fields.items("discoverySelectors")),
        entry_policies=tuple(
            VisibilityPolicy(
                tuple(label_selector(r.child("namespaceSelector")) for r in item.items("matchingRules")),
                _cap(item.text("visibility")),
            )
            for item in entry.items("policies")
        ),
        entry_default=_cap(entry.text("defaultVisibility")),
        entry_cap_applies=entry.flag("applyToSidecars"),
        dns_capture=metadata.text("ISTIO_META_DNS_CAPTURE").lower() == "true",
        dns_allocation=metadata.text("ISTIO_META_DNS_AUTO_ALLOCATE").lower() == "true",
        unread=(*unread, *(problem.message for problem in problems)),
    )


def _cap(text: str) -> EntryVisibility:
    return EntryVisibility(text) if text in set(EntryVisibility) else EntryVisibility.PUBLIC


def _camel(key: str) -> str:
    """Proto's JSON reading takes `outbound_traffic_policy` as well."""
    head, *rest = key.split("_")
    return head + "".join(part.capitalize() for part in rest)


def _policy_line(node: yaml.Node, key: str) -> int:
    return line_at(node, f"{key}.mode" if _camel(key) == "outboundTrafficPolicy" else key)


def _labels(snapshot: Snapshot, namespace: str) -> Mapping[str, str]:
    found = snapshot.namespace(namespace)
    return found.labels if found is not None else {}


def _control_planes(snapshot: Snapshot) -> tuple[ControlPlane, ...]:
    deployments = {
        (item.namespace, item.labels.get(REVISION_LABEL) or DEFAULT_REVISION): item
        for found in snapshot.parts(istiods).values()
        for item in found
    }
    maps = {
        (item.namespace, item.name.removeprefix("istio").lstrip("-") or DEFAULT_REVISION): item
        for item in snapshot.each(ConfigMap)
        if MESH_KEY in item.data and (item.name == "istio" or item.name.startswith("istio-"))
    }
    tags, hooked = _revisions(snapshot)
    # A ConfigMap alone is a control plane: istiod's Deployment may be out of sight (external control plane).
    found = set(deployments) | set(maps) | hooked
    return tuple(
        _plane(snapshot, namespace, revision, deployments, maps, tuple(sorted(tags.get(revision, ()))))
        for namespace, revision in sorted(found)
    )


def _revisions(snapshot: Snapshot) -> tuple[dict[str, set[str]], set[tuple[str, str]]]:
    """Tags by revision, and (namespace, revision) of the istiods that webhooks call."""
    tags: dict[str, set[str]] = {}
    hooked: set[tuple[str, str]] = set()
    for item in snapshot.each(MutatingWebhookConfiguration):
        revision = item.labels.get(REVISION_LABEL)
        if revision is None:
            continue
        tag = item.labels.get(TAG_LABEL)
        if tag:
            tags.setdefault(revision or DEFAULT_REVISION, set()).add(tag)
        for webhook in item.webhooks:
            if webhook.service_name.startswith("istiod"):
                hooked.add((webhook.service_namespace, revision or DEFAULT_REVISION))
    return tags, hooked


def _plane(
    snapshot: Snapshot,
    namespace: str,
    revision: str,
    deployments: Mapping[tuple[str, str], Workload],
    maps: Mapping[tuple[str, str], ConfigMap],
    tags: tuple[str, ...],
) -> ControlPlane:
    deployment = deployments.get((namespace, revision))
    base = maps.get((namespace, revision))
    shared = _shared(snapshot, deployment)
    layers = [(item.ref, item.data.get(MESH_KEY, "")) for item in (shared, base) if item is not None]
    gap = snapshot.missing("ConfigMap", namespace)
    if base is None and gap is not None:
        name = "istio" if revision == DEFAULT_REVISION else f"istio-{revision}"
        reason = f"ConfigMap {namespace}/{name} could not be read: {gap.reason}"
        config = MeshConfig(outbound=None, unread=(reason,))
    else:
        config = merge(layers)
    return ControlPlane(
        namespace=namespace,
        revision=revision,
        version=_version(deployment),
        tags=tags,
        config=config,
        deployment=deployment.ref if deployment is not None else None,
        config_map=base.ref if base is not None else None,
    )


def _shared(snapshot: Snapshot, deployment: Workload | None) -> ConfigMap | None:
    """The ConfigMap that istiod shares with others."""
    if deployment is None:
        return None
    name = snapshot.part(shared_configs, deployment.namespace).get(deployment.name, "")
    found = snapshot.get(ResourceRef("ConfigMap", deployment.namespace, name)) if name else None
    return found if isinstance(found, ConfigMap) else None


def _version(deployment: Workload | None) -> str:
    """The tag of the discovery image, without a variant (`1.27.3-distroless` → `1.27.3`)."""
    container = deployment.template.container("discovery") if deployment is not None else None
    if container is None:
        return ""
    _, colon, tag = container.image.rpartition("/")[2].partition("@")[0].partition(":")
    return tag.removesuffix("-distroless").removesuffix("-debug") if colon else ""


def proxy_revision(labels: Mapping[str, str], annotations: Mapping[str, str]) -> str | None:
    """The revision that injected a pod, from what injection wrote on it; None when it says nothing."""
    for source in (labels, annotations):
        if source.get(REVISION_LABEL):
            return source[REVISION_LABEL]
    try:
        status = json.loads(annotations.get("sidecar.istio.io/status", ""))
    except ValueError:
        return None
    revision = status.get("revision") if isinstance(status, dict) else None
    return revision if isinstance(revision, str) and revision else None
