"""The entry that comes nearest to allowing a host, and the step at which it fails.

Knows Istio's rules of import and visibility only through what the scope has already worked out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from apps.mesh.egress.case import Case
from apps.mesh.egress.services import listener_protocol
from apps.mesh.hosts import is_wildcard, same_site, subset_of
from apps.mesh.objects.networking import ServiceEntry
from apps.mesh.refs import ResourceRef
from apps.mesh.snapshot import Snapshot
from apps.mesh.verdicts import Destination, Fix, Protocol, Step
from apps.mesh.visibility import effective_export, visible_to

OPEN_HOSTS = "open-required-hosts"
IMPORT_SPEEDSCALE = "import-speedscale-namespace"
SPEEDSCALE = "speedscale"
_SENDS = {
    Protocol.TLS: frozenset({"TLS", "HTTPS"}),
    Protocol.HTTP: frozenset({"HTTP", "HTTP2", "GRPC", "GRPC-WEB", "AUTO"}),
    Protocol.TCP: frozenset({"TCP", "MONGO", "REDIS", "MYSQL", "AUTO"}),
}


class Failing(IntEnum):
    """Where an entry falls short; the lower the nearer to a match."""

    SHADOWED = 0
    NOT_IMPORTED = 1
    NOT_EXPORTED = 2
    NOT_READ = 3
    PROTOCOL = 4
    PORT = 5
    APEX = 6
    NOT_LISTED = 7


@dataclass(frozen=True, slots=True)
class NearMiss:
    entry: ServiceEntry
    failing: Failing
    listed: str = ""
    index: int = 0
    reason: str = ""
    others: int = 0


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entry that has something to do with a destination, whoever asks."""

    entry: ServiceEntry
    failing: Failing
    listed: str
    index: int
    likeness: tuple[int, int]


def candidates(snapshot: Snapshot, host: str, destination: Destination) -> tuple[Candidate, ...]:
    """Entries that list the host, its parent wildcard, or others like it; the likeliest first."""
    found = []
    for entry in snapshot.each(ServiceEntry):
        candidate = _candidate(entry, host, destination)
        if candidate is not None:
            found.append(candidate)
    found.sort(key=lambda item: (item.failing, tuple(-part for part in item.likeness), item.entry.ref))
    return tuple(found)


def _candidate(entry: ServiceEntry, host: str, destination: Destination) -> Candidate | None:
    likeness = (sum(same_site(host, other) for other in entry.hosts), len(entry.hosts))
    ports = [port for port in entry.ports if port.number == destination.port]
    speaks = any(listener_protocol(port.protocol) in _SENDS[destination.protocol] for port in ports)
    for index, listed in enumerate(entry.hosts):
        if subset_of(host, listed):
            failing = Failing.SHADOWED if speaks else Failing.PROTOCOL if ports else Failing.PORT
            return Candidate(entry, failing, listed, index, likeness)
    for index, listed in enumerate(entry.hosts):
        if is_wildcard(listed) and listed[2:] == host:
            return Candidate(entry, Failing.APEX, listed, index, likeness)
    if speaks:
        return Candidate(entry, Failing.NOT_LISTED, "", 0, likeness)
    return None


def near_miss(case: Case, found: Sequence[Candidate]) -> NearMiss | None:
    """The nearest of the candidates for a scope; None when no entry has anything to do with the host."""
    imported = {service.ref for item in case.imports.listeners for service in item.services}
    hidden = {entry.ref: reason for entry, reason in case.mesh.registry.hidden}
    best: NearMiss | None = None
    unlisted = 0
    for candidate in found:
        miss = _miss(case, candidate, imported, hidden)
        if miss.failing is Failing.NOT_LISTED:
            unlisted += candidate.entry.ref in imported
            if candidate.entry.ref not in imported:
                continue
        if best is None or miss.failing < best.failing:
            best = miss
    if best is not None and best.failing is Failing.NOT_LISTED:
        return NearMiss(best.entry, best.failing, others=unlisted - 1)
    return best


def _miss(
    case: Case, candidate: Candidate, imported: set[ResourceRef], hidden: dict[ResourceRef, str]
) -> NearMiss:
    entry, failing = candidate.entry, candidate.failing
    if failing is not Failing.SHADOWED:
        return NearMiss(entry, failing, candidate.listed, candidate.index)
    reason = hidden.get(entry.ref, "")
    if reason:
        failing = Failing.NOT_READ
    elif not visible_to(_exported(case, entry), entry.namespace, case.namespace):
        failing = Failing.NOT_EXPORTED
    elif entry.ref not in imported:
        failing = Failing.NOT_IMPORTED
    return NearMiss(entry, failing, candidate.listed, candidate.index, reason)


def _exported(case: Case, entry: ServiceEntry) -> frozenset[str]:
    known = next(
        (item for item in case.mesh.registry.by_host.get(entry.hosts[0], ()) if item.ref == entry.ref), None
    )
    default = case.mesh.plane.config.service_export_to
    return known.exported if known else effective_export(entry.export_to, default, entry.namespace)


def miss_step(case: Case, miss: NearMiss | None) -> Step:
    """The step that names the near miss, or says that there is none."""
    host, port, speaks = case.destination.host, case.destination.port, case.destination.protocol
    if miss is None:
        where = "what its Sidecar imports" if case.sidecar is not None else "what the namespace sees"
        text = f"In {where} there is nothing for {host} on port {port}."
        return Step("No ServiceEntry lists the host", text)
    entry = miss.entry
    listed = f"spec.hosts[{miss.index}]"
    numbers = _join(sorted({str(item.number) for item in entry.ports}, key=int))
    declared = _join(sorted({item.protocol for item in entry.ports if item.number == port}))
    match miss.failing:
        case Failing.NOT_IMPORTED:
            wanted = f"{entry.namespace}/{miss.listed}"
            text = f"It lists {miss.listed}, and no egress host of {_sidecar(case)} covers {wanted}."
            return Step("The Sidecar does not import it", text, entry.ref, listed, "model/sidecar.go")
        case Failing.NOT_EXPORTED:
            exported = _join(sorted(_exported(case, entry)))
            path = "spec.exportTo" if entry.export_to else ""
            text = f"It lists {miss.listed} and is exported to {exported}; {case.namespace} is not included."
            return Step("One ServiceEntry is not exported here", text, entry.ref, path, "exportTo")
        case Failing.NOT_READ:
            text = f"It lists {miss.listed}, and {miss.reason}."
            return Step("The control plane does not read it", text, entry.ref, "metadata")
        case Failing.PROTOCOL:
            text = f"It lists {miss.listed} on port {port} as {declared}; the client sends {speaks}."
            return Step("One ServiceEntry has another protocol", text, entry.ref, "spec.ports")
        case Failing.PORT:
            text = f"It lists {miss.listed} on port {numbers}, not on {port}."
            return Step("One ServiceEntry has another port", text, entry.ref, "spec.ports")
        case Failing.APEX:
            text = f"{miss.listed} stands for the names below {host}, and not for {host} itself."
            return Step("A wildcard does not cover its apex", text, entry.ref, listed)
        case Failing.SHADOWED:
            text = f"It lists {miss.listed} on port {port}; another listener or address takes the call first."
            return Step("One ServiceEntry matches and is shadowed", text, entry.ref, listed)
    count = len(entry.hosts)
    title = "One ServiceEntry could match, and does not"
    if miss.others > 0:
        title = f"{miss.others + 1} ServiceEntries could match, none does"
    lists = "one host" if count == 1 else f"{count} hosts"
    text = f"It lists {lists}. {host} is not among them and no wildcard covers it."
    return Step(title, text, entry.ref, "spec.hosts")


def miss_fix(case: Case, miss: NearMiss | None) -> Fix:
    """The smallest change at the step where the near miss fails."""
    host, port, speaks = case.destination.host, case.destination.port, case.destination.protocol
    if miss is None:
        remedy = OPEN_HOSTS if speaks is Protocol.TLS else ""
        return Fix(f"Create a ServiceEntry for {host}, port {port}, protocol {speaks}.", remedy)
    entry = miss.entry
    match miss.failing:
        case Failing.NOT_IMPORTED:
            remedy = IMPORT_SPEEDSCALE if _of_speedscale(entry) else ""
            wanted = f"{entry.namespace}/{'*' if remedy else miss.listed}"
            text = f"Add {wanted} to the egress hosts of {_sidecar(case)}; keep what is there."
            return Fix(text, remedy, case.sidecar.ref if case.sidecar is not None else None)
        case Failing.NOT_EXPORTED:
            return Fix(f"Add {case.namespace} to exportTo of {entry.ref}.", "", entry.ref)
        case Failing.NOT_READ:
            return Fix(f"Let the control plane read {entry.ref}: {miss.reason}.", "", entry.ref)
        case Failing.PROTOCOL:
            return Fix(f"Declare port {port} of {entry.ref} as {speaks}.", "", entry.ref)
        case Failing.PORT:
            return Fix(f"Add port {port} ({speaks}) to {entry.ref}.", "", entry.ref)
        case Failing.SHADOWED:
            return Fix(f"See which listener takes port {port} before {entry.ref}.", "", entry.ref)
    remedy = OPEN_HOSTS if speaks is Protocol.TLS else ""
    return Fix(f"Add {host} to the hosts of {entry.ref}.", remedy, entry.ref)


def _of_speedscale(entry: ServiceEntry) -> bool:
    return SPEEDSCALE in entry.namespace or any("speedscale." in host for host in entry.hosts)


def _sidecar(case: Case) -> str:
    return str(case.sidecar.ref) if case.sidecar is not None else "the Sidecar"


def _join(words: Iterable[str]) -> str:
    return ", ".join(words) or "nothing"
