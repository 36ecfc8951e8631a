"""A ServiceEntry declares port 443 as plaintext HTTP, while clients send TLS there.

`HTTP` tells the proxy to look for plaintext requests. A client that dials `https://` sends a TLS
handshake, which does not match: under `REGISTRY_ONLY` the connection is reset although the host is listed,
and elsewhere it passes without the entry having a part in it. `HTTPS` and `TLS` both mean "match by
server name, do not decrypt".

There is one use for HTTP on 443: the application sends plaintext and the proxy adds TLS, by a
DestinationRule with `tls.mode: SIMPLE` or `MUTUAL` for the host. Where there is such a rule nothing is
reported. An entry of Speedscale's hosts is reported by its own check.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.findings import Finding, Severity
from apps.mesh.hosts import matches
from apps.mesh.needs import FlawKind
from apps.mesh.objects.networking import DestinationRule, ServiceEntry
from apps.mesh.objects.traffic import MUTUAL, SIMPLE
from apps.mesh.rules.base import FLAWED_INPUTS, Rule, RuleContext
from apps.mesh.rules.wording import listed

TLS_PORT = 443
HTTP = frozenset({"HTTP", "HTTP2", "GRPC", "GRPC-WEB"})
ORIGINATES = frozenset({SIMPLE, MUTUAL})


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each ServiceEntry."""
    rules: tuple[DestinationRule, ...] | None = None
    for entry in context.snapshot.each(ServiceEntry):
        found = [i for i, p in enumerate(entry.ports) if p.number == TLS_PORT and p.protocol in HTTP]
        if not found or (entry.ref, FlawKind.PROTOCOL) in context.flawed or not context.reads(entry):
            continue
        if context.snapshot.missing("DestinationRule"):
            return
        rules = tuple(_originating(context)) if rules is None else rules
        plain = [
            host
            for host in entry.hosts
            if not any(matches(host, rule.host) for rule in rules) and not _outdone(context, entry, host)
        ]
        if plain:
            declared = entry.ports[found[0]].protocol
            yield RULE.finding(
                f"Port {TLS_PORT} is declared as {declared} for {listed(plain)}, so that the TLS that "
                "clients send there is not recognised. Declare it as TLS, or have the proxy add TLS to "
                "plaintext with a DestinationRule.",
                entry.ref,
                api_version=entry.api_version,
                path=f"spec.ports[{found[0]}].protocol",
            )


def _outdone(context: RuleContext, entry: ServiceEntry, host: str) -> bool:
    """Whether an entry that goes before declares the port as TLS: that the two disagree is a finding."""
    first = next(iter(context.hosts.registry(entry.namespace).by_host.get(host, ())), None)
    port = first.port(TLS_PORT) if first is not None and first.ref != entry.ref else None
    return port is not None and port.tls


def _originating(context: RuleContext) -> Iterator[DestinationRule]:
    """The rules that make a proxy add TLS on the port."""
    for rule in context.snapshot.each(DestinationRule):
        tls = rule.tls_for(TLS_PORT)
        if tls is not None and tls.mode in ORIGINATES:
            yield rule


RULE = Rule(
    code="MC124",
    name="http-on-tls-port",
    severity=Severity.WARNING,
    title="Port 443 is declared as plaintext HTTP",
    inputs=FLAWED_INPUTS | {"DestinationRule", "Service"},
    doc=__doc__ or "",
    check=check,
    no_remedy=(
        "Clients may send plaintext to the port on purpose; where the hosts are Speedscale's, SS05 mends it."
    ),
)
