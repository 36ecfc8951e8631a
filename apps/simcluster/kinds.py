"""Which resources a cluster serves: built-in kinds, Istio's kinds and those of its custom resource
definitions.

A `Resource` is what the URL's plural leads to. It knows names, scope and versions; no object of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from apps.simcluster.core_schemas import schema_of
from apps.simcluster.errors import Target
from apps.simcluster.schema import Json, Node

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
CUSTOM_VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")
NAMESPACE_VERBS = ("create", "delete", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, slots=True)
class Column:
    """A printer column of a custom resource."""

    name: str
    type: str
    path: str
    priority: int = 0
    description: str = ""


@dataclass(frozen=True, slots=True)
class Resource:
    """A served resource. `versions` is ordered by preference; `storage` is the one watchers of raw bytes
    see.
    """

    group: str
    versions: tuple[str, ...]
    plural: str
    singular: str
    kind: str
    schema: Node
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    subresources: tuple[str, ...] = ()
    custom: bool = False
    columns: Mapping[str, tuple[Column, ...]] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """`plural` or `plural.group`: the name of this resource in the store."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def api_version(self, version: str) -> str:
        return f"{self.group}/{version}" if self.group else version

    def target(self, name: str = "") -> Target:
        return Target(self.group, self.plural, self.kind, name)

    @property
    def counts_generation(self) -> bool:
        """Custom resources and workloads number their spec; config maps, services and namespaces do not."""
        return self.custom or self.group in _NUMBERED or self.plural == "pods"

    @property
    def unconditional(self) -> bool:
        """Whether an update without resourceVersion is taken: built-in kinds yes, custom resources no."""
        return not self.custom

    @property
    def has_status(self) -> bool:
        return "status" in self.subresources


GROUP_ADMISSION = "admissionregistration.k8s.io"
GROUP_CRD = "apiextensions.k8s.io"
POLICIES = f"validatingadmissionpolicies.{GROUP_ADMISSION}"
BINDINGS = f"validatingadmissionpolicybindings.{GROUP_ADMISSION}"
GROUP_RBAC = "rbac.authorization.k8s.io"
GROUP_NETWORK = "networking.k8s.io"
_NUMBERED = ("apps", "batch", "discovery.k8s.io", GROUP_ADMISSION, GROUP_CRD, GROUP_NETWORK)


def _builtin(
    group: str,
    version: str,
    plural: str,
    kind: str,
    *,
    namespaced: bool = True,
    short: tuple[str, ...] = (),
    categories: tuple[str, ...] = (),
    verbs: tuple[str, ...] = ALL_VERBS,
    subresources: tuple[str, ...] = (),
) -> Resource:
    return Resource(
        group=group,
        versions=(version,),
        plural=plural,
        singular=kind.lower(),
        kind=kind,
        schema=schema_of(group, kind),
        namespaced=namespaced,
        short_names=short,
        categories=categories,
        verbs=verbs,
        subresources=subresources,
    )


_STATUS = ("status",)
_SCALED = ("scale", "status")
_ALL = ("all",)

BUILTIN: tuple[Resource, ...] = (
    _builtin("", "v1", "configmaps", "ConfigMap", short=("cm",)),
    _builtin("", "v1", "endpoints", "Endpoints", short=("ep",)),
    _builtin("", "v1", "events", "Event", short=("ev",)),
    _builtin(
        "",
        "v1",
        "namespaces",
        "Namespace",
        namespaced=False,
        short=("ns",),
        verbs=NAMESPACE_VERBS,
        subresources=("finalize", "status"),
    ),
    _builtin("", "v1", "nodes", "Node", namespaced=False, short=("no",), subresources=_STATUS),
    _builtin("", "v1", "pods", "Pod", short=("po",), categories=_ALL, subresources=("log", "status")),
    _builtin("", "v1", "resourcequotas", "ResourceQuota", short=("quota",), subresources=_STATUS),
    _builtin("", "v1", "secrets", "Secret"),
    _builtin("", "v1", "serviceaccounts", "ServiceAccount", short=("sa",), subresources=("token",)),
    _builtin("", "v1", "services", "Service", short=("svc",), categories=_ALL, subresources=_STATUS),
    _builtin("apps", "v1", "controllerrevisions", "ControllerRevision"),
    _builtin("apps", "v1", "daemonsets", "DaemonSet", short=("ds",), categories=_ALL, subresources=_STATUS),
    _builtin(
        "apps", "v1", "deployments", "Deployment", short=("deploy",), categories=_ALL, subresources=_SCALED
    ),
    _builtin("apps", "v1", "replicasets", "ReplicaSet", short=("rs",), categories=_ALL, subresources=_SCALED),
    _builtin(
        "apps", "v1", "statefulsets", "StatefulSet", short=("sts",), categories=_ALL, subresources=_SCALED
    ),
    _builtin("batch", "v1", "cronjobs", "CronJob", short=("cj",), categories=_ALL, subresources=_STATUS),
    _builtin("batch", "v1", "jobs", "Job", categories=_ALL, subresources=_STATUS),
    _builtin(GROUP_NETWORK, "v1", "networkpolicies", "NetworkPolicy", short=("netpol",)),
    _builtin("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice"),
    _builtin(GROUP_RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False),
    _builtin(GROUP_RBAC, "v1", "clusterroles", "ClusterRole", namespaced=False),
    _builtin(GROUP_RBAC, "v1", "rolebindings", "RoleBinding"),
    _builtin(GROUP_RBAC, "v1", "roles", "Role"),
    _builtin(
        GROUP_ADMISSION,
        "v1",
        "mutatingwebhookconfigurations",
        "MutatingWebhookConfiguration",
        namespaced=False,
    ),
    _builtin(
        GROUP_ADMISSION,
        "v1",
        "validatingadmissionpolicies",
        "ValidatingAdmissionPolicy",
        namespaced=False,
        subresources=_STATUS,
    ),
    _builtin(
        GROUP_ADMISSION,
        "v1",
        "validatingadmissionpolicybindings",
        "ValidatingAdmissionPolicyBinding",
        namespaced=False,
    ),
    _builtin(
        GROUP_ADMISSION,
        "v1",
        "validatingwebhookconfigurations",
        "ValidatingWebhookConfiguration",
        namespaced=False,
    ),
    _builtin(
        GROUP_CRD,
        "v1",
        "customresourcedefinitions",
        "CustomResourceDefinition",
        namespaced=False,
        short=("crd", "crds"),
        categories=("api-extensions",),
        subresources=_STATUS,
    ),
)


def group_version(api_version: str) -> tuple[str, str]:
    """Split `group/version`; the core group is empty."""
    group, _, version = api_version.rpartition("/")
    return group, version


def version_order(version: str) -> tuple[int, int, int]:
    """Sort key that puts v1 before v1beta1 before v1alpha3, as discovery does."""
    digits = version.lstrip("v")
    for rank, word in ((1, "beta"), (2, "alpha")):
        if word in digits:
            major, _, minor = digits.partition(word)
            return rank, -int(major or 0), -int(minor or 0)
    return 0, -int(digits) if digits.isdigit() else 0, 0


def definition_names(definition: Json) -> tuple[str, str]:
    """Group and plural of a custom resource definition."""
    spec = definition.get("spec", {})
    return spec.get("group", ""), spec.get("names", {}).get("plural", "")
