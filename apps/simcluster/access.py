"""Who asks, and may they? Bearer tokens, impersonation and RBAC.

Rules come from the scenario's users and from Role and ClusterRole objects in the store. Texts of refusals are
the server's. It writes nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from apps.simcluster.errors import Target, bad_request, forbidden, unauthorized
from apps.simcluster.kinds import GROUP_RBAC
from apps.simcluster.messages import Request
from apps.simcluster.schema import Json
from apps.simcluster.store import Store
from apps.simcluster.tokens import AUDIENCES, ServiceAccountTokens

ANONYMOUS = "system:anonymous"
EVERYBODY = "*"
AUTHENTICATED = "system:authenticated"
UNAUTHENTICATED = "system:unauthenticated"
MASTERS = "system:masters"
PUBLIC_PATHS = ("/healthz", "/livez", "/readyz", "/version", "/version/")
DISCOVERY_PATHS = tuple(
    sorted((*PUBLIC_PATHS, "/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*"))
)
OPENID_PATHS = ("/.well-known", "/.well-known/*")


@dataclass(frozen=True, slots=True)
class User:
    """An identity: name, uid and groups, and rules that hold for it without any role object."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    rules: tuple[Mapping[str, Any], ...] = ()
    extra: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def anonymous(self) -> bool:
        return self.name == ANONYMOUS


NOBODY = User(ANONYMOUS, groups=(UNAUTHENTICATED,))


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is to be done: a verb on a resource, or on a path."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def full_resource(self) -> str:
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


@dataclass(frozen=True, slots=True)
class Grant:
    """A rule that holds for a user, where (empty namespace: everywhere) and why."""

    rule: Mapping[str, Any]
    namespace: str = ""
    reason: str = ""


@dataclass(slots=True)
class Access:
    """Tokens and rules of one cluster. The tokens of `revoked` users are nobody's; `*` is everybody."""

    store: Store
    users: dict[str, User] = field(default_factory=dict)  # by token
    tokens: ServiceAccountTokens | None = None
    revoked: set[str] = field(default_factory=set)

    def authenticate(self, request: Request) -> User:
        """The user of a request; raises 401 for a token nobody has. No bearer token: anonymous."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            user = NOBODY
        else:
            found = self.user_of(token.strip())
            if found is None:
                raise unauthorized()
            user = found
        return self._impersonated(user, request)

    def user_of(self, token: str, audiences: Sequence[str] = AUDIENCES) -> User | None:
        """Whose token it is: a user's of the scenario, or a service account's for one of the audiences."""
        found = self._holder(token, audiences)
        return None if found is not None and self.revoked & {found.name, EVERYBODY} else found

    def _holder(self, token: str, audiences: Sequence[str]) -> User | None:
        found = self.users.get(token)
        if found is not None:
            return replace(found, groups=(*found.groups, AUTHENTICATED))
        account = self.tokens.account(token, audiences) if self.tokens else None
        if account is None:
            return None
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{account.namespace}", AUTHENTICATED)
        extra = {"authentication.kubernetes.io/credential-id": (f"JTI={account.token_id}",)}
        name = f"system:serviceaccount:{account.namespace}:{account.name}"
        return User(name, account.uid, groups, extra=extra)

    def _impersonated(self, user: User, request: Request) -> User:
        name = request.headers.get("impersonate-user", "")
        groups = request.header_lists.get("impersonate-group", [])
        extras = [key for key in request.headers if key.startswith("impersonate-extra-")]
        if not name:
            if groups or extras:
                shown = "[]string{" + ", ".join(f'"{group}"' for group in groups) + "}"
                who = f'&user.DefaultInfo{{Name:"", UID:"", Groups:{shown}, Extra:map[string][]string(nil)}}'
                raise bad_request(f"requested {who} without impersonating a user name")
            return user
        self._require_impersonation(user, Target("", "users", "", name))
        for group in groups:
            self._require_impersonation(user, Target("", "groups", "", group))
        for key in extras:
            target = Target("authentication.k8s.io", "userextras", "", request.headers[key])
            self._require_impersonation(user, target, key.removeprefix("impersonate-extra-"))
        known = next((item for item in self.users.values() if item.name == name), None)
        rules = known.rules if known else ()
        return User(name, groups=(*groups, AUTHENTICATED), rules=rules)

    def _require_impersonation(self, user: User, target: Target, subresource: str = "") -> None:
        asked = Attributes("impersonate", target.group, target.resource, subresource, name=target.name)
        if not self.decide(user, asked)[0]:
            raise forbidden(
                target, user=user.name, verb="impersonate", subresource=subresource, namespace=None
            )

    def decide(self, user: User, asked: Attributes) -> tuple[bool, str]:
        """Whether it is allowed, and the reason RBAC gives."""
        if MASTERS in user.groups:
            return True, ""
        for grant in self.grants(user):
            if grant.namespace and (asked.path or grant.namespace != asked.namespace):
                continue
            if _rule_allows(grant.rule, asked):
                return True, grant.reason
        return False, ""

    def grants(self, user: User) -> Iterator[Grant]:
        """Every rule that holds for a user."""
        yield from _default_grants(user)
        for rule in user.rules:
            for namespace in _namespaces(rule):
                yield Grant(rule, namespace)
        for binding in self._objects("clusterrolebindings"):
            yield from self._bound(user, binding, "")
        for binding in self._objects("rolebindings"):
            yield from self._bound(user, binding, binding["metadata"]["namespace"])

    def _objects(self, plural: str) -> Iterator[Json]:
        for stored in self.store.each(f"{plural}.{GROUP_RBAC}"):
            yield stored.object()

    def _bound(self, user: User, binding: Json, namespace: str) -> Iterator[Grant]:
        subject = next((s for s in binding.get("subjects") or () if _is_subject(user, s, namespace)), None)
        if subject is None:
            return
        role = binding.get("roleRef", {})
        cluster_wide = role.get("kind") == "ClusterRole"
        plural = "clusterroles" if cluster_wide else "roles"
        found = self.store.get(
            f"{plural}.{GROUP_RBAC}", "" if cluster_wide else namespace, role.get("name", "")
        )
        named = binding["metadata"]["name"] + (f"/{namespace}" if namespace else "")
        kind = "RoleBinding" if namespace else "ClusterRoleBinding"
        who = f'{subject["kind"]} "{subject["name"]}"'
        reason = f'RBAC: allowed by {kind} "{named}" of {role.get("kind")} "{role.get("name")}" to {who}'
        for rule in (found or {}).get("rules") or ():
            yield Grant(rule, namespace, reason)


def _is_subject(user: User, subject: Json, namespace: str) -> bool:
    kind, name = subject.get("kind"), subject.get("name", "")
    if kind == "ServiceAccount":
        return user.name == f"system:serviceaccount:{subject.get('namespace') or namespace}:{name}"
    return name in user.groups if kind == "Group" else name == user.name


def _namespaces(rule: Mapping[str, Any]) -> Sequence[str]:
    given = rule.get("namespaces") or rule.get("namespace") or ("",)
    return (given,) if isinstance(given, str) else tuple(given)


_REVIEW_RULES: tuple[Mapping[str, Any], ...] = (
    {
        "verbs": ["create"],
        "apiGroups": ["authorization.k8s.io"],
        "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
    },
    {"verbs": ["create"], "apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"]},
)


def _default_grants(user: User) -> Iterator[Grant]:
    if not user.anonymous:
        for rule in _REVIEW_RULES:
            yield Grant(rule)
        yield Grant({"verbs": ["get"], "nonResourceURLs": list(DISCOVERY_PATHS)})
        yield Grant({"verbs": ["get"], "nonResourceURLs": list(OPENID_PATHS)})
    yield Grant({"verbs": ["get"], "nonResourceURLs": list(PUBLIC_PATHS)})


def _rule_allows(rule: Mapping[str, Any], asked: Attributes) -> bool:
    if not _matches(asked.verb, rule.get("verbs")):
        return False
    if asked.path:
        return any(_path_matches(asked.path, pattern) for pattern in rule.get("nonResourceURLs") or ())
    if not _matches(asked.group, rule.get("apiGroups")):
        return False
    resources = rule.get("resources") or ()
    any_subresource = f"*/{asked.subresource}" if asked.subresource else ""
    if not (
        "*" in resources
        or asked.full_resource in resources
        or (any_subresource and any_subresource in resources)
    ):
        return False
    names = rule.get("resourceNames") or ()
    return not names or asked.name in names


def _matches(value: str, allowed: Sequence[str] | None) -> bool:
    return allowed is not None and ("*" in allowed or value in allowed)


def _path_matches(path: str, pattern: str) -> bool:
    return pattern in ("*", path) or (pattern.endswith("*") and path.startswith(pattern[:-1]))
