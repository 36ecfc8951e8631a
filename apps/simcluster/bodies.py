"""Objects in request bodies: decoding by media type, kind and version checks, unknown fields by
`fieldValidation`.

Between `decoding` (text to values) and `writing` (values to the store). Texts of refusals are the server's.
"""

import json
from dataclasses import dataclass
from typing import Any

from apps.simcluster import protobuf
from apps.simcluster.decoding import (
    BodyError,
    Decoded,
    go_type_problem,
    parse_json,
    parse_yaml,
    pruned,
    unknown_fields,
    without_nulls,
)
from apps.simcluster.errors import (
    Cause,
    CauseType,
    NoAnswer,
    Target,
    bad_request,
    cannot_unmarshal,
    invalid,
    invalid_patch,
    object_in,
    quoted,
    unsupported_media_type,
)
from apps.simcluster.kinds import Resource
from apps.simcluster.messages import Request
from apps.simcluster.options import FieldValidation
from apps.simcluster.schema import Json

ACCEPTED = "application/json, application/yaml, application/vnd.kubernetes.protobuf"
_SHOWN_BYTES = 30
_NO_KIND = "couldn't get version/kind; json parse error"
_GO_TYPE_META = (
    r'Go value of type struct { APIVersion string "json:\"apiVersion,omitempty\""; '
    r'Kind string "json:\"kind,omitempty\"" }'
)
_OPTIONAL_MAPS = ("data", "binaryData", "stringData")
_OPTIONAL_METADATA = ("labels", "annotations", "finalizers", "ownerReferences", "managedFields")


@dataclass(frozen=True, slots=True)
class Body:
    """An object fit for its resource, and the warnings it earned."""

    obj: Json
    warnings: tuple[str, ...] = ()


def tidy(obj: Json, *, custom: bool) -> Json:
    """As the server stores it: no nulls, no empty optional maps."""
    obj = {key: value for key, value in obj.items() if value is not None} if custom else without_nulls(obj)
    meta = without_nulls(obj.get("metadata") or {})
    empty = [
        name for name in _OPTIONAL_METADATA if name in meta and not meta[name] and name != "managedFields"
    ]
    obj["metadata"] = {name: value for name, value in meta.items() if name not in empty}
    if not custom:
        for name in _OPTIONAL_MAPS:
            if obj.get(name) == {}:
                del obj[name]
    return obj


def _excerpt(data: bytes) -> str:
    if not data:
        return "<empty>"
    text = data.decode(errors="replace")
    return text if len(text) <= _SHOWN_BYTES else text[:_SHOWN_BYTES] + " ..."


def read_object(request: Request, resource: Resource, version: str, validation: FieldValidation) -> Body:
    """The object of a POST or PUT; raises 400, 415 or 422."""
    decoded = _decode(request, resource)
    obj, kind = decoded.value, resource.kind
    if not isinstance(obj, dict):
        found = "array" if isinstance(obj, list) else "value"
        why = f"{_NO_KIND}: json: cannot unmarshal {found} into {_GO_TYPE_META}"
        raise bad_request(
            f"the object provided is unrecognized (must be of type {kind}): {why} "
            f"({request.body[:_SHOWN_BYTES].hex()})"
        )
    if resource.custom and not obj.get("kind"):
        text = request.body.decode(errors="replace")
        why = f"Object 'Kind' is missing in '{text}' ({_excerpt(request.body)})"
        raise bad_request(f"the object provided is unrecognized (must be of type {kind}): {why}")
    _check_types(obj)
    expected = resource.api_version(version)
    if obj.get("apiVersion", expected) != expected:
        raise bad_request(
            f"the API version in the data ({obj['apiVersion']}) does not match the expected API "
            f"version ({expected})"
        )
    _check_kind(obj, resource)
    return fitted(obj, decoded.duplicates, resource, version, validation)


def _decode(request: Request, resource: Resource) -> Decoded:
    media = request.media_type
    if media == protobuf.MEDIA_TYPE and resource.custom:
        raise NoAnswer
    if media == protobuf.MEDIA_TYPE:
        try:
            return Decoded(protobuf.decode(request.body))
        except BodyError as error:
            raise unsupported_media_type(ACCEPTED) from error
    if media not in ("", "application/json", "application/yaml"):
        raise unsupported_media_type(ACCEPTED)
    try:
        return parse_yaml(request.body) if media == "application/yaml" else parse_json(request.body)
    except BodyError as error:
        why = f"couldn't get version/kind; json parse error: {error} ({_excerpt(request.body)})"
        text = f"the object provided is unrecognized (must be of type {resource.kind}): {why}"
        raise bad_request(text) from error


def _check_types(obj: Json) -> None:
    """Type and metadata must at least be text and an object before anything else is asked of them."""
    for name in ("apiVersion", "kind"):
        if not isinstance(obj.get(name, ""), str):
            raise cannot_unmarshal(obj[name], f"TypeMeta.{name}", "string")
    object_in(obj.get("metadata"), "ObjectMeta.metadata")


def _check_kind(obj: Json, resource: Resource) -> None:
    found = obj.get("kind") or resource.kind
    if found == resource.kind:
        return
    if resource.custom:
        name = (obj.get("metadata") or {}).get("name", "")
        cause = Cause(CauseType.INVALID, "kind", f"Invalid value: {quoted(found)}: must be {resource.kind}")
        raise invalid(Target(resource.group, resource.plural, found, name), [cause])
    expected = resource.kind
    raise bad_request(
        f'{found} in version "v1" cannot be handled as a {expected}: converting (v1.{found}) to '
        f"(core.{expected}): unknown conversion"
    )


def fitted(
    obj: Json,
    duplicates: tuple[str, ...],
    resource: Resource,
    version: str,
    validation: FieldValidation,
) -> Body:
    """The object without unknown fields; raises 400 for a wrong Go type, and for unknown fields under
    Strict.
    """
    handled = f'{resource.kind} in version "{version}" cannot be handled as a {resource.kind}'
    if (problem := type_problem(obj, resource)) is not None:
        raise bad_request(f"{handled}: {problem}")
    complaints = complaints_about(obj, duplicates, resource)
    if validation is FieldValidation.STRICT and complaints:
        raise bad_request(f"{handled}: strict decoding error: {', '.join(complaints)}")
    warnings = complaints if validation is FieldValidation.WARN else ()
    return Body(tidy(pruned(obj, resource.schema), custom=resource.custom), warnings)


def type_problem(obj: Json, resource: Resource) -> str | None:
    """What Go's decoder would say; of custom resources only the metadata is typed at this point."""
    if resource.custom:
        return go_type_problem(obj.get("metadata"), resource.schema.fields["metadata"], "ObjectMeta")
    return go_type_problem(obj, resource.schema, resource.kind)


def complaints_about(obj: Json, duplicates: tuple[str, ...], resource: Resource) -> tuple[str, ...]:
    unknown = sorted(unknown_fields(obj, resource.schema))
    return (*duplicates, *(f'unknown field "{path}"' for path in unknown))


def fitted_patch(patched: Json, resource: Resource, validation: FieldValidation) -> Body:
    """The result of a patch: as `fitted`, but refusals are 422 and quote the whole object."""
    shown = json.dumps(json.dumps(patched, separators=(",", ":"), ensure_ascii=False), ensure_ascii=False)
    if (problem := type_problem(patched, resource)) is not None:
        raise invalid_patch(shown, problem)
    complaints = complaints_about(patched, (), resource)
    if validation is FieldValidation.STRICT and complaints:
        raise invalid_patch(shown, f"strict decoding error: {', '.join(complaints)}")
    warnings = complaints if validation is FieldValidation.WARN else ()
    return Body(tidy(pruned(patched, resource.schema), custom=resource.custom), warnings)


def go_map(value: Any) -> str:
    """A value as Go prints it with %v."""
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{go_map(value[key])}" for key in sorted(value)) + "]"
    if isinstance(value, list):
        return "[" + " ".join(go_map(item) for item in value) + "]"
    if value is None:
        return "<nil>"
    return str(value).lower() if isinstance(value, bool) else str(value)
