"""A ServiceEntry's resolution does not go with its addresses, endpoints or hosts.

`resolution` says where the proxy gets the destination from. `NONE` is the address that the client
dialled, and knows no endpoints. `STATIC` are the `endpoints` (or the workloads of `workloadSelector`), and
needs some. `DNS` is a look-up, of endpoints or else of the host, and cannot take a range of addresses
as its own. `DNS_ROUND_ROBIN` takes one endpoint at most. `DYNAMIC_DNS` is for wildcards without
addresses and endpoints. Several hosts on a port of plain TCP cannot be told apart unless it is `NONE`.

Istio's webhook, and the CRD of newer versions, refuse all of it; it is found in manifests, and on
clusters where it was written before. See pkg/config/validation/validation.go (ValidateServiceEntry).
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.egress.services import listener_protocol
from apps.mesh.findings import Finding, Severity
from apps.mesh.hosts import is_wildcard, network
from apps.mesh.needs import TLS_PROTOCOLS, FlawKind
from apps.mesh.objects.networking import ServiceEntry
from apps.mesh.rules.base import FLAWED_INPUTS, Rule, RuleContext
from apps.mesh.rules.wording import listed

HTTP = frozenset({"HTTP", "HTTP2", "GRPC", "GRPC-WEB"})
DYNAMIC = "DYNAMIC_DNS"
Wrong = tuple[str, str, str]


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each ServiceEntry and field."""
    for entry in context.snapshot.each(ServiceEntry):
        wrong = {path: (what, cure) for path, what, cure in _wrong(context, entry)}
        if wrong and context.reads(entry):
            for path, (what, cure) in wrong.items():
                yield RULE.finding(
                    f"{what} {cure}", entry.ref, api_version=entry.api_version, path=path, key=path
                )


def _wrong(context: RuleContext, entry: ServiceEntry) -> Iterator[Wrong]:
    selects = entry.workload_selector is not None
    if entry.resolution == "NONE" and entry.endpoints:
        yield (
            "spec.endpoints",
            "With resolution NONE connections go where the client dials, and the endpoints are not used.",
            "Set STATIC (addresses) or DNS (names), or take them out.",
        )
    empty = entry.resolution == "STATIC" and not entry.endpoints and not selects
    if empty and (entry.ref, FlawKind.ENDPOINTS) not in context.flawed:
        yield (
            "spec.endpoints",
            f"With resolution STATIC and no endpoints calls to {listed(entry.hosts)} have nowhere to go.",
            "Give endpoints, or set resolution to NONE or DNS.",
        )
    if entry.endpoints and selects:
        yield (
            "spec.workloadSelector",
            "The entry has both endpoints and a workload selector; only one of them can hold.",
            "Take one of them out.",
        )
    yield from _of_addresses(entry)
    yield from _of_dns(entry)


def _of_addresses(entry: ServiceEntry) -> Iterator[Wrong]:
    ranges = [text for text in entry.addresses if "/" in text]
    if ranges and entry.resolution not in {"NONE", "STATIC"}:
        yield (
            "spec.addresses",
            f"{listed(ranges)} is a range of addresses, which resolution {entry.resolution} cannot have.",
            "Set resolution to NONE, or give single addresses.",
        )
    nonsense = [text for text in entry.addresses if network(text) is None]
    if nonsense:
        yield (
            "spec.addresses",
            f"{listed(map(repr, nonsense))} is neither an address nor a range, and is passed over.",
            "Write an address or a CIDR.",
        )
    untold = any(listener_protocol(port.protocol) not in HTTP | TLS_PROTOCOLS for port in entry.ports)
    if entry.resolution != "NONE" and len(entry.hosts) > 1 and untold and entry.resolution != DYNAMIC:
        yield (
            "spec.hosts",
            f"{len(entry.hosts)} hosts share a port that is neither HTTP nor TLS: nothing tells them apart.",
            "Make an entry for each, declare TLS, or set resolution to NONE.",
        )


def _of_dns(entry: ServiceEntry) -> Iterator[Wrong]:
    if entry.resolution == "DNS_ROUND_ROBIN" and len(entry.endpoints) > 1:
        yield (
            "spec.endpoints",
            f"DNS_ROUND_ROBIN takes one endpoint at most, and there are {len(entry.endpoints)}.",
            "Set resolution to DNS, or leave one.",
        )
    if entry.resolution == DYNAMIC:
        plain = [host for host in entry.hosts if not is_wildcard(host)]
        if plain:
            yield (
                "spec.hosts",
                f"DYNAMIC_DNS is for wildcards, and {listed(plain)} is none.",
                "Set resolution to DNS, or move it to an entry of its own.",
            )
        if entry.addresses or entry.endpoints:
            yield (
                "spec.endpoints" if entry.endpoints else "spec.addresses",
                "DYNAMIC_DNS looks up the name of each request, and takes no addresses and no endpoints.",
                "Take them out.",
            )


RULE = Rule(
    code="MC126",
    name="resolution-contradicts",
    severity=Severity.ERROR,
    title="The ServiceEntry contradicts its resolution",
    inputs=FLAWED_INPUTS,
    doc=__doc__ or "",
    check=check,
    references=("IST0106",),
    no_remedy=(
        "Whether the resolution is wrong or its endpoints are missing cannot be seen; where the hosts are "
        "Speedscale's, SS05 mends it."
    ),
)
