"""Namespaces, ServiceAccounts, ConfigMaps, webhooks and CRDs, as far as a mesh is decided by them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from apps.mesh.objects.base import MeshObject
from apps.mesh.objects.selectors import LabelSelector


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace(MeshObject):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccount(MeshObject):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigMap(MeshObject):
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyConfig(MeshObject):
    """`selector` None is every proxy of the namespace (of the mesh, in the root namespace)."""

    selector: Mapping[str, str] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WebhookRule:
    """What a webhook is called for; of what is empty nothing is said, as in files that leave it out."""

    operations: tuple[str, ...] = ()
    api_groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    scope: str = "*"


@dataclass(frozen=True, slots=True)
class Webhook:
    """`service_*` and `path` say whom the API server calls; "" when the webhook names a URL. `conditional`
    says that it has matchConditions, expressions that decide as well."""

    name: str
    namespace_selector: LabelSelector = field(default_factory=LabelSelector)
    object_selector: LabelSelector = field(default_factory=LabelSelector)
    failure_policy: str = "Fail"
    service_namespace: str = ""
    service_name: str = ""
    path: str = ""
    conditional: bool = False
    rules: tuple[WebhookRule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MutatingWebhookConfiguration(MeshObject):
    webhooks: tuple[Webhook, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidatingWebhookConfiguration(MeshObject):
    webhooks: tuple[Webhook, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomResourceDefinition(MeshObject):
    """`served` are the versions that the API server answers, in the order of the object."""

    group: str = ""
    kind: str = ""
    served: tuple[str, ...] = ()
