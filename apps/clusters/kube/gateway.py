"""ClusterGateway over HTTPS: paths, parameters and bodies of the Kubernetes API. No policy of ours."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from typing import Any, TypeVar, cast
from urllib.parse import quote

import msgspec

from apps.clusters import gateway as g
from apps.clusters.addresses import Address
from apps.clusters.connection import Connection
from apps.clusters.kube import refusals
from apps.clusters.kube.transport import Answer, Transport

FIELD_MANAGER = "meshconsole"
APPLY_PATCH = "application/apply-patch+yaml"
MAX_PAGES = 4000
HEAD = 2000  # bytes in which a list's metadata is looked for
T = TypeVar("T")
_TOKEN = re.compile(rb'"continue":"([A-Za-z0-9+/=_.~-]+)"')
_NOTHING: Future[Answer] = Future()


class _ListMeta(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")
    remaining_item_count: int | None = None


@lru_cache(maxsize=64)
def _list_decoder(item_type: Any) -> msgspec.json.Decoder[Any]:
    """Decodes a list's body straight into items of the type, skipping whatever it does not name."""
    body = msgspec.defstruct(
        "ListBody",
        [
            ("metadata", _ListMeta, msgspec.field(default_factory=_ListMeta)),
            ("items", list[item_type] | None, None),
        ],
    )
    return msgspec.json.Decoder(body)


class KubeGateway:
    """See `clusters.gateway.ClusterGateway`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="next-page")

    def __enter__(self) -> KubeGateway:
        return self

    def __exit__(self, *exc: object) -> None:
        self._ahead.shutdown(wait=False, cancel_futures=True)
        self._transport.close()

    def version(self) -> g.ServerVersion:
        body = self._json("GET", "/version")
        return g.ServerVersion(*(str(body.get(key) or "")[:40] for key in ("gitVersion", "major", "minor")))

    def identity(self) -> g.Identity:
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        body = self._json("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=review)
        user = _mapping(_mapping(body.get("status")).get("userInfo"))
        groups = user.get("groups")
        return g.Identity(
            str(user.get("username") or "")[:300],
            tuple(str(group)[:300] for group in groups[:100]) if isinstance(groups, list) else (),
        )

    def resources(self, groups: Sequence[str]) -> tuple[g.Resource, ...]:
        versions = self._versions() if any(groups) else {}
        found: list[g.Resource] = []
        for group in groups:
            for version in ["v1"] if not group else versions.get(group, []):
                found.extend(self._served(group, version))
        return tuple(found)

    def allowed(self, checks: Sequence[g.AccessCheck]) -> tuple[bool, ...]:
        return tuple(self._allowed(check) for check in checks)

    def pages(
        self, resource: g.Resource, item_type: type[T], *, limit: int = 500, field_selector: str = ""
    ) -> Iterator[g.Page]:
        decoder = _list_decoder(cast(Hashable, item_type))
        following = self._ask_page(resource, limit, field_selector, "")
        for _ in range(MAX_PAGES):
            body = following.result().body
            # The next page is under way while this one is decoded and used.
            expected = _early_token(body)
            following = self._ask_page(resource, limit, field_selector, expected) if expected else _NOTHING
            try:
                page = decoder.decode(body)
            except (msgspec.DecodeError, RecursionError) as failure:
                raise g.TooLargeError(
                    f"The cluster's list of {resource.plural} cannot be read: {str(failure)[:200]}"
                ) from None
            token = page.metadata.continue_
            if token != expected:
                following = self._ask_page(resource, limit, field_selector, token) if token else _NOTHING
            yield g.Page(page.items or [], page.metadata.resource_version, page.metadata.remaining_item_count)
            if not token:
                return
        raise g.TooLargeError(f"The cluster's list of {resource.plural} does not end.")

    def _ask_page(self, resource: g.Resource, limit: int, selector: str, token: str) -> Future[Answer]:
        query = [("limit", str(limit))]
        if selector:
            query.append(("fieldSelector", selector))
        if token:
            query.append(("continue", token))
        return self._ahead.submit(self._ask, "GET", _path(resource), query=query)

    def get(self, resource: g.Resource, namespace: str, name: str) -> dict[str, Any]:
        return self._json("GET", _path(resource, namespace, name))

    def apply(
        self, resource: g.Resource, manifest: g.Manifest, *, dry_run: bool, force: bool = False
    ) -> g.WriteAnswer:
        metadata = _mapping(manifest.get("metadata"))
        query = [("fieldManager", FIELD_MANAGER), ("fieldValidation", "Strict")]
        query.append(("force", "true" if force else "false"))
        if dry_run:
            query.append(("dryRun", "All"))
        answer = self._ask(
            "PATCH",
            _path(resource, str(metadata.get("namespace") or ""), str(metadata.get("name") or "")),
            query=query,
            body=manifest,
            content_type=APPLY_PATCH,
            writing=not dry_run,
        )
        try:
            written = _document(answer)
        except g.TooLargeError as failure:
            raise (failure if dry_run else g.OutcomeUnknownError(failure.message)) from None
        return g.WriteAnswer(written, answer.status == 201, answer.warnings)

    def delete(
        self,
        resource: g.Resource,
        namespace: str,
        name: str,
        *,
        uid: str,
        resource_version: str,
        dry_run: bool,
    ) -> None:
        options: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid, "resourceVersion": resource_version},
        }
        if dry_run:
            options["dryRun"] = ["All"]
        self._ask("DELETE", _path(resource, namespace, name), body=options, writing=not dry_run)

    def _versions(self) -> dict[str, list[str]]:
        """The versions of every group, the preferred one first."""
        found: dict[str, list[str]] = {}
        for item in _items(self._json("GET", "/apis"), "groups"):
            preferred = _mapping(item.get("preferredVersion")).get("version")
            versions = [str(v.get("version")) for v in _items(item, "versions") if v.get("version")]
            found[str(item.get("name"))] = sorted(versions, key=lambda version: version != preferred)
        return found

    def _served(self, group: str, version: str) -> list[g.Resource]:
        path = f"/apis/{quote(group, safe='')}/{quote(version, safe='')}" if group else f"/api/{version}"
        try:
            body = self._json("GET", path)
        except g.NotFoundError:
            return []
        return [
            g.Resource(
                group,
                version,
                str(item.get("name")),
                str(item.get("kind")),
                item.get("namespaced") is True,
                frozenset(str(verb) for verb in item.get("verbs") or () if isinstance(verb, str)),
            )
            for item in _items(body, "resources")
            if "/" not in str(item.get("name"))
        ]

    def _allowed(self, check: g.AccessCheck) -> bool:
        attributes = {"verb": check.verb, "group": check.group, "resource": check.plural}
        if check.namespace:
            attributes["namespace"] = check.namespace
        if check.name:
            attributes["name"] = check.name
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        body = self._json("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body=review)
        return _mapping(body.get("status")).get("allowed") is True

    def _json(self, method: str, path: str, *, body: Any = None) -> dict[str, Any]:
        return _document(self._ask(method, path, body=body))

    def _ask(self, method: str, path: str, *, writing: bool = False, **more: Any) -> Answer:
        answer = self._transport.send(method, path, writing=writing, **more)
        if 200 <= answer.status < 300:
            return answer
        refusal = refusals.read(answer.status, answer.headers, answer.body)
        failure = refusals.error(refusal, writing=writing)
        failure.message = self._transport.hide(failure.message)
        failure.args = (failure.message,)
        raise failure


def open_kube(connection: Connection, address: Address) -> g.ClusterGateway:
    """A gateway to the cluster at an address that was checked. Dials nothing yet."""
    return KubeGateway(Transport(connection, address))


def _path(resource: g.Resource, namespace: str = "", name: str = "") -> str:
    root = f"/apis/{resource.group}/{resource.version}" if resource.group else f"/api/{resource.version}"
    scope = f"/namespaces/{quote(namespace, safe='')}" if namespace and resource.namespaced else ""
    ending = f"/{quote(name, safe='')}" if name else ""
    return f"{root}{scope}/{resource.plural}{ending}"


def _early_token(body: bytes) -> str:
    """The continue token, where it stands in front of the items, as an API server writes it. A guess
    that is checked once the page is decoded."""
    found = _TOKEN.search(body, 0, HEAD)
    return found.group(1).decode() if found and b'"items"' not in body[: found.start()] else ""


def _document(answer: Answer) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise g.TooLargeError("The address does not answer as a Kubernetes API server does.")
    return document


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _items(body: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = body.get(key)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
