"""What an admission check sees of a write: the request, and whether its rules want to see it.

Shared by webhooks and policies. It asks nobody.
"""

from apps.simcluster.reviews import user_info
from apps.simcluster.schema import Json
from apps.simcluster.selectors import label_selector_holds
from apps.simcluster.writes import Write

CREATE, UPDATE, DELETE = "CREATE", "UPDATE", "DELETE"


def operation(obj: Json | None, before: Json | None) -> str:
    if obj is None:
        return DELETE
    return CREATE if before is None else UPDATE


def rule_holds(rule: Json, write: Write, operation: str) -> bool:
    """Whether a rule selects the write; another version of the same resource counts, as by default."""
    resource = write.resource
    versions = rule.get("apiVersions") or ()
    if not ({"*", operation} & set(rule.get("operations") or ())):
        return False
    if not ({"*", resource.group} & set(rule.get("apiGroups") or ())):
        return False
    if "*" not in versions and not set(resource.versions) & set(versions):
        return False
    if rule.get("scope", "*") not in ("*", "Namespaced" if resource.namespaced else "Cluster"):
        return False
    wanted = (
        {"*/*", resource.plural, "*"}
        if not write.subresource
        else {
            "*/*",
            f"{resource.plural}/*",
            f"*/{write.subresource}",
            f"{resource.plural}/{write.subresource}",
        }
    )
    return bool(wanted & set(rule.get("resources") or ()))


def namespace_holds(webhook: Json, write: Write, obj: Json | None) -> bool:
    """The namespace selector looks at the namespace of the object; a namespace stands for itself."""
    selector = webhook.get("namespaceSelector")
    is_namespace = write.resource.key == "namespaces"
    if not selector or not (write.resource.namespaced or is_namespace):
        return True
    if is_namespace and obj is not None:
        return label_selector_holds(selector, obj["metadata"].get("labels") or {})
    place = write.name if is_namespace else write.namespace
    found = write.cluster.store.stored("namespaces", "", place)
    return label_selector_holds(selector, found.labels if found else {})


def object_holds(webhook: Json, obj: Json | None, before: Json | None) -> bool:
    """The object selector looks at the object as it is and as it was."""
    selector = webhook.get("objectSelector")
    states = (state for state in (obj, before) if state is not None)
    return not selector or any(
        label_selector_holds(selector, state["metadata"].get("labels") or {}) for state in states
    )


def typed(write: Write, obj: Json | None) -> Json | None:
    return None if obj is None else {"apiVersion": write.api_version, "kind": write.resource.kind, **obj}


def admission_request(write: Write, obj: Json | None, before: Json | None) -> Json:
    resource = write.resource
    place = {"group": resource.group, "version": write.version}
    request: Json = {
        "kind": {**place, "kind": resource.kind},
        "resource": {**place, "resource": resource.plural},
        "requestKind": {**place, "kind": resource.kind},
        "requestResource": {**place, "resource": resource.plural},
        "name": write.name or ((obj or before or {}).get("metadata") or {}).get("name", ""),
        "operation": operation(obj, before),
        "userInfo": user_info(write.user),
        "object": typed(write, obj),
        "oldObject": typed(write, before),
        "dryRun": write.options.dry_run,
        "options": None,
    }
    if write.subresource:
        request |= {"subResource": write.subresource, "requestSubResource": write.subresource}
    return request | ({"namespace": write.namespace} if write.namespace else {})
