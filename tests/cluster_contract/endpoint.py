"""The API server under test: the simulated cluster, or a real one named by MESHCONSOLE_CONTRACT_KUBECONFIG.

Speaks plain HTTP over TLS, so that odd paths and methods go out exactly as recorded.
"""

import base64
import gzip
import http.client
import json
import os
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from apps.simcluster.fleet import SimulatedCluster

KUBECONFIG_VARIABLE = "MESHCONSOLE_CONTRACT_KUBECONFIG"
TIMEOUT = 90
GROUPS = {"viewer": "viewers", "editor": "editors"}


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    warnings: list[str]
    body: Any


@dataclass(slots=True)
class Endpoint:
    """Where requests go, and how each user is presented."""

    host: str
    port: int
    context: ssl.SSLContext
    headers: dict[str, dict[str, str]]  # by user
    real: bool
    cluster: SimulatedCluster | None = None
    default_headers: dict[str, str] = field(
        default_factory=lambda: {"User-Agent": "meshconsole", "Accept": "application/json"}
    )

    def open(
        self, method: str, path: str, user: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[http.client.HTTPSConnection, http.client.HTTPResponse]:
        connection = http.client.HTTPSConnection(self.host, self.port, context=self.context, timeout=TIMEOUT)
        sent = {**self.default_headers, **self.as_user(user), **headers}
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in sent.items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        return connection, connection.getresponse()

    def as_user(self, user: str) -> dict[str, str]:
        if user in self.headers:
            return self.headers[user]
        if user == "anonymous":
            return {}
        if user == "unknown-token":
            return {"Authorization": "Bearer nobody-has-this-token"}
        if self.cluster is not None:
            return {"Authorization": f"Bearer {self.cluster.token(user)}"}
        group = {"Impersonate-Group": GROUPS[user]} if user in GROUPS else {}
        return {**self.headers["admin"], "Impersonate-User": user, **group}

    def send(
        self,
        method: str,
        path: str,
        *,
        user: str = "admin",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        try:
            connection, response = self.open(method, path, user, headers or {}, body)
            data = response.read()
        except (http.client.HTTPException, ConnectionError):
            return Answer(0, {}, [], "")
        connection.close()
        found = {name.lower(): value for name, value in response.getheaders()}
        warnings = response.headers.get_all("Warning") or []
        if found.get("content-encoding") == "gzip":
            data = gzip.decompress(data)
        is_json = found.get("content-type", "").startswith("application/json")
        value = json.loads(data) if is_json and data else data.decode(errors="replace")
        return Answer(response.status, found, warnings, value)

    def minor(self) -> int:
        """The minor version of the server: 36 of 1.36."""
        return int(str(self.json("GET", "/version").body["minor"]).rstrip("+"))

    def serves_watch_lists(self) -> bool:
        """Lists by watch came and went: on in 1.32, off in 1.33, on from 1.34."""
        return self.minor() == 32 or self.minor() >= 34

    def json(self, method: str, path: str, body: Any = None, *, kind: str = "application/json") -> Answer:
        """A setup request as the administrator."""
        data = None if body is None else json.dumps(body).encode()
        return self.send(method, path, headers={"Content-Type": kind} if data else {}, body=data)

    def watch(self, path: str, user: str = "admin", headers: Mapping[str, str] | None = None) -> "Watch":
        return Watch(*self.open("GET", path, user, headers or {}, None))


class Watch:
    """An open watch: events as they come."""

    def __init__(self, connection: http.client.HTTPSConnection, response: http.client.HTTPResponse) -> None:
        self.connection = connection
        self.response = response
        self.status = response.status

    def events(self, count: int | None = None) -> list[dict[str, Any]]:
        """So many events, or all until the server ends the stream."""
        found: list[dict[str, Any]] = []
        for line in self._lines():
            found.append(json.loads(line))
            if count is not None and len(found) >= count:
                break
        self.connection.close()
        return found

    def _lines(self) -> Iterator[bytes]:
        while line := self.response.readline():
            if line.strip():
                yield line


def simulated(cluster: SimulatedCluster) -> Endpoint:
    context = ssl.create_default_context(cadata=cluster.ca_pem)
    return Endpoint("127.0.0.1", cluster.port, context, {}, real=False, cluster=cluster)


def real_from_environment() -> Endpoint | None:
    """The server of the kubeconfig's current context; None without the variable."""
    path = os.environ.get(KUBECONFIG_VARIABLE)
    if not path:
        return None
    config = yaml.safe_load(Path(path).read_text())
    chosen = _named(config["contexts"], config["current-context"])["context"]
    cluster = _named(config["clusters"], chosen["cluster"])["cluster"]
    user = _named(config["users"], chosen["user"])["user"]
    address = urlsplit(cluster["server"])
    context = ssl.create_default_context(cadata=_pem(cluster, "certificate-authority"))
    headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
    if "token" not in user:
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as stream:
            stream.write(_pem(user, "client-certificate") + "\n" + _pem(user, "client-key"))
            stream.flush()
            context.load_cert_chain(stream.name)
    return Endpoint(address.hostname or "", address.port or 443, context, {"admin": headers}, real=True)


def _named(items: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(item for item in items if item["name"] == name)


def _pem(section: dict[str, Any], name: str) -> str:
    if f"{name}-data" in section:
        return base64.b64decode(section[f"{name}-data"]).decode()
    return Path(section[name]).read_text()
