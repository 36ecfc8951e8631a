"""GET on collections: selectors, pages, consistent continue tokens, and the forms a list comes in."""

import base64
import binascii
import json
from dataclasses import dataclass

import msgspec
import yaml

from apps.simcluster.cluster import Cluster
from apps.simcluster.errors import (
    Cause,
    CauseType,
    bad_request,
    expired,
    invalid_options,
    quoted,
    too_large_version,
)
from apps.simcluster.kinds import Resource
from apps.simcluster.messages import JSON, Request, Response
from apps.simcluster.negotiation import Form
from apps.simcluster.schema import Json
from apps.simcluster.selectors import matcher
from apps.simcluster.store import Expired, Stored
from apps.simcluster.tables import column_definitions, metadata_only, row

TOKEN_VERSION = "meta.k8s.io/v1"  # noqa: S105
TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start "
    "a new list "
    "without the continue parameter, or use the continue token in this response to retrieve the "
    "remainder of the "
    "results. Continuing with the provided token results in an inconsistent list - objects that "
    "were created, "
    "modified, or deleted between the time the first chunk was returned and now may show up in the list."
)


@dataclass(frozen=True, slots=True)
class Page:
    """What a list found: the objects, the revision they are of, and how to go on."""

    items: list[Stored]
    revision: int
    token: str = ""
    remaining: int | None = None


def _forbidden(field: str, why: str) -> Cause:
    return Cause(CauseType.FORBIDDEN, field, f"Forbidden: {why}")


def version_number(text: str) -> int:
    """A resourceVersion of a list; empty is 0."""
    if not text:
        return 0
    if not text.isdigit():
        why = f"strconv.ParseUint: parsing {quoted(text)}: invalid syntax"
        raise bad_request(f"invalid resource version: resourceVersion: Invalid value: {quoted(text)}: {why}")
    return int(text)


def _check(request: Request) -> None:
    match, version = request.param("resourceVersionMatch"), request.param("resourceVersion")
    token = request.param("continue")
    causes = []
    if "sendInitialEvents" in request.query:
        causes.append(_forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    if match:
        if not version:
            why = "resourceVersionMatch is forbidden unless resourceVersion is provided"
            causes.append(_forbidden("resourceVersionMatch", why))
        if token:
            why = "resourceVersionMatch is forbidden when continue is provided"
            causes.append(_forbidden("resourceVersionMatch", why))
        if match not in ("Exact", "NotOlderThan"):
            text = f'Unsupported value: {quoted(match)}: supported values: "Exact", "NotOlderThan", ""'
            causes.append(Cause(CauseType.NOT_SUPPORTED, "resourceVersionMatch", text))
        elif match == "Exact" and version == "0":
            why = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
            causes.append(_forbidden("resourceVersionMatch", why))
    if causes:
        raise invalid_options("ListOptions", *causes)
    if token and version not in ("", "0"):
        raise bad_request("specifying resource version is not allowed when using continue")


def _limit(request: Request) -> int:
    text = request.param("limit")
    if not text:
        return 0
    if not text.lstrip("-").isdigit():
        raise bad_request(f"strconv.ParseInt: parsing {quoted(text)}: invalid syntax")
    return int(text)


def encode_token(revision: int, start: str) -> str:
    text = json.dumps({"v": TOKEN_VERSION, "rv": revision, "start": start}, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_token(token: str) -> tuple[int, str]:
    """Revision (-1: any) and start key; raises 400."""
    prefix = "invalid continue token: continue key is not valid"
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise bad_request(f"{prefix}: illegal base64 data at input byte 0") from error
    try:
        given = json.loads(raw)
        if given["v"] != TOKEN_VERSION:
            raise bad_request(
                f"{prefix}: server does not recognize this encoded version {quoted(given['v'])}"
            )
        return int(given["rv"]), str(given["start"])
    except (ValueError, KeyError, TypeError) as error:
        first = raw[:1].decode("latin-1")
        shown = first if first.isprintable() else f"\\u{ord(first):04x}"
        why = f"invalid character '{shown}' looking for beginning of value"
        raise bad_request(f"{prefix}: {why}") from error


def find(cluster: Cluster, resource: Resource, namespace: str, request: Request) -> Page:
    """The page a list request asks for; raises what the server would answer."""
    _check(request)
    limit, match = _limit(request), request.param("resourceVersionMatch")
    token, asked = request.param("continue"), version_number(request.param("resourceVersion"))
    selected = matcher(request.param("labelSelector"), request.param("fieldSelector"), resource.plural)
    store, start = cluster.store, ""
    with store.lock:
        revision = store.revision
        if asked > revision:
            raise too_large_version(asked, revision)
        if request.param("resourceVersion") == "0":
            limit = 0
        if token:
            asked, start = decode_token(token)
            match = "Exact" if asked >= 0 else ""
        try:
            items = store.at(resource.key, asked) if match == "Exact" else store.each(resource.key)
        except Expired as error:
            if token:
                fresh = encode_token(-1, start.lstrip("/"))
                raise expired(TOO_OLD, token=fresh) from error
            raise expired("The resourceVersion for the provided list is too old.") from error
        if match == "Exact":
            revision = asked
    prefix = f"{namespace}/" if namespace else ""
    first = prefix + start.lstrip("/")
    kept = [
        item
        for item in items
        if item.key.startswith(prefix) and item.key >= first and (selected is None or selected(item))
    ]
    return _cut(kept, limit, revision, prefix, counted=selected is None)


def _cut(items: list[Stored], limit: int, revision: int, prefix: str, *, counted: bool) -> Page:
    if limit <= 0 or len(items) <= limit:
        return Page(items, revision)
    page = items[:limit]
    token = encode_token(revision, f"/{page[-1].key.removeprefix(prefix)}\0")
    return Page(page, revision, token, len(items) - limit if counted else None)


def _list_meta(page: Page, *, always_continue: bool) -> Json:
    meta: Json = {"resourceVersion": str(page.revision)}
    if page.token or always_continue:
        meta["continue"] = page.token
    if page.remaining is not None:
        meta["remainingItemCount"] = page.remaining
    return meta


def _assemble(kind: str, api_version: str, meta: Json, items: list[bytes], **more: object) -> bytes:
    head = msgspec.json.encode({"kind": kind, "apiVersion": api_version, "metadata": meta, **more})
    name = b"rows" if kind == "Table" else b"items"
    return head[:-1] + b',"' + name + b'":[' + b",".join(items) + b"]}"


def render(
    cluster: Cluster, resource: Resource, version: str, page: Page, form: Form, request: Request
) -> Response:
    """A page in the asked form."""
    api_version = resource.api_version(version)
    if form is Form.TABLE:
        include = request.param("includeObject")
        rows = [row(resource, version, item, cluster.now(), include) for item in page.items]
        columns = column_definitions(resource, version)
        meta = _list_meta(page, always_continue=False)
        body = _assemble("Table", "meta.k8s.io/v1", meta, rows, columnDefinitions=columns)
        return Response(200, body)
    if form is Form.METADATA:
        items = [metadata_only(item) for item in page.items]
        meta = _list_meta(page, always_continue=False)
        return Response(200, _assemble("PartialObjectMetadataList", "meta.k8s.io/v1", meta, items))
    if resource.custom:
        items = [item.encoded(api_version, resource.kind) for item in page.items]
    else:
        items = [item.body for item in page.items]
    meta = _list_meta(page, always_continue=resource.custom)
    return in_form(_assemble(f"{resource.kind}List", api_version, meta, items), form)


def in_form(body: bytes, form: Form, status: int = 200) -> Response:
    """JSON bytes as JSON or as YAML."""
    if form is Form.YAML:
        text = yaml.safe_dump(msgspec.json.decode(body), default_flow_style=False)
        return Response(status, text.encode(), "application/yaml")
    return Response(status, body, JSON)
