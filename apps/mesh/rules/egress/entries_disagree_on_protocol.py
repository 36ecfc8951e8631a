"""Two ServiceEntries declare the same port of the same host with different protocols.

The protocol decides how a proxy recognises the connection: `HTTP` by the Host header of plaintext
requests, `TLS` and `HTTPS` by the server name of the handshake, `TCP` by the address alone. Istio takes
one of the two entries: the own namespace's, else the oldest. Whoever wrote the other one finds that
connections are not recognised, are refused under `REGISTRY_ONLY`, or slip through to hosts that nobody
listed. Which one counts changes when an entry is created again.

Entries that no namespace sees together do not meet, and one that is exported by name goes before a public
one. `HTTPS` and `TLS` are the same to Istio; Kiali
(KIA1212) and istioctl (IST0177) report them all the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.duplicates import Duplicate, duplicates
from apps.mesh.egress.services import AUTO
from apps.mesh.findings import Finding, Severity
from apps.mesh.knownhosts import INPUTS
from apps.mesh.objects.networking import ServiceEntry
from apps.mesh.refs import ResourceRef
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed

SAME = {"HTTPS": "TLS"}


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each entry and older one that it disagrees with."""
    pairs: dict[tuple[ResourceRef, ResourceRef], dict[tuple[str, int], Duplicate]] = {}
    for registry in context.registries:
        for item in duplicates(registry):
            ours, theirs = item.second_port.protocol, item.first_port.protocol
            if SAME.get(ours, ours) != SAME.get(theirs, theirs):
                known = pairs.setdefault((item.second.ref, item.first.ref), {})
                known.setdefault((item.host, item.second_port.number), item)
    for key in sorted(pairs):
        yield _finding(context, list(pairs[key].values()))


def _finding(context: RuleContext, found: list[Duplicate]) -> Finding:
    item = found[0]
    entry = context.snapshot.get(item.second.ref)
    ports = entry.ports if isinstance(entry, ServiceEntry) else ()
    index = next((i for i, port in enumerate(ports) if port.number == item.second_port.number), 0)
    why = "is older" if item.first.created < item.second.created else "comes first in Istio's order"
    home = f", except in {item.second.namespace}, which takes its own" if item.kept_at_home else ""
    hosts = listed(f"{duplicate.host}:{duplicate.second_port.number}" for duplicate in found)
    return RULE.finding(
        f"{hosts} {'is' if len(found) == 1 else 'are'} {_protocol(item.second_port.protocol)} here and "
        f"{_protocol(item.first_port.protocol)} in {item.first.ref}, which {why} and is taken where both are "
        f"seen{home}. Connections are recognised by one protocol only. Declare the one that clients send in "
        "both, or leave the host in one of them.",
        item.second.ref,
        api_version=entry.api_version if entry is not None else "",
        path=f"spec.ports[{index}].protocol",
        key=str(item.first.ref),
    )


def _protocol(text: str) -> str:
    return "without a protocol" if text == AUTO else text


RULE = Rule(
    code="MC121",
    name="entries-disagree-on-protocol",
    severity=Severity.WARNING,
    title="Two ServiceEntries disagree on the protocol of a port",
    inputs=INPUTS,
    doc=__doc__ or "",
    check=check,
    references=("KIA1212", "IST0177"),
    no_remedy="Only who dials the port knows which protocol is right.",
)
