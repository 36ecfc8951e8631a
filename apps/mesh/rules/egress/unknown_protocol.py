"""A ServiceEntry's port has a protocol that Istio does not know.

The CRD takes any text as a protocol. Istio knows HTTP, HTTP2, GRPC, GRPC-Web, HTTPS, TLS, TCP, MONGO,
REDIS, MYSQL and UDP, in any case; everything else (`SSL`, `HTTPS/1.1`, `POSTGRES`, a misspelt `TLs1`) is
read as if nothing stood there. The proxy then sniffs whether a connection is HTTP, and takes all the rest
for plain TCP: server names are not looked at, so that without addresses every host is reached on the port.
Istio's webhook refuses such an entry; it is found where the webhook was off or away.

Declare `TLS` for anything that starts with a TLS handshake, `TCP` (with addresses) for other bytes. See
pkg/config/protocol/instance.go.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.egress.services import AUTO, listener_protocol
from apps.mesh.findings import Finding, Severity
from apps.mesh.needs import FlawKind
from apps.mesh.objects.networking import ServiceEntry
from apps.mesh.rules.base import FLAWED_INPUTS, Rule, RuleContext
from apps.mesh.rules.wording import listed


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each ServiceEntry."""
    for entry in context.snapshot.each(ServiceEntry):
        wrong = [
            (index, port)
            for index, port in enumerate(entry.ports)
            if port.protocol and listener_protocol(port.protocol) == AUTO
        ]
        if not wrong or (entry.ref, FlawKind.PROTOCOL) in context.flawed or not context.reads(entry):
            continue
        several = len(wrong) > 1
        yield RULE.finding(
            f"{listed(f'{port.protocol} (port {port.number})' for _, port in wrong)} "
            f"{'are protocols' if several else 'is a protocol'} that Istio does not know and reads as none: "
            "server names are not looked at, the port is open as for plain TCP. Declare TLS, HTTP or TCP.",
            entry.ref,
            api_version=entry.api_version,
            path=f"spec.ports[{wrong[0][0]}].protocol",
        )


RULE = Rule(
    code="MC125",
    name="unknown-protocol",
    severity=Severity.WARNING,
    title="Istio does not know the protocol of a port",
    inputs=FLAWED_INPUTS,
    doc=__doc__ or "",
    check=check,
    references=("IST0106",),
    no_remedy="Which protocol was meant cannot be told from a word that Istio does not know.",
)
