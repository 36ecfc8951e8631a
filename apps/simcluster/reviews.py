"""Reviews a client asks of itself: who am I, may I, what may I. Nothing is stored."""

from apps.simcluster.access import Access, Attributes, User
from apps.simcluster.comparing import compare
from apps.simcluster.errors import Cause, CauseType, Target, bad_request, invalid, object_in
from apps.simcluster.fieldsets import encode
from apps.simcluster.schema import GENERIC_OBJECT, Json

AUTHENTICATION = "authentication.k8s.io"
AUTHORIZATION = "authorization.k8s.io"


def user_info(user: User) -> Json:
    """The `UserInfo` of a user, as reviews and admission requests show it."""
    info: Json = {"username": user.name}
    if user.uid:
        info["uid"] = user.uid
    info["groups"] = list(user.groups)
    if user.extra:
        info["extra"] = {name: list(values) for name, values in user.extra.items()}
    return info


def self_subject(user: User, timestamp: str) -> Json:
    return {
        "kind": "SelfSubjectReview",
        "apiVersion": f"{AUTHENTICATION}/v1",
        "metadata": {"creationTimestamp": timestamp},
        "status": {"userInfo": user_info(user)},
    }


def self_access(access: Access, user: User, body: Json, manager: str, timestamp: str) -> Json:
    """A SelfSubjectAccessReview answered; 422 unless exactly one kind of attributes is given."""
    spec = object_in(body.get("spec"), "SelfSubjectAccessReview.spec")
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if (resource is None) is (path is None):
        why = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        cause = Cause(CauseType.INVALID, "spec.resourceAttributes", f"Invalid value: null: {why}")
        raise invalid(Target(AUTHORIZATION), [cause])
    if resource is not None:
        resource = object_in(resource, "SelfSubjectAccessReviewSpec.resourceAttributes")
        asked = Attributes(
            verb=resource.get("verb", ""),
            group=resource.get("group", ""),
            resource=resource.get("resource", ""),
            subresource=resource.get("subresource", ""),
            namespace=resource.get("namespace", ""),
            name=resource.get("name", ""),
        )
    else:
        path = object_in(path, "SelfSubjectAccessReviewSpec.nonResourceAttributes")
        asked = Attributes(verb=path.get("verb", ""), path=path.get("path", ""))
    allowed, reason = access.decide(user, asked)
    stated = compare({}, {"spec": spec}, GENERIC_OBJECT).added - {("f:spec",)}
    entry = {
        "manager": manager,
        "operation": "Update",
        "apiVersion": f"{AUTHORIZATION}/v1",
        "time": timestamp,
        "fieldsType": "FieldsV1",
        "fieldsV1": encode(stated),
    }
    return {
        "kind": "SelfSubjectAccessReview",
        "apiVersion": f"{AUTHORIZATION}/v1",
        "metadata": {"managedFields": [entry]},
        "spec": spec,
        "status": {"allowed": allowed} | ({"reason": reason} if reason else {}),
    }


def self_rules(access: Access, user: User, body: Json) -> Json:
    """A SelfSubjectRulesReview answered for a namespace; 400 without one."""
    namespace = object_in(body.get("spec"), "SelfSubjectRulesReview.spec").get("namespace", "")
    if not namespace:
        raise bad_request("no namespace on request")
    resource_rules, path_rules = [], []
    for grant in access.grants(user):
        if grant.namespace and grant.namespace != namespace:
            continue
        if grant.rule.get("nonResourceURLs"):
            path_rules.append(
                {"verbs": list(grant.rule["verbs"]), "nonResourceURLs": list(grant.rule["nonResourceURLs"])}
            )
        if grant.rule.get("resources"):
            names = ("verbs", "apiGroups", "resources", "resourceNames")
            resource_rules.append({name: list(grant.rule[name]) for name in names if grant.rule.get(name)})
    status = {"resourceRules": resource_rules, "nonResourceRules": path_rules, "incomplete": False}
    head = {"kind": "SelfSubjectRulesReview", "apiVersion": f"{AUTHORIZATION}/v1"}
    return {**head, "metadata": {}, "spec": {}, "status": status}
