"""The people and programs that may call a simulated cluster, and what each may do.

The reader has the rights that an administrator is told to grant the console, and not one more, so that the
demonstration proves that they are enough. Must not know how a server checks them.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from apps.simcluster.shapes.fields import Fields
from apps.simcluster.shapes.mesh import Mesh

READ = ("get", "list", "watch")
WRITE = ("get", "list", "watch", "patch", "create", "delete")
SPEEDSCALE_CONFIG_MAPS = (
    "speedscale-operator",
    "speedscale-operator-override",
    "speedscale-forwarder",
    "speedscale-nettap",
    "speedscale-nettap-targets",
)


class Role(StrEnum):
    READER = "reader"
    WRITER = "writer"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """A rule of a role; "*" stands for all, no `resource_names` for any name, no `namespaces` for all."""

    api_groups: tuple[str, ...]
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    resource_names: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()

    def manifest(self) -> dict[str, list[str]]:
        """In the words of a ClusterRole, with `namespaces` beside them where the rule holds only there."""
        words = {
            "apiGroups": self.api_groups,
            "resources": self.resources,
            "verbs": self.verbs,
            "resourceNames": self.resource_names,
            "namespaces": self.namespaces,
        }
        optional = ("resourceNames", "namespaces")
        return {word: list(values) for word, values in words.items() if values or word not in optional}


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with a bearer token; the server makes one up where `token` is None.

    `groups` leave out system:authenticated, which every token brings.
    """

    name: str
    token: str | None = field(repr=False)
    groups: tuple[str, ...]
    rules: tuple[PolicyRule, ...]


def read_user(fields: Fields, mesh: Mesh | None) -> User:
    role = fields.choice("role", Role, Role.READER) if fields.has("role") else None
    rules = [_read_rule(row) for row in fields.sections("rules")]
    if role is None and not rules:
        raise fields.error("role", "is missing; give a role (reader, writer, admin) or rules.")
    groups = ("system:masters",) if role is Role.ADMIN else ()
    user = User(
        name=fields.text("name"),
        token=fields.text("token") if fields.has("token") else None,
        groups=(*groups, *fields.texts("groups")),
        rules=(*(_rules(role, mesh) if role else ()), *rules),
    )
    fields.done()
    return user


def _read_rule(fields: Fields) -> PolicyRule:
    rule = PolicyRule(
        api_groups=fields.texts("apiGroups"),
        resources=fields.texts("resources"),
        verbs=fields.texts("verbs"),
        resource_names=fields.texts("resourceNames"),
        namespaces=fields.texts("namespaces"),
    )
    fields.done()
    return rule


def _rules(role: Role, mesh: Mesh | None) -> tuple[PolicyRule, ...]:
    match role:
        case Role.ADMIN:
            return (PolicyRule(("*",), ("*",), ("*",)),)
        case Role.WRITER:
            return (*_reader(mesh), *_writer())
        case Role.READER:
            return _reader(mesh)


def _reader(mesh: Mesh | None) -> tuple[PolicyRule, ...]:
    # Asked for by name in all namespaces: metadata.name=istio. istio-user is Istio's own overlay.
    endings = ("", *(revision.suffix for revision in (mesh.revisions if mesh else ())))
    istio = [f"{name}{end}" for end in endings for name in ("istio", "istio-user", "istio-sidecar-injector")]
    webhooks = ("mutatingwebhookconfigurations", "validatingwebhookconfigurations")
    apps = ("deployments", "statefulsets", "daemonsets", "replicasets")
    networking = (
        "serviceentries",
        "sidecars",
        "virtualservices",
        "gateways",
        "envoyfilters",
        "destinationrules",
        "workloadentries",
        "proxyconfigs",
    )
    security = ("peerauthentications", "authorizationpolicies", "requestauthentications")
    gateway_api = (
        "gateways",
        "gatewayclasses",
        "httproutes",
        "grpcroutes",
        "tlsroutes",
        "tcproutes",
        "referencegrants",
    )
    return (
        PolicyRule(("",), ("namespaces", "pods", "services", "serviceaccounts", "nodes"), READ),
        PolicyRule(("apps",), apps, READ),
        PolicyRule(("batch",), ("jobs", "cronjobs"), READ),
        PolicyRule(("apiextensions.k8s.io",), ("customresourcedefinitions",), READ),
        PolicyRule(("admissionregistration.k8s.io",), webhooks, READ),
        PolicyRule(("",), ("configmaps",), READ, (*SPEEDSCALE_CONFIG_MAPS, *dict.fromkeys(istio))),
        PolicyRule(("networking.istio.io",), networking, READ),
        PolicyRule(("security.istio.io",), security, READ),
        PolicyRule(("networking.k8s.io",), ("networkpolicies",), READ),
        PolicyRule(("gateway.networking.k8s.io",), gateway_api, READ),
        PolicyRule(("speedscale.com",), ("trafficreplays",), READ),
        PolicyRule(("argoproj.io",), ("rollouts",), READ),
    )


def _writer() -> tuple[PolicyRule, ...]:
    return (
        PolicyRule(
            ("networking.istio.io",),
            ("serviceentries", "sidecars", "virtualservices", "destinationrules"),
            WRITE,
        ),
        PolicyRule(("security.istio.io",), ("peerauthentications",), WRITE),
        PolicyRule(("apps",), ("deployments", "statefulsets", "daemonsets"), ("patch",)),
    )
