"""Simulated clusters that run: many in one event loop of one thread, each on its own port with its own CA.

What tests and the `simcluster` command use. `SimulatedFleet` starts and stops; `SimulatedCluster` says how to
reach one cluster and gives direct access to its store and its faults.
"""

import asyncio
import json
import logging
import secrets
import socket
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Any, Self

import uvicorn

from apps.simcluster.access import EVERYBODY, MASTERS, User
from apps.simcluster.admission import calls_out
from apps.simcluster.asgi import Application
from apps.simcluster.behaviour.options import Behaviour
from apps.simcluster.certificates import write_private
from apps.simcluster.cluster import VERSION, Cluster, new_cluster, utc_now
from apps.simcluster.collector import paused
from apps.simcluster.controllers import Controllers, settle
from apps.simcluster.definitions import EVERYTHING, istio_definitions
from apps.simcluster.faults import Faults
from apps.simcluster.journal import Journal
from apps.simcluster.kubeconfig import kubeconfig_text
from apps.simcluster.outages import Outage
from apps.simcluster.presented import PresentedCertificate
from apps.simcluster.schema import Json
from apps.simcluster.seeding import Writers, seed
from apps.simcluster.serving import HOST, Server, bind, configured
from apps.simcluster.store import Store

ADMIN = "admin"
START_SECONDS = 120
STOP_SECONDS = 10
SETTLE_SECONDS = 0.25
BUSY_SECONDS = 0.03  # requests come first
logger = logging.getLogger("apps.simcluster")


@dataclass(frozen=True, slots=True)
class ClusterSpec:
    """What a cluster is made of. `users` without a token get one; an `admin` is always added.

    `served` maps Istio's groups to versions; definitions among `manifests` come on top. `port` 0 is any.
    """

    name: str
    manifests: Sequence[Json] = ()
    users: Sequence[tuple[User, str | None]] = ()
    served: Mapping[str, Sequence[str]] = field(default_factory=lambda: EVERYTHING)
    writers: Writers | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    git_version: str = VERSION
    port: int = 0
    behaviour: Behaviour = field(default_factory=Behaviour)


class SimulatedCluster:
    """A cluster of a fleet: how to reach it, its state, its faults."""

    def __init__(self, spec: ClusterSpec, directory: Path, *, durable: bool) -> None:
        self.name = spec.name
        self.directory = directory
        self.certificate = PresentedCertificate(directory / "tls", spec.name)
        self.tokens = _tokens(spec, directory)
        journal = Journal(directory / "store.sqlite3") if durable else None
        self.store = Store(journal)
        users = {user.name: user for user, _ in spec.users}
        users.setdefault(ADMIN, User(ADMIN, ADMIN, (MASTERS,)))
        pairs = [(token, users[name]) for name, token in self.tokens.items()]
        self.state: Cluster = new_cluster(spec.name, self.store, pairs)
        self.state.git_version = spec.git_version
        if durable and self.state.access.tokens:
            self.state.access.tokens.key_file = directory / "tls" / "service-accounts.key"
        self.seeded = self.store.empty
        if self.seeded:
            seed(self.state, [*istio_definitions(spec.served), *spec.manifests], spec.writers)
            settle(self.state)
        self.spec = replace(spec, manifests=(), writers=None)  # they are in the store now
        self.controllers = Controllers(self.state, spec.behaviour, resume=not self.seeded)
        self.faults = Faults()
        self.application = Application(self.state, self.faults)
        self.port = 0
        self.skew_seconds = 0.0

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}"

    @property
    def ca_file(self) -> Path:
        return self.certificate.files.ca

    @property
    def ca_pem(self) -> str:
        return self.certificate.files.ca.read_text()

    def token(self, user: str = ADMIN) -> str:
        return self.tokens[user]

    @property
    def requests(self) -> list[tuple[str, str]]:
        """What was asked so far: (method, path with query), oldest first."""
        return list(self.application.requests)

    @property
    def asked(self) -> int:
        """How many requests there were so far; `requests` remembers the last of them."""
        return self.application.asked

    def configured(self) -> uvicorn.Config:
        """The settings of the server that serves this cluster."""
        config = configured(self.application, self.certificate.files)
        self.certificate.served_by(config.ssl)
        return config

    def revoke_token(self, user: str) -> None:
        """From now on the user's token is answered with 401, `*`: everybody's; `tokens` still shows it."""
        self.state.access.revoked.add(user)

    def restore_token(self, user: str) -> None:
        """Take a revocation back; `*` takes back all."""
        if user == EVERYBODY:
            self.state.access.revoked.clear()
        self.state.access.revoked.discard(user)

    def skew_clock(self, seconds: float) -> None:
        """Let the cluster's clock go before the true time by so many seconds; negative: after it."""
        self.skew_seconds = seconds
        self.state.now = lambda: utc_now() + timedelta(seconds=seconds)

    def reset(self) -> None:
        """End every disturbance: faults, outage, revocations, skew, another certificate. Objects stay."""
        self.faults.clear()
        self.faults.outage = Outage.NONE
        self.restore_token(EVERYBODY)
        self.skew_clock(0)
        self.certificate.reset()

    def kubeconfig(self, *users: str) -> str:
        """A kubeconfig with a context `user@cluster` for each user (all by default); the first is current."""
        names = users or tuple(sorted(self.tokens, key=lambda name: name != ADMIN))
        return kubeconfig_text(self.name, self.url, self.ca_pem, {name: self.tokens[name] for name in names})


def _tokens(spec: ClusterSpec, directory: Path) -> dict[str, str]:
    """Tokens by user name; made ones are kept so that a restart knows them."""
    path = directory / "tokens.json"
    kept: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    wanted = {user.name: token for user, token in spec.users}
    wanted.setdefault(ADMIN, None)
    tokens = {name: token or kept.get(name) or secrets.token_urlsafe(32) for name, token in wanted.items()}
    write_private(path, json.dumps(tokens, indent=1).encode())
    return tokens


class SimulatedFleet:
    """Clusters served from a background thread. Use as a context manager or call `start` and `stop`.

    With `state_dir` the clusters keep objects, certificates, tokens and ports there; without, nothing is
    kept.
    """

    def __init__(self, specs: Iterable[ClusterSpec] = (), *, state_dir: Path | None = None) -> None:
        self._temporary = None if state_dir else tempfile.TemporaryDirectory(prefix="simcluster-")
        self._root = state_dir or Path(self._temporary.name if self._temporary else "")
        self._durable = state_dir is not None
        self.clusters: dict[str, SimulatedCluster] = {}
        self._servers: list[Server] = []
        self._sockets: list[socket.socket] = []  # one a cluster
        self._beside: list[tuple[uvicorn.Config, socket.socket]] = []
        self._thread: Thread | None = None
        self._started, self._failure = Event(), ""
        with paused():  # specs may be made one by one, and very many objects with them
            for spec in specs:
                self.add(spec)
                del spec  # so that the collector does not find them when it goes on

    def add(self, spec: ClusterSpec) -> SimulatedCluster:
        """Add a cluster before the fleet is started."""
        if self._thread is not None:
            raise RuntimeError("add clusters before the fleet is started")
        directory = self._root / spec.name
        directory.mkdir(parents=True, exist_ok=True)
        cluster = SimulatedCluster(spec, directory, durable=self._durable)
        self.clusters[spec.name] = cluster
        return cluster

    def __getitem__(self, name: str) -> SimulatedCluster:
        return self.clusters[name]

    def serve_beside(self, application: Any, port: int) -> int:
        """Serve one more ASGI application in the fleet's loop, on plain HTTP; returns its port.

        For a fleet that is not started yet; `port` 0 is any, and a taken one is replaced.
        """
        if self._thread is not None:
            raise RuntimeError("add applications before the fleet is started")
        bound = bind(port)
        self._beside.append((configured(application), bound))
        return int(bound.getsockname()[1])

    def start(self) -> Self:
        """Bind and serve; returns when every cluster answers."""
        for cluster in self.clusters.values():
            bound = bind(_preferred_port(cluster))
            cluster.port = bound.getsockname()[1]
            (cluster.directory / "port").write_text(str(cluster.port))
            self._sockets.append(bound)
        self._thread = Thread(target=self._run, name="simulated-fleet", daemon=True)
        self._thread.start()
        if not self._started.wait(START_SECONDS) or self._failure:
            raise RuntimeError(f"the simulated fleet did not start: {self._failure or 'timed out'}")
        return self

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:
            self._failure = str(error)
            logger.exception("the simulated fleet failed")
        finally:
            self._started.set()

    async def _serve(self) -> None:
        configs = [cluster.configured() for cluster in self.clusters.values()]
        pairs = [*zip(configs, self._sockets, strict=True), *self._beside]
        self._servers = [Server(config) for config, _ in pairs]
        tasks = [
            asyncio.create_task(server.serve(sockets=[bound]))
            for server, (_, bound) in zip(self._servers, pairs, strict=True)
        ]
        tidying = asyncio.create_task(self._settle())
        while not all(server.started for server in self._servers) and not any(task.done() for task in tasks):
            await asyncio.sleep(0.01)
        self._started.set()
        await asyncio.gather(*tasks)
        tidying.cancel()

    async def _settle(self) -> None:
        """Let the clusters' controllers work; one that may have to wait for a webhook does so in a thread."""
        threads: dict[str, asyncio.Task[None]] = {}
        while True:
            for cluster in self.clusters.values():
                thread = threads.get(cluster.name)
                if cluster.controllers.idle or (thread and not thread.done()):
                    continue
                if calls_out(cluster.state):
                    threads[cluster.name] = asyncio.create_task(asyncio.to_thread(cluster.controllers.tick))
                else:
                    cluster.controllers.tick()
            busy = any(cluster.controllers.busy for cluster in self.clusters.values())
            await asyncio.sleep(BUSY_SECONDS if busy else SETTLE_SECONDS)

    def stop(self) -> None:
        """End all servers, close the stores and forget temporary state."""
        for server in self._servers:
            server.should_exit = True
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)
            self._thread = None
        for cluster in self.clusters.values():
            cluster.store.close()
        for bound in (*self._sockets, *(bound for _, bound in self._beside)):
            bound.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _preferred_port(cluster: SimulatedCluster) -> int:
    kept = cluster.directory / "port"
    if cluster.spec.port == 0 and kept.exists() and kept.read_text().strip().isdigit():
        return int(kept.read_text())
    return cluster.spec.port
