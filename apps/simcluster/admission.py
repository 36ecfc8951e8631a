"""Admission: what registered webhooks and quotas say to a write before it is stored.

Webhooks with a URL are called over the network, those with a Service within the process (`incluster`).
Mutating ones run before validation, validating ones and quotas after it. It stores nothing.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import cast

import msgspec

from apps.simcluster.access import User
from apps.simcluster.cluster import Cluster
from apps.simcluster.errors import ApiError, Target, quoted
from apps.simcluster.incluster.dispatch import ask_service
from apps.simcluster.kinds import GROUP_ADMISSION, Resource
from apps.simcluster.messages import Route
from apps.simcluster.options import DeleteOptions, FieldValidation, WriteOptions
from apps.simcluster.patching import PatchError, json_patch
from apps.simcluster.reinvocation import Reinvocations
from apps.simcluster.reviews import user_info
from apps.simcluster.schema import Json
from apps.simcluster.selectors import label_selector_holds
from apps.simcluster.webhooks import CallError, Verdict, ask, denied
from apps.simcluster.writes import Write

MUTATING = f"mutatingwebhookconfigurations.{GROUP_ADMISSION}"
VALIDATING = f"validatingwebhookconfigurations.{GROUP_ADMISSION}"
CREATE, UPDATE, DELETE = "CREATE", "UPDATE", "DELETE"
_WITHOUT_SIDE_EFFECTS = ("None", "NoneOnDryRun")


def calls_out(cluster: Cluster) -> bool:
    """Whether a write may have to wait for a webhook: those with a Service answer at once."""
    return any(
        _has(webhook, "url")
        for key in (MUTATING, VALIDATING)
        for item in cluster.store.each(key)
        for webhook in _registered(item.body)
    )


@lru_cache(maxsize=512)
def _registered(configuration: bytes) -> tuple[Json, ...]:
    """The webhooks of a stored configuration, read once; not to be changed."""
    return tuple(cast(Json, msgspec.json.decode(configuration)).get("webhooks") or ())


def _has(webhook: Json, *ways: str) -> bool:
    config = webhook.get("clientConfig") or {}
    return any(config.get(way) for way in ways)


def mutate(write: Write, obj: Json, before: Json | None) -> tuple[Json, tuple[str, ...]]:
    """The object as mutating webhooks leave it, and their warnings; raises their refusals."""
    warnings: list[str] = []
    again = Reinvocations()
    obj = _mutation_round(write, obj, before, again, warnings)
    if again.needed:
        again.second_round = True
        obj = _mutation_round(write, obj, before, again, warnings)
    return obj, tuple(warnings)


def _mutation_round(
    write: Write, obj: Json, before: Json | None, again: Reinvocations, warnings: list[str]
) -> Json:
    """Each webhook once, in order; a selector sees the object as earlier webhooks left it."""
    for key, webhook in _candidates(write, MUTATING, _operation(obj, before)):
        if again.skips(key) or not _selects(webhook, write, obj, before):
            continue
        verdict = _ask(write, webhook, obj, before)
        seen = obj
        if verdict is not None:
            warnings += verdict.warnings
            obj = _mutated(write, webhook, obj, verdict.patch) if verdict.patch else obj
        again.called(key, webhook, changed=obj != seen)
    return obj


def _mutated(write: Write, webhook: Json, obj: Json, patch: list[Json]) -> Json:
    try:
        patched = json_patch(_typed(write, obj) or {}, patch)
    except (PatchError, AttributeError, TypeError, KeyError) as error:
        raise _internal(f"failed calling webhook {quoted(webhook['name'])}: {error}") from error
    patched["metadata"]["managedFields"] = obj["metadata"].get("managedFields", [])
    if not patched["metadata"]["managedFields"]:
        del patched["metadata"]["managedFields"]
    return {name: value for name, value in patched.items() if name not in ("apiVersion", "kind")}


def validate(write: Write, obj: Json | None, before: Json | None) -> tuple[str, ...]:
    """Warnings of validating webhooks; raises their refusals and those of quotas."""
    warnings: list[str] = []
    for _, webhook in _candidates(write, VALIDATING, _operation(obj, before)):
        if not _selects(webhook, write, obj, before):
            continue
        verdict = _ask(write, webhook, obj, before)
        warnings += verdict.warnings if verdict else ()
    if before is None and obj is not None:
        _check_quotas(write, obj["metadata"].get("name", ""))
    return tuple(warnings)


def admit_deletion(
    cluster: Cluster, user: User, resource: Resource, route: Route, options: DeleteOptions
) -> None:
    """Ask validating webhooks about a deletion; raises their refusals."""
    before = cluster.store.get(resource.key, route.namespace, route.name)
    if before is not None:
        asked = WriteOptions(options.dry_run, "", force=False, validation=FieldValidation.IGNORE)
        place = (route.version, route.namespace, route.name)
        validate(Write(cluster, resource, *place, asked, user=user), None, before)


def _candidates(write: Write, key: str, operation: str) -> Iterator[tuple[str, Json]]:
    """The webhooks whose rules hold for this write, in order, with a name for each registration."""
    if write.resource.group == GROUP_ADMISSION:
        return  # a webhook must not lock its own registration
    for stored in write.cluster.store.each(key):  # by name, as the server sorts configurations
        for index, webhook in enumerate(_registered(stored.body)):
            rules = webhook.get("rules") or ()
            if not _has(webhook, "url", "service"):
                continue  # a real server would not have taken it
            if any(_rule_holds(rule, write, operation) for rule in rules):
                yield f"{stored.name}/{index}", webhook


def _selects(webhook: Json, write: Write, obj: Json | None, before: Json | None) -> bool:
    return _namespace_holds(webhook, write) and _object_holds(webhook, obj, before)


def _operation(obj: Json | None, before: Json | None) -> str:
    if obj is None:
        return DELETE
    return CREATE if before is None else UPDATE


def _rule_holds(rule: Json, write: Write, operation: str) -> bool:
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


def _namespace_holds(webhook: Json, write: Write) -> bool:
    selector = webhook.get("namespaceSelector")
    if not selector or not write.resource.namespaced:
        return True
    found = write.cluster.store.stored("namespaces", "", write.namespace)
    return label_selector_holds(selector, found.labels if found else {})


def _object_holds(webhook: Json, obj: Json | None, before: Json | None) -> bool:
    """The object selector looks at the object as it is and as it was."""
    selector = webhook.get("objectSelector")
    states = (state for state in (obj, before) if state is not None)
    return not selector or any(
        label_selector_holds(selector, state["metadata"].get("labels") or {}) for state in states
    )


def _typed(write: Write, obj: Json | None) -> Json | None:
    return None if obj is None else {"apiVersion": write.api_version, "kind": write.resource.kind, **obj}


def _ask(write: Write, webhook: Json, obj: Json | None, before: Json | None) -> Verdict | None:
    """The verdict of an allowing webhook; None when it failed and may be ignored. Raises refusals."""
    name = str(webhook.get("name", ""))
    if write.options.dry_run and webhook.get("sideEffects") not in _WITHOUT_SIDE_EFFECTS:
        raise ApiError(400, "BadRequest", f"admission webhook {quoted(name)} does not support dry run")
    try:
        request = _request(write, obj, before)
        if _has(webhook, "url"):
            verdict = ask(webhook, request)
        else:
            verdict = ask_service(write.cluster, webhook, request)
    except CallError as error:
        if webhook.get("failurePolicy", "Fail") == "Ignore":
            return None
        raise _internal(f"failed calling webhook {quoted(name)}: {error}") from error
    if not verdict.allowed:
        raise denied(name, verdict)
    return verdict


def _internal(text: str) -> ApiError:
    details = {"causes": [{"message": text}]}
    return ApiError(500, "InternalError", f"Internal error occurred: {text}", details=details)


def _request(write: Write, obj: Json | None, before: Json | None) -> Json:
    resource = write.resource
    place = {"group": resource.group, "version": write.version}
    request: Json = {
        "kind": {**place, "kind": resource.kind},
        "resource": {**place, "resource": resource.plural},
        "requestKind": {**place, "kind": resource.kind},
        "requestResource": {**place, "resource": resource.plural},
        "name": write.name or ((obj or before or {}).get("metadata") or {}).get("name", ""),
        "operation": _operation(obj, before),
        "userInfo": user_info(write.user),
        "object": _typed(write, obj),
        "oldObject": _typed(write, before),
        "dryRun": write.options.dry_run,
        "options": None,
    }
    if write.subresource:
        request |= {"subResource": write.subresource, "requestSubResource": write.subresource}
    return request | ({"namespace": write.namespace} if write.namespace else {})


def _check_quotas(write: Write, name: str) -> None:
    """403 when a quota on the number of such objects is used up. Other quotas are not counted."""
    item = f"count/{write.resource.key}"
    for stored in write.cluster.store.each("resourcequotas"):
        hard = (stored.object().get("spec") or {}).get("hard") or {}
        if stored.namespace != write.namespace or not write.resource.namespaced or item not in hard:
            continue
        used = sum(
            1 for found in write.cluster.store.each(write.resource.key) if found.namespace == write.namespace
        )
        limit = str(hard[item])
        if limit.isdigit() and used + 1 > int(limit):
            counts = f"requested: {item}=1, used: {item}={used}, limited: {item}={limit}"
            why = f"exceeded quota: {stored.name}, {counts}"
            target = Target(write.resource.group, write.resource.plural, write.resource.kind, name)
            text = f"{target.qualified_resource} {quoted(name)} is forbidden: {why}"
            raise ApiError(403, "Forbidden", text, details=target.details())
