"""A near miss in words: the step that names it and the smallest change that would make it a match."""

from __future__ import annotations

from collections.abc import Iterable

from apps.mesh.egress.candidates import Failing
from apps.mesh.egress.case import Case
from apps.mesh.egress.near import NearMiss
from apps.mesh.verdicts import Fix, Protocol, Step
from apps.mesh.visibility import NONE

OPEN_HOSTS = "open-required-hosts"
IMPORT_SPEEDSCALE = "import-speedscale-namespace"
EXPORT_ENTRY = "export-service-entry"
_TITLES = {
    Failing.SHADOWED: "One {kind} matches and is shadowed",
    Failing.NOT_IMPORTED: "The Sidecar does not import it",
    Failing.NOT_EXPORTED: "One {kind} is not exported here",
    Failing.NOT_READ: "The control plane does not read it",
    Failing.PROTOCOL: "One {kind} has another protocol",
    Failing.PORT: "One {kind} has another port",
    Failing.APEX: "A wildcard does not cover its apex",
    Failing.NOT_LISTED: "One {kind} could match, and does not",
}


def miss_step(case: Case, miss: NearMiss | None) -> Step:
    """The step that names the near miss, or says that there is none."""
    host, port = case.destination.host, case.destination.port
    if miss is None:
        where = "what its Sidecar imports" if case.sidecar is not None else "what the namespace sees"
        text = f"In {where} there is nothing for {host} on port {port}."
        return Step("No ServiceEntry lists the host", text)
    candidate = miss.candidate
    title = _TITLES[miss.failing].format(kind=candidate.ref.kind)
    if miss.others > 0:
        title = f"{miss.others + 1} ServiceEntries could match, none does"
    return Step(title, _text(case, miss), candidate.ref, _path(miss), "pilot/pkg/model/sidecar.go")


def miss_fix(case: Case, miss: NearMiss | None) -> Fix:
    """The smallest change at the step where the near miss fails."""
    host, port, sends = case.destination.host, case.destination.port, case.destination.protocol
    opens = OPEN_HOSTS if sends is Protocol.TLS else ""
    if miss is None:
        return Fix(f"Create a ServiceEntry for {host}, port {port}, protocol {sends}.", opens)
    candidate, ref = miss.candidate, miss.candidate.ref
    match miss.failing:
        case Failing.NOT_IMPORTED:
            wanted = f"{ref.namespace}/{'*' if candidate.speedscale else candidate.listed}"
            text = f"Add {wanted} to the egress hosts of {_sidecar(case)}; keep what is there."
            remedy = IMPORT_SPEEDSCALE if candidate.speedscale else ""
            return Fix(text, remedy, case.sidecar.ref if case.sidecar is not None else None)
        case Failing.NOT_EXPORTED:
            ours = ref.kind == "ServiceEntry" and candidate.speedscale and NONE not in candidate.export_to
            return Fix(f"Add {case.namespace} to exportTo of {ref}.", EXPORT_ENTRY if ours else "", ref)
        case Failing.NOT_READ:
            return Fix(f"Let the control plane read {ref}: {miss.reason}.", "", ref)
        case Failing.PROTOCOL:
            return Fix(f"Declare port {port} of {ref} as {sends}.", "", ref)
        case Failing.PORT:
            return Fix(f"Add port {port} ({sends}) to {ref}.", "", ref)
        case Failing.SHADOWED:
            return Fix(f"See which listener takes port {port} before {ref}.", "", ref)
    text = f"Add {host} to the hosts of {ref}."
    if miss.out_of_sight and case.sidecar is not None:
        text = f"Add {host} to the hosts of {ref}, and {ref.namespace}/* to those of {_sidecar(case)}."
    return Fix(text, opens, ref)


def _text(case: Case, miss: NearMiss) -> str:
    candidate, port = miss.candidate, case.destination.port
    listed = f"It lists {candidate.listed}"
    if candidate.ref.kind == "Service":
        listed = f"It is {candidate.listed}"
    match miss.failing:
        case Failing.NOT_IMPORTED:
            wanted = f"{candidate.ref.namespace}/{candidate.listed}"
            return f"{listed}, and no egress host of {_sidecar(case)} covers {wanted}."
        case Failing.NOT_EXPORTED:
            return f"{listed} and is exported to {_join(miss.exported)}; {case.namespace} is not included."
        case Failing.NOT_READ:
            return f"{listed}, and {miss.reason}."
        case Failing.PROTOCOL:
            declared = _join(item.protocol for item in candidate.ports if item.number == port)
            return f"{listed} on port {port} as {declared}; the client sends {case.destination.protocol}."
        case Failing.PORT:
            numbers = _join(str(item.number) for item in candidate.ports)
            return f"{listed} on port {numbers}, not on {port}."
        case Failing.APEX:
            host = case.destination.host
            return f"{candidate.listed} stands for the names below {host}, and not for {host} itself."
        case Failing.SHADOWED:
            return f"{listed} on port {port}; another listener or address takes the call first."
    lists = "one host" if candidate.hosts == 1 else f"{candidate.hosts} hosts"
    told = f"It lists {lists}. {case.destination.host} is not among them and no wildcard covers it."
    if not miss.out_of_sight:
        return told
    if case.sidecar is None:
        return f"{told} It is not exported to {case.namespace} either."
    return f"{told} {_sidecar(case)} does not import it either."


def _path(miss: NearMiss) -> str:
    candidate = miss.candidate
    if miss.failing in {Failing.PROTOCOL, Failing.PORT} or candidate.ref.kind == "Service":
        return "spec.ports"
    if miss.failing is Failing.NOT_EXPORTED and candidate.export_to:
        return "spec.exportTo"
    if miss.failing is Failing.NOT_READ:
        return "metadata"
    return f"spec.hosts[{candidate.index}]" if candidate.listed else "spec.hosts"


def _sidecar(case: Case) -> str:
    return str(case.sidecar.ref) if case.sidecar is not None else "the Sidecar"


def _join(words: Iterable[str]) -> str:
    return ", ".join(sorted(set(words))) or "nothing"
