"""The control API of a fleet: faults, outages, credentials, certificates and clocks over plain HTTP and JSON.

An instrument of tests: on loopback, and only for who has the token. It says what is wrong with a request in
`error`: 400 for a body that is no JSON, 422 for one with a wrong field. It does nothing that
`SimulatedCluster` cannot do.
"""

import secrets
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import parse_qs, unquote

import msgspec

from apps.simcluster.access import EVERYBODY
from apps.simcluster.asgi import Receive, Scope, Send, read_body
from apps.simcluster.faults import Fault, Planned
from apps.simcluster.fleet import SimulatedCluster, SimulatedFleet
from apps.simcluster.outages import Outage
from apps.simcluster.schema import Json
from apps.simcluster.serving import HOST

CENTURY = 3_155_760_000


class _OutageBody(msgspec.Struct, forbid_unknown_fields=True):
    outage: Outage


class _RotateBody(msgspec.Struct, forbid_unknown_fields=True):
    authority: Literal["same", "new"]


class _ClockBody(msgspec.Struct, forbid_unknown_fields=True):
    skew_seconds: Annotated[float, msgspec.Meta(ge=-CENTURY, le=CENTURY)]


Body = TypeVar("Body")
Answer = tuple[int, Json]


class Refusal(Exception):
    """A request that is not carried out: the status and a sentence."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Control:
    """The control API beside the clusters of a fleet that is not started yet; `url` and `token` open it."""

    def __init__(self, fleet: SimulatedFleet, port: int = 0) -> None:
        self.token = secrets.token_urlsafe(32)
        self._clusters: Mapping[str, SimulatedCluster] = fleet.clusters
        self.url = f"http://{HOST}:{fleet.serve_beside(self, port)}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(receive) if scope["type"] == "http" else None
        if body is None:
            return
        try:
            status, document = self._answer(scope, body)
        except Refusal as refusal:
            status, document = refusal.status, {"error": str(refusal)}
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": msgspec.json.encode(document) + b"\n"})

    def _answer(self, scope: Scope, body: bytes) -> Answer:
        given = dict(scope["headers"]).get(b"authorization", b"")
        if not secrets.compare_digest(given, f"Bearer {self.token}".encode()):
            raise Refusal(401, "The header Authorization must be `Bearer` and the token of the ready file.")
        method, path = scope["method"], scope["raw_path"].decode("latin-1")
        match method, [unquote(part) for part in path.strip("/").split("/")]:
            case "GET", ["clusters"]:
                return 200, {"clusters": [_state(cluster) for cluster in self._clusters.values()]}
            case "POST", ["reset"]:
                for cluster in self._clusters.values():
                    cluster.reset()
                return 200, {"clusters": [_state(cluster) for cluster in self._clusters.values()]}
            case _, ["clusters", name, *rest]:
                if name not in self._clusters:
                    raise Refusal(404, f"There is no cluster {name!r}, only {', '.join(self._clusters)}.")
                query = parse_qs(scope["query_string"].decode("latin-1"))
                found = _on_cluster(self._clusters[name], method, rest, query, body)
                if found is not None:
                    return found
        raise Refusal(404, f"There is no {method} {path}.")


def _on_cluster(
    cluster: SimulatedCluster, method: str, rest: list[str], query: Mapping[str, list[str]], body: bytes
) -> Answer | None:
    match method, rest:
        case _, ["faults", *_]:
            return _on_faults(cluster, method, rest[1:], body)
        case "GET", []:
            pass
        case "PUT", ["outage"]:
            cluster.faults.outage = _read(body, _OutageBody).outage
        case "POST", ["tokens", user, "revoke" | "restore" as action]:
            _known_user(cluster, user)
            (cluster.revoke_token if action == "revoke" else cluster.restore_token)(user)
        case "POST", ["certificate", "rotate"]:
            cluster.certificate.rotate(new_authority=_read(body, _RotateBody).authority == "new")
        case "PUT", ["clock"]:
            cluster.skew_clock(_read(body, _ClockBody).skew_seconds)
        case "POST", ["compact"]:
            cluster.store.compact()
        case "POST", ["reset"]:
            cluster.reset()
        case "GET", ["requests"]:
            return 200, _requests(cluster, query.get("since", ["0"])[0])
        case _:
            return None
    return 200, _state(cluster)


def _on_faults(cluster: SimulatedCluster, method: str, rest: list[str], body: bytes) -> Answer | None:
    match method, rest:
        case "GET", []:
            return 200, {"faults": [_planned(planned) for planned in cluster.faults.planned()]}
        case "POST", []:
            return 201, _planned(cluster.faults.add(_read(body, Fault)))
        case "DELETE", []:
            cluster.faults.clear()
            return 200, {"faults": []}
        case "GET" | "DELETE", [fault_id]:
            known = {planned.id: planned for planned in cluster.faults.planned()}
            if fault_id not in known:
                raise Refusal(404, f"There is no fault {fault_id!r} on {cluster.name}.")
            if method == "DELETE":
                cluster.faults.remove(fault_id)
            return 200, _planned(known[fault_id])
    return None


def _read(body: bytes, kind: type[Body]) -> Body:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise Refusal(422, f"{error}.") from error
    except msgspec.DecodeError as error:
        raise Refusal(400, f"The body is no JSON: {error}.") from error


def _known_user(cluster: SimulatedCluster, user: str) -> None:
    if user not in (*cluster.tokens, EVERYBODY) and not user.startswith("system:serviceaccount:"):
        raise Refusal(404, f"There is no user {user!r} on {cluster.name}, only {', '.join(cluster.tokens)}.")


def _planned(planned: Planned) -> Json:
    counted = {"matched": planned.matched, "hits": planned.hits, "spent": planned.spent}
    return {"id": planned.id, **counted, "fault": msgspec.to_builtins(planned.fault)}


def _state(cluster: SimulatedCluster) -> Json:
    return {
        "name": cluster.name,
        "url": cluster.url,
        "outage": cluster.faults.outage,
        "revoked": sorted(cluster.state.access.revoked),
        "skew_seconds": cluster.skew_seconds,
        "certificate": {
            "sha256": cluster.certificate.files.fingerprint,
            "ca_file": str(cluster.ca_file.resolve()),
        },
        "requests": cluster.asked,
        "faults": [_planned(planned) for planned in cluster.faults.planned()],
    }


def _requests(cluster: SimulatedCluster, since: str) -> Json:
    """What was asked after the request of a number; only the last requests are remembered."""
    if not since.isdecimal():
        raise Refusal(422, f"since must be a number of a request, not {since!r}.")
    known: list[Any] = cluster.requests
    first = cluster.asked - len(known) + 1
    listed = [
        {"number": number, "method": method, "path": path}
        for number, (method, path) in enumerate(known, first)
        if number > int(since)
    ]
    return {"last": cluster.asked, "requests": listed}
