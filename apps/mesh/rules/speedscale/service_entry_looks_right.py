"""A ServiceEntry names Speedscale's hosts and opens none of them, because one of its fields is wrong.

Istio matches a connection by port first. An entry that declares another port, or declares port 443 as
`HTTP`, is not used for the TLS that clients send there: Istio would look for plaintext requests, find a
TLS handshake, and hand the connection to the outbound traffic policy. `TLS` and `HTTPS` both mean
"match by server name, do not decrypt" and are equally right.

`resolution: DNS` makes the proxy look the host up itself, which cannot be done for a wildcard such as
`*.s3.us-east-1.amazonaws.com`; with `NONE` the connection goes where the client was heading.
`resolution: STATIC` needs endpoints. `location: MESH_INTERNAL` tells the proxy that the other side may
speak the mesh's mutual TLS.

Several ports are fine as long as one of them is right, and so is a wrong entry beside a right one for
the same host; neither is reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.blockages import Cause, by_cause
from apps.mesh.findings import Finding, Severity
from apps.mesh.hostsets import RequiredHost
from apps.mesh.needs import INPUTS, Flaw, FlawKind
from apps.mesh.objects.networking import ServiceEntry
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import counted, listed

REFERENCES = {
    FlawKind.PROTOCOL: ("KIA1212", "IST0177"),
    FlawKind.RESOLUTION: ("IST0106",),
    FlawKind.ENDPOINTS: ("IST0106",),
}
CURES = {
    FlawKind.PORT: "Declare port {port} with protocol TLS.",
    FlawKind.PROTOCOL: "Declare the port as TLS.",
    FlawKind.RESOLUTION: "Set resolution to NONE.",
    FlawKind.ENDPOINTS: "Set resolution to NONE.",
    FlawKind.LOCATION: "Set location to MESH_EXTERNAL.",
}


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each ServiceEntry and field, whatever the number of hosts."""
    wrong = context.flawed
    stopped = {item.host for item in by_cause(context.blockages, Cause.FLAWED)} if wrong else set()
    for key in sorted(wrong):
        entry, flaw, hosts = wrong[key]
        correctable = (entry.ref, FlawKind.PORT) not in wrong
        yield _finding(entry, flaw, hosts, blocked=not stopped.isdisjoint(hosts), correctable=correctable)


def _finding(
    entry: ServiceEntry, flaw: Flaw, hosts: tuple[RequiredHost, ...], *, blocked: bool, correctable: bool
) -> Finding:
    names = listed(host.host for host in hosts)
    outcome = (
        f"{counted(len(hosts), 'host stays', 'hosts stay')} blocked."
        if blocked
        else "The connection does not use this entry; it passes only as long as the policy lets it."
    )
    if flaw.kind is FlawKind.LOCATION and not blocked:
        outcome = "Connections may fail in their handshake."
    return RULE.finding(
        f"This ServiceEntry names {names}, but {flaw.text}. {outcome} "
        f"{CURES[flaw.kind].format(port=hosts[0].port)}",
        entry.ref,
        api_version=entry.api_version,
        severity=Severity.ERROR if blocked else Severity.WARNING,
        path=flaw.path,
        key=flaw.kind,
        references=REFERENCES.get(flaw.kind, ()),
        remedy=None if correctable else "",
    )


RULE = Rule(
    code="SS05",
    name="service-entry-looks-right",
    severity=Severity.ERROR,
    title="The ServiceEntry names the hosts and does not open them",
    inputs=INPUTS,
    doc=__doc__ or "",
    check=check,
    references=("KIA1212", "IST0177", "IST0106"),
    remedy="correct-service-entry",
    about_hosts=True,
)
