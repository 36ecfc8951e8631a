"""Two servers at the same proxy cannot both have a port, and one of them is dropped.

All Gateways that select a workload are merged into its listeners, the oldest first
(pilot/pkg/model/gateway.go mergeGateways). A server with TLS that lists a host which an older one with TLS
has on that port and address is skipped with all its hosts, and so is one whose protocol does not go with
plain HTTP or TCP there. A plain server after one with TLS gets its place, told apart by the server name of
the handshake; for `*` there is none to tell, and the proxy refuses the listener of both. So it does where a
host stands with a namespace in one server (`shop/a.example.com`) and without it in another: two to istiod,
and one server name to the proxy.

Plain HTTP servers do share a port and even a host: their routes are merged, which Kiali reports as a
conflict. `*` beside `a.example.com` is none either; the narrower name is chosen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from apps.mesh.findings import Finding, Severity
from apps.mesh.gatewayproxies import gateway_workloads
from apps.mesh.inforce import INPUTS, in_force, together
from apps.mesh.objects.networking import Gateway, GatewayServer
from apps.mesh.refs import ResourceRef
from apps.mesh.rules.base import Rule, RuleContext

HTTP = frozenset({"HTTP", "HTTP2", "GRPC", "GRPC-WEB", "HTTP_PROXY"})
_REFUSED = ", and the proxy refuses the listener of both"
_DROPPED = ", so that this server is dropped with all its hosts"


@dataclass(frozen=True, slots=True)
class _Server:
    gateway: Gateway
    place: int
    server: GatewayServer
    port: int
    protocol: str

    @property
    def secured(self) -> bool:
        return bool(self.server.tls_mode) and self.protocol not in HTTP

    @property
    def terminated(self) -> tuple[str, ...]:
        """The server names of handshakes for which it terminates TLS."""
        if not self.secured or "PASSTHROUGH" in self.server.tls_mode:
            return ()
        return tuple(host.rpartition("/")[2] for host in self.server.hosts)

    @property
    def hosts(self) -> tuple[str, ...]:
        """As istiod compares them: `./x` with the namespace, `*/x` without any."""
        own = self.gateway.namespace
        return tuple(
            f"{own}/{host[2:]}" if host.startswith("./") else host.removeprefix("*/")
            for host in self.server.hosts
        )


@dataclass(slots=True)
class _Listener:
    """What a proxy has on one port and address so far."""

    plain: _Server | None = None
    names: dict[str, _Server] = field(default_factory=dict)
    terminated: dict[str, _Server] = field(default_factory=dict)

    def add(self, new: _Server) -> tuple[_Server, str] | None:
        """The server that a new one meets, and what comes of it; None when both have their place."""
        if new.server.tls_mode:
            for host in new.hosts:
                if host in self.names:
                    return self.names[host], f"has {host} as well and came first{_DROPPED}"
            self.names.update(dict.fromkeys(new.hosts, new))
        if self.plain is not None:
            if new.protocol in HTTP and self.plain.protocol in HTTP:
                return None
            speaks = f"speaks {self.plain.protocol} and came first"
            return self.plain, f"{speaks}{_DROPPED}; only plain HTTP shares a port with plain HTTP"
        if not new.secured:
            self.plain = new
            other = self.terminated.get("*")
            return None if other is None else (other, f"terminates TLS for every name{_REFUSED}")
        same = next((host for host in new.terminated if host in self.terminated), None)
        found = None if same is None else (self.terminated[same], f"terminates TLS for {same} too{_REFUSED}")
        self.terminated = {**dict.fromkeys(new.terminated, new), **self.terminated}
        return found


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each server that loses."""
    found: dict[tuple[ResourceRef, int], Finding] = {}
    for servers in _by_workload(context).values():
        listeners: dict[tuple[int, str], _Listener] = {}
        for item in servers:
            listener = listeners.setdefault((item.port, item.server.bind), _Listener())
            lost = listener.add(item)
            if lost is not None and together(item.gateway, lost[0].gateway):
                found.setdefault((item.gateway.ref, item.place), _finding(item, *lost))
    yield from (found[key] for key in sorted(found))


def _by_workload(context: RuleContext) -> dict[ResourceRef, list[_Server]]:
    """The servers of each proxy, those of the oldest Gateway first."""
    found: dict[ResourceRef, list[_Server]] = {}
    gateways = in_force(context.snapshot, Gateway)
    for gateway in sorted(gateways, key=lambda item: item.age_key):
        servers = [
            _Server(gateway, place, server, server.port.number, server.port.protocol)
            for place, server in enumerate(gateway.servers)
            if server.port is not None
        ]
        for workload in gateway_workloads(context.snapshot, gateway):
            found.setdefault(workload.ref, []).extend(servers)
    return found


def _finding(item: _Server, other: _Server, reason: str) -> Finding:
    who = f"server {other.place} of this Gateway" if other.gateway is item.gateway else f"{other.gateway.ref}"
    return RULE.finding(
        f"On port {item.port} of the same proxy {who} {reason}. Join the two servers, or give this one "
        "another port.",
        item.gateway.ref,
        api_version=item.gateway.api_version,
        path=f"spec.servers[{item.place}]",
        key=str(item.place),
    )


RULE = Rule(
    code="MC161",
    name="gateway-servers-conflict",
    severity=Severity.ERROR,
    title="Two servers of Gateways want one port",
    inputs=INPUTS | {"Gateway"},
    doc=__doc__ or "",
    check=check,
    references=("KIA0301", "IST0145"),
    no_remedy="Which of the servers should have the port decides what is published.",
)
