"""Control planes, their revisions and tags, and MeshConfig merged as istiod merges it.

Follows pilot/pkg/bootstrap/mesh.go (which ConfigMaps, in which order) and pkg/config/mesh/mesh.go
(defaults). How texts are merged is in `meshfields`. Knows nothing of Sidecars and workload selection.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from apps.mesh.istiods import istiods, shared_configs
from apps.mesh.meshfields import merged
from apps.mesh.objects.config import ConfigMap, MutatingWebhookConfiguration
from apps.mesh.objects.networking import OutboundTrafficPolicy
from apps.mesh.objects.selectors import LabelSelector
from apps.mesh.objects.workloads import Workload
from apps.mesh.parsing.config import label_selector
from apps.mesh.parsing.fields import Fields, Problem
from apps.mesh.refs import ResourceRef
from apps.mesh.snapshot import Snapshot
from apps.mesh.visibility import PUBLIC, EntryVisibility, VisibilityPolicy, discovered

ALLOW_ANY = "ALLOW_ANY"
ALLOW_ANY_DYNAMIC_DNS = "ALLOW_ANY_DYNAMIC_DNS"
REGISTRY_ONLY = "REGISTRY_ONLY"
DEFAULT_REVISION = "default"
DEFAULT_ROOT = "istio-system"
REVISION_LABEL = "istio.io/rev"
TAG_LABEL = "istio.io/tag"
MESH_KEY = "mesh"
DNS_CAPTURE = "ISTIO_META_DNS_CAPTURE"
_DEFAULT_POLICY = OutboundTrafficPolicy(ALLOW_ANY, mode_given=False)


@dataclass(frozen=True, slots=True)
class MeshConfig:
    """What of MeshConfig decides egress, mutual TLS and names. `outbound` is None when it could not be
    read; `policy_ref` None when the policy is Istio's default. `policy_line` counts from 1 in its text.
    `unread` says what of it is not known; `refused` which texts istiod does not take, and why."""

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
    external_authorizers: tuple[str, ...] = ()
    discovery_selectors: tuple[LabelSelector, ...] = ()
    entry_policies: tuple[VisibilityPolicy, ...] = ()
    entry_default: EntryVisibility = EntryVisibility.PUBLIC
    entry_cap_applies: bool = False
    dns_capture: bool = False
    dns_allocation: bool = False
    interception: str = ""
    unread: tuple[str, ...] = ()
    refused: tuple[tuple[ResourceRef, str], ...] = ()

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

    def at_least(self, major: int, minor: int) -> bool | None:
        """Whether it is of that version or later; None when its version is not known."""
        numbers = self.version.split(".")[:2]
        if len(numbers) < 2 or not all(number.isdecimal() for number in numbers):
            return None
        return (int(numbers[0]), int(numbers[1])) >= (major, minor)


def control_planes(snapshot: Snapshot) -> tuple[ControlPlane, ...]:
    """Every control plane that an istiod Deployment, a mesh ConfigMap or a revision's webhook
    shows, ordered by namespace and revision. Computed once a snapshot."""
    return snapshot.derived(_control_planes)


def control_plane_for(snapshot: Snapshot, revision: str, namespace: str) -> ControlPlane | None:
    """The one that runs the proxies of that revision or else tag ("" is the default) in a namespace.
    Where several meshes share a revision, the one that discovers the namespace."""
    planes, name = control_planes(snapshot), revision or DEFAULT_REVISION
    found = [plane for plane in planes if plane.revision == name] or [p for p in planes if name in p.tags]
    if len(found) > 1:
        labels = _labels(snapshot, namespace)
        watching = [p for p in found if discovered(p.config.discovery_selectors, labels)]
        found = watching or found
    return found[0] if found else None


def merge(layers: Iterable[tuple[ResourceRef, str]]) -> MeshConfig:
    """MeshConfig of ConfigMap texts, the weakest first. A text that istiod cannot read, or refuses, makes
    what rests on it unknown."""
    found = merged(layers)
    problems: list[Problem] = []
    fields = Fields(found.values, ResourceRef("MeshConfig", "", ""), problems)
    default = MeshConfig()
    outbound, (policy_ref, policy_line) = default.outbound, found.policy or (None, 0)
    if fields.has("outboundTrafficPolicy"):
        policy = fields.child("outboundTrafficPolicy")
        outbound = OutboundTrafficPolicy(policy.text("mode", REGISTRY_ONLY), mode_given=policy.has("mode"))
    entry = fields.child("serviceEntryVisibility")
    proxies = fields.child("defaultConfig")
    metadata = proxies.child("proxyMetadata")
    return MeshConfig(
        outbound=None if found.refused else outbound,
        policy_ref=policy_ref,
        policy_line=policy_line,
        root_namespace=fields.text("rootNamespace") or DEFAULT_ROOT,
        service_export_to=fields.texts("defaultServiceExportTo") or (PUBLIC,),
        virtual_service_export_to=fields.texts("defaultVirtualServiceExportTo") or (PUBLIC,),
        destination_rule_export_to=fields.texts("defaultDestinationRuleExportTo") or (PUBLIC,),
        auto_mtls=not fields.has("enableAutoMtls") or fields.flag("enableAutoMtls"),
        trust_domain=fields.text("trustDomain") or default.trust_domain,
        trust_domain_aliases=fields.texts("trustDomainAliases"),
        external_authorizers=tuple(_authorizers(fields)),
        discovery_selectors=tuple(label_selector(item) for item in fields.items("discoverySelectors")),
        entry_policies=tuple(_policies(entry)),
        entry_default=_cap(entry.text("defaultVisibility")),
        entry_cap_applies=entry.flag("applyToSidecars"),
        dns_capture=is_true(metadata.text(DNS_CAPTURE)),
        dns_allocation=is_true(metadata.text("ISTIO_META_DNS_AUTO_ALLOCATE")),
        interception=proxies.text("interceptionMode"),
        unread=(*(text for _, text in found.refused), *(problem.message for problem in problems)),
        refused=found.refused,
    )


def is_true(text: str) -> bool:
    """Go's strconv.ParseBool, by which istiod and the agent read ISTIO_META_DNS_CAPTURE."""
    return text in {"1", "t", "T", "true", "TRUE", "True"}


def _authorizers(fields: Fields) -> Iterator[str]:
    for item in fields.items("extensionProviders"):
        if item.has("envoyExtAuthzHttp") or item.has("envoyExtAuthzGrpc"):
            yield item.text("name")


def _policies(entry: Fields) -> Iterator[VisibilityPolicy]:
    for item in entry.items("policies"):
        rules = item.items("matchingRules")
        # A rule of a kind that istiod does not know matches nothing, and so its policy does not either.
        if all(rule.has("namespaceSelector") for rule in rules):
            selectors = tuple(label_selector(rule.child("namespaceSelector")) for rule in rules)
            yield VisibilityPolicy(selectors, _cap(item.text("visibility")))


def _cap(text: str) -> EntryVisibility:
    return EntryVisibility(text) if text in set(EntryVisibility) else EntryVisibility.PUBLIC


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
    shared = [_shared(snapshot, item) for item in deployments.values()]
    maps = {key: item for key, item in maps.items() if key in deployments or item not in shared}
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


def _as_read(plane: ControlPlane) -> ControlPlane:
    """The control plane with what its own version makes of newer fields: Istio before 1.31 passes over
    serviceEntryVisibility and refuses a text with a policy that it does not know."""
    if plane.at_least(1, 31) is not False:
        return plane
    config = replace(plane.config, entry_cap_applies=False)
    if config.outbound is not None and config.outbound.mode == ALLOW_ANY_DYNAMIC_DNS:
        unknown = ALLOW_ANY_DYNAMIC_DNS
        reason = f"Istio {plane.version} does not know {unknown}: it refuses {config.policy_ref}."
        refused = ((config.policy_ref, reason),) if config.policy_ref is not None else ()
        config = replace(
            config,
            outbound=None,
            unread=(*config.unread, reason),
            refused=(*config.refused, *refused),
        )
    return replace(plane, config=config)


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
    return _as_read(
        ControlPlane(
            namespace=namespace,
            revision=revision,
            version=_version(deployment),
            tags=tags,
            config=config,
            deployment=deployment.ref if deployment is not None else None,
            config_map=base.ref if base is not None else None,
        )
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
