"""The roles and bindings that every API server makes when it starts, as manifests.

Those that people bind (view, edit, admin, cluster-admin) and those that give everybody discovery and reviews
of themselves; a server's own components have none here. Rules are those of version 1.36. Must not know how
rules are evaluated.
"""

from collections.abc import Iterable, Sequence

from apps.simcluster.schema import Json

API = "rbac.authorization.k8s.io"
LABELS = {"kubernetes.io/bootstrapping": "rbac-defaults"}
ANNOTATIONS = {"rbac.authorization.kubernetes.io/autoupdate": "true"}
READ = ("get", "list", "watch")
WRITE = ("create", "delete", "deletecollection", "patch", "update")
ALL = tuple(sorted((*READ, *WRITE)))
PUBLIC_PATHS = ("/healthz", "/livez", "/readyz", "/version", "/version/")
DISCOVERY_PATHS = (
    *("/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*", "/readyz"),
    *("/version", "/version/"),
)
ISSUER_PATHS = (
    *("/.well-known/openid-configuration", "/.well-known/openid-configuration/"),
    *("/openid/v1/jwks", "/openid/v1/jwks/"),
)


def _rule(verbs: Sequence[str], groups: str, resources: str) -> Json:
    """A rule; groups and resources are separated by blanks, `core` is the group without a name."""
    named = ["" if group == "core" else group for group in groups.split()]
    return {"apiGroups": named, "resources": resources.split(), "verbs": list(verbs)}


def _paths(paths: Sequence[str]) -> Json:
    return {"nonResourceURLs": list(paths), "verbs": ["get"]}


VIEW = (
    _rule(
        READ,
        "core",
        "configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods "
        "replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status",
    ),
    _rule(
        READ,
        "core",
        "bindings limitranges namespaces/status pods/log pods/status replicationcontrollers/status "
        "resourcequotas resourcequotas/status",
    ),
    _rule(READ, "core", "namespaces"),
    _rule(READ, "core events.k8s.io", "events"),
    _rule(READ, "discovery.k8s.io", "endpointslices"),
    _rule(
        READ,
        "apps",
        "controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status "
        "replicasets replicasets/scale replicasets/status statefulsets statefulsets/scale "
        "statefulsets/status",
    ),
    _rule(READ, "autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status"),
    _rule(READ, "batch", "cronjobs cronjobs/status jobs jobs/status"),
    _rule(
        READ,
        "extensions",
        "daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses "
        "ingresses/status networkpolicies replicasets replicasets/scale replicasets/status "
        "replicationcontrollers/scale",
    ),
    _rule(READ, "policy", "poddisruptionbudgets poddisruptionbudgets/status"),
    _rule(READ, "networking.k8s.io", "ingresses ingresses/status networkpolicies"),
    _rule(READ, "resource.k8s.io", "resourceclaims resourceclaims/status resourceclaimtemplates"),
)
EDIT = (
    _rule(READ, "core", "pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy"),
    _rule(("impersonate",), "core", "serviceaccounts"),
    _rule(WRITE, "core", "pods pods/attach pods/exec pods/portforward pods/proxy"),
    _rule(("create",), "core", "pods/eviction"),
    _rule(
        WRITE,
        "core",
        "configmaps persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets "
        "serviceaccounts services services/proxy",
    ),
    _rule(WRITE, "core events.k8s.io", "events"),
    _rule(("create",), "core", "serviceaccounts/token"),
    _rule(
        WRITE,
        "apps",
        "daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale "
        "statefulsets statefulsets/scale",
    ),
    _rule(WRITE, "autoscaling", "horizontalpodautoscalers"),
    _rule(WRITE, "batch", "cronjobs jobs"),
    _rule(
        WRITE,
        "extensions",
        "daemonsets deployments deployments/rollback deployments/scale ingresses networkpolicies replicasets "
        "replicasets/scale replicationcontrollers/scale",
    ),
    _rule(WRITE, "policy", "poddisruptionbudgets"),
    _rule(WRITE, "networking.k8s.io", "ingresses networkpolicies"),
    _rule(ALL, "coordination.k8s.io", "leases"),
    _rule(WRITE, "resource.k8s.io", "resourceclaims resourceclaimtemplates"),
)
ADMIN = (
    _rule(("create",), "authorization.k8s.io", "localsubjectaccessreviews"),
    _rule(ALL, API, "rolebindings roles"),
)
BASIC = (
    _rule(("create",), "authorization.k8s.io", "selfsubjectaccessreviews selfsubjectrulesreviews"),
    _rule(("create",), "authentication.k8s.io", "selfsubjectreviews"),
)
EVERYTHING = (_rule("*", "*", "*"), {"nonResourceURLs": ["*"], "verbs": ["*"]})


def _role(name: str, rules: Iterable[Json], *, into: str = "") -> Json:
    """A ClusterRole whose rules become part of the role `into`."""
    labels = {**LABELS, **({f"{API}/aggregate-to-{into}": "true"} if into else {})}
    meta = {"name": name, "labels": labels, "annotations": ANNOTATIONS}
    return {"apiVersion": f"{API}/v1", "kind": "ClusterRole", "metadata": meta, "rules": list(rules)}


def _collected(name: str, *, into: str = "") -> Json:
    """A ClusterRole that is put together from the roles labelled for it."""
    selector = {"matchLabels": {f"{API}/aggregate-to-{name}": "true"}}
    return {**_role(name, (), into=into), "aggregationRule": {"clusterRoleSelectors": [selector]}}


def _binding(role: str, *groups: str) -> Json:
    subjects = [{"kind": "Group", "apiGroup": API, "name": group} for group in groups]
    return {
        "apiVersion": f"{API}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": role, "labels": LABELS, "annotations": ANNOTATIONS},
        "roleRef": {"apiGroup": API, "kind": "ClusterRole", "name": role},
        "subjects": subjects,
    }


DEFAULT_ROLES: tuple[Json, ...] = (
    _role("cluster-admin", EVERYTHING),
    _collected("admin"),
    _collected("edit", into="admin"),
    _collected("view", into="edit"),
    _role("system:aggregate-to-admin", ADMIN, into="admin"),
    _role("system:aggregate-to-edit", EDIT, into="edit"),
    _role("system:aggregate-to-view", VIEW, into="view"),
    _role("system:basic-user", BASIC),
    _role("system:discovery", (_paths(DISCOVERY_PATHS),)),
    _role("system:public-info-viewer", (_paths(PUBLIC_PATHS),)),
    _role("system:service-account-issuer-discovery", (_paths(ISSUER_PATHS),)),
    _binding("cluster-admin", "system:masters"),
    _binding("system:basic-user", "system:authenticated"),
    _binding("system:discovery", "system:authenticated"),
    _binding("system:public-info-viewer", "system:authenticated", "system:unauthenticated"),
    _binding("system:service-account-issuer-discovery", "system:serviceaccounts"),
)
