"""PATCH by content type: JSON patch, merge patch, strategic merge, server-side apply.

Reads the patch, lays it over the stored object and hands the result to `writing`.
"""

from collections.abc import Callable
from typing import Any

from apps.simcluster.access import Attributes
from apps.simcluster.applying import merge, prune, typing_problems, untyped
from apps.simcluster.bodies import Body, complaints_about, fitted_patch, go_map, tidy
from apps.simcluster.comparing import compare
from apps.simcluster.decoding import BodyError, parse_json, parse_yaml
from apps.simcluster.errors import (
    ApiError,
    bad_request,
    conflict,
    invalid_patch,
    not_found,
    quoted,
    rejected_patch,
    unsupported_media_type,
)
from apps.simcluster.fieldsets import EMPTY, of_object
from apps.simcluster.messages import Request
from apps.simcluster.options import APPLY, FieldValidation
from apps.simcluster.ownership import (
    Operation,
    Owners,
    Ownership,
    after_apply,
    first_owner,
    owners_of,
    tracked,
)
from apps.simcluster.patching import MAX_OPERATIONS, PatchError, json_patch, merge_patch, strategic_merge
from apps.simcluster.schema import Json
from apps.simcluster.writes import Write, Written, check_place, require_namespace
from apps.simcluster.writing import create, replace

JSON_PATCH = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
Authorize = Callable[[Attributes], None]


def patch(write: Write, request: Request, may: Authorize) -> Written:
    """Apply the body of a PATCH; `may` raises 403 when an apply would have to create and must not."""
    media = request.media_type
    if media == APPLY:
        return _apply(write, request, may)
    if media == STRATEGIC and write.resource.custom:
        raise unsupported_media_type(f"{JSON_PATCH}, {MERGE}, {APPLY}")
    if media not in (JSON_PATCH, MERGE, STRATEGIC):
        raise ApiError(415, "UnsupportedMediaType", "415: Unsupported Media Type", details={})
    given = _read_patch(request, media)
    with write.cluster.store.lock:
        before = write.cluster.store.get(write.resource.key, write.namespace, write.name)
        if before is None:
            raise not_found(write.target)
        whole = {"apiVersion": write.api_version, "kind": write.resource.kind, **before}
        body = _patched(write, whole, given, media)
        after = body.obj
        if after["metadata"].get("namespace") is None or after["metadata"].get("name") is None:
            after["metadata"].setdefault("name", write.name)
        check_place(write, after)
        done = replace(write, before, _plain(after))
        return Written(done.obj, (*body.warnings, *done.warnings))


def _plain(obj: Json) -> Json:
    return {name: value for name, value in obj.items() if name not in ("apiVersion", "kind")}


def _read_patch(request: Request, media: str) -> Any:
    try:
        given = parse_json(request.body).value
    except BodyError as error:
        raise bad_request(f"error decoding patch: {error}") from error
    if media == JSON_PATCH and not isinstance(given, list):
        kind = "object" if isinstance(given, dict) else "value"
        target = "Go value of type []handlers.jsonPatchOp"
        raise bad_request(f"error decoding patch: json: cannot unmarshal {kind} into {target}")
    if media == JSON_PATCH and len(given) > MAX_OPERATIONS:
        why = f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {len(given)}"
        raise ApiError(413, "RequestEntityTooLarge", f"Request entity too large: {why}")
    if media != JSON_PATCH and not isinstance(given, dict):
        raise bad_request("error decoding patch: json: cannot unmarshal array into Go value of type map")
    return given


def _patched(write: Write, whole: Json, given: Any, media: str) -> Body:
    resource, validation = write.resource, write.options.validation
    try:
        if media == JSON_PATCH:
            patched = json_patch(whole, given)
        elif media == MERGE:
            patched = merge_patch(whole, given)
        else:
            found = complaints_about(given, (), resource)
            unknown = [text for text in found if "$" not in text]  # directives are no fields
            if validation is FieldValidation.STRICT and unknown:
                shown = quoted(go_map(given))
                raise invalid_patch(shown, f"strict decoding error: {', '.join(unknown)}")
            patched = strategic_merge(whole, given, resource.schema)
    except (PatchError, AttributeError, TypeError, KeyError) as error:
        raise rejected_patch() from error
    return fitted_patch(patched, resource, validation)


def _apply(write: Write, request: Request, may: Authorize) -> Written:
    config, warnings = _read_config(write, request)
    store, resource = write.cluster.store, write.resource
    with store.lock:
        live = store.get(resource.key, write.namespace, write.name)
        if live is None:
            return _apply_new(write, config, warnings, may)
        owners = owners_of(live["metadata"].get("managedFields"))
        if not owners:
            owners = first_owner(live, resource.schema, write.api_version, write.reset)
        manager = write.manager(Operation.APPLY)
        last = owners.get(manager.identity)
        stated = tracked(of_object(config, resource.schema), write.reset)
        merged = merge(live, _writable(write, config), resource.schema)
        others = [owner.fields for key, owner in owners.items() if key != manager.identity]
        kept = stated.union(*others)
        merged = prune(merged, resource.schema, last.fields if last else EMPTY, kept)
        change = compare(live, merged, resource.schema)
        moved = bool(tracked(change.added | change.modified | change.removed, write.reset))
        time = write.cluster.timestamp() if moved else (last.time if last else None)
        own = Ownership(manager, stated, time)
        owners = after_apply(owners, change, own, write.reset, force=write.options.force)
        if "resourceVersion" in (config.get("metadata") or {}):
            merged["metadata"]["resourceVersion"] = config["metadata"]["resourceVersion"]
        done = replace(write, live, merged, owners)
        return Written(done.obj, (*warnings, *done.warnings))


def _apply_new(write: Write, config: Json, warnings: tuple[str, ...], may: Authorize) -> Written:
    resource = write.resource
    if write.subresource:
        raise not_found(write.target)
    may(Attributes("create", resource.group, resource.plural, "", write.namespace, write.name))
    require_namespace(write, write.name)
    uid = config["metadata"].get("uid")
    if uid:
        why = f"uid mismatch: the provided object specified uid {uid}, and no existing object was found"
        raise conflict(write.target, why)
    config["metadata"].pop("resourceVersion", None)
    config = _writable(write, config)
    stated = tracked(of_object(config, resource.schema), write.reset)
    manager = write.manager(Operation.APPLY)
    owners: Owners = {manager.identity: Ownership(manager, stated, write.cluster.timestamp())}
    return create(write, _plain(config), owners, warnings)


def _writable(write: Write, config: Json) -> Json:
    """The applied object without type and without the fields this endpoint does not write."""
    left = {name: value for name, value in _plain(config).items() if name not in write.reset}
    left["metadata"] = dict(config["metadata"]) if "metadata" not in write.reset else {}
    return left


def _read_config(write: Write, request: Request) -> tuple[Json, tuple[str, ...]]:
    """The object of an apply, checked against the URL and the schema."""
    try:
        decoded = parse_yaml(request.body)
    except BodyError as error:
        raise bad_request(f"error decoding YAML: error converting YAML to JSON: {error}") from error
    config = decoded.value
    if not isinstance(config, dict):
        raise bad_request("error decoding YAML: error unmarshaling JSON: json: cannot unmarshal into map")
    found = (str(config.get("apiVersion", "")), str(config.get("kind", "")))
    if found != (write.api_version, write.resource.kind):
        version = found[0] if "/" in found[0] else "/" + found[0]
        raise bad_request(f"invalid object type: {version}, Kind={found[1]}")
    meta = config.get("metadata") or {}
    if not isinstance(meta, dict) or not meta.get("name"):
        raise bad_request(
            f"the name of the object ({write.name} based on URL) was undeterminable: name must be provided"
        )
    if meta.get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    if write.resource.namespaced and meta.get("namespace", write.namespace) != write.namespace:
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    problems = list(typing_problems(config, write.resource.schema))
    if problems:
        raise untyped(config, write.api_version, write.resource.kind, problems)
    version_given = meta.get("resourceVersion")
    check_place(write, config)
    config = tidy(config, custom=write.resource.custom)
    if version_given is not None:
        config["metadata"]["resourceVersion"] = version_given
    return config, decoded.duplicates
