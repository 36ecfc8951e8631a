"""A server of a Gateway is not valid, so that istiod refuses the object or drops the server.

`HTTPS` and `TLS` need `tls`; a server with `tls` must not be plain (only `httpsRedirect` may stand at an HTTP
port). Every port needs a number, a name that no other server of the Gateway has, and a protocol that Istio
knows; every server needs a host, and every Gateway a server. `httpsRedirect` at anything but HTTP does
nothing (pkg/config/validation ValidateGateway). Whether a `credentialName` exists is not checked: Secrets are
not read.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.findings import Finding, Severity
from apps.mesh.objects.networking import Gateway, GatewayServer, Port
from apps.mesh.rules.base import Rule, RuleContext

HTTP = frozenset({"HTTP", "HTTP2", "GRPC", "GRPC-WEB", "HTTP_PROXY"})
SECURED = frozenset({"HTTPS", "TLS"})
KNOWN = HTTP | SECURED | {"TCP", "UDP", "MONGO", "REDIS", "MYSQL"}
PASSTHROUGH = "PASSTHROUGH"
HIGHEST = 65535
_UNIX = "unix://"


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each server, and for a Gateway without any."""
    for gateway in context.snapshot.each(Gateway):
        if not gateway.servers:
            yield RULE.finding(
                "The Gateway has no servers and is refused: nothing comes in by it. Say which ports and "
                "hosts it opens.",
                gateway.ref,
                api_version=gateway.api_version,
                path="spec.servers",
            )
        names: set[str] = set()
        for place, server in enumerate(gateway.servers):
            judged = _judge(server, names)
            if judged is not None:
                severity, field, message = judged
                yield RULE.finding(
                    message,
                    gateway.ref,
                    api_version=gateway.api_version,
                    severity=severity,
                    path=f"spec.servers[{place}]{field}",
                    key=str(place),
                )
            if server.port is not None:
                names.add(server.port.name)


def _judge(server: GatewayServer, names: set[str]) -> tuple[Severity, str, str] | None:
    """How bad it is, the field below the server, and what to do."""
    if not server.hosts:
        return Severity.ERROR, ".hosts", "The server lists no host and is refused. Name the hosts, or `*`."
    port = server.port
    if port is None:
        return Severity.ERROR, ".port", "The server has no port and is refused. Give it one."
    wrong = _port(port, server.bind, names) or _tls(server, port)
    if wrong is not None:
        return Severity.ERROR, *wrong
    if server.https_redirect and port.protocol not in HTTP:
        text = (
            f"httpsRedirect does nothing at {port.protocol}. Put it at the HTTP server that should redirect."
        )
        return Severity.WARNING, ".tls.httpsRedirect", text
    return None


def _port(port: Port, bind: str, names: set[str]) -> tuple[str, str] | None:
    if port.protocol not in KNOWN:
        return (
            ".port.protocol",
            f"{port.protocol or 'No protocol'} is none that a Gateway knows. Use HTTP, HTTPS, TLS or TCP.",
        )
    if not 0 < port.number <= HIGHEST and not bind.startswith(_UNIX):
        return ".port.number", f"{port.number} is no port number. Use one from 1 to 65535."
    if not port.name:
        return ".port.name", "The port has no name and is refused. Name it, as in `https-web`."
    if port.name in names:
        return (
            ".port.name",
            f"Another server of this Gateway has a port named {port.name}. Use a name of its own.",
        )
    return None


def _tls(server: GatewayServer, port: Port) -> tuple[str, str] | None:
    if port.protocol in SECURED and not server.tls_mode:
        return (
            ".tls",
            f"A server for {port.protocol} needs tls. Say there whether it terminates (SIMPLE, MUTUAL) or "
            "not.",
        )
    if port.protocol in SECURED or not server.tls_mode:
        return None
    if port.protocol in HTTP and server.tls_mode == PASSTHROUGH:
        return None
    return ".tls", f"A server for {port.protocol} must not have tls. Make it HTTPS or TLS, or remove tls."


RULE = Rule(
    code="MC163",
    name="gateway-server-invalid",
    severity=Severity.ERROR,
    title="A server of a Gateway is not valid",
    inputs=frozenset({"Gateway"}),
    doc=__doc__ or "",
    check=check,
    references=("KIA0601", "IST0106", "IST0133"),
    no_remedy="What the server should offer is the owner's decision.",
)
