"""From a decided case to its verdict, with the evidence, the fix and what could not be read.

Knows no single workload: what it says holds for the whole scope.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from apps.mesh.egress.candidates import Candidate
from apps.mesh.egress.case import Case
from apps.mesh.egress.endpoints import PLENTY, Endpoints, Supply, endpoints_of
from apps.mesh.egress.envoyfilters import Effect, Patched, Sent, worst_patch
from apps.mesh.egress.evidence import (
    article_of,
    cluster_name,
    match_steps,
    matched_route,
    matched_service,
    outcome_step,
    patch_step,
    policy_step,
    scope_step,
    status_of,
)
from apps.mesh.egress.gaps import decisive_gaps, notable_gaps, undecided_routes, unmet_conditions
from apps.mesh.egress.matching import Match, Outcome
from apps.mesh.egress.near import near_miss
from apps.mesh.egress.near_words import miss_fix, miss_step
from apps.mesh.egress.probing import Alternative
from apps.mesh.egress.services import DNS, RegistryService
from apps.mesh.hosts import is_wildcard
from apps.mesh.refs import ResourceRef
from apps.mesh.verdicts import Fix, Protocol, Step, Verdict

ENTRY_RULE = "pilot/pkg/serviceregistry/serviceentry/conversion.go"


@dataclass(frozen=True, slots=True)
class Judgement:
    """`hosts` are those of the clusters that the connection may be sent to, there or not. `requests` is
    whether the proxy sends requests on, one by one, and `authority` the Host that it gives them; `status` is
    the one with which the proxy answers itself."""

    verdict: Verdict
    steps: tuple[Step, ...]
    cluster: str = ""
    service: ResourceRef | None = None
    fix: Fix | None = None
    unknowns: tuple[str, ...] = ()
    hosts: frozenset[str] = frozenset()
    requests: bool = False
    authority: str = ""
    status: int | None = None


def judge(case: Case, found: Sequence[Candidate]) -> Judgement:
    """The verdict on a case; `found` are the entries that may be near misses."""
    verdict = verdict_of(case, case.match)
    supply = _supply(case, case.match)
    steps = [scope_step(case)]
    fix: Fix | None = None
    service = matched_service(case.match)
    by_policy = case.match.outcome in {Outcome.POLICY, Outcome.HTTP_POLICY}
    if by_policy:
        miss = near_miss(case, found)
        steps.append(miss_step(case, miss))
        steps.append(policy_step(case))
        fix = miss_fix(case, miss) if verdict.blocked or verdict is Verdict.UNKNOWN else None
    else:
        steps.extend(match_steps(case))
        if verdict.blocked:
            steps.extend(_unresolvable(service) or _unsupplied(supply))
            fix = _route_fix(case, service) or _supply_fix(supply)
    patch = worst_patch(case.patches, Sent(case.host, case.destination.port, case.match, verdict))
    unknowns = [*notable_gaps(case, verdict), *_doubts(case), *_may_refuse(patch)]
    decisive = [*decisive_gaps(case, verdict), *_address_matters(case, verdict), *undecided_routes(case)]
    decisive.extend((*_one_address(case), *unmet_conditions(case)))
    if supply.supply is Supply.UNKNOWN:
        decisive.append(supply.text)
    if verdict is Verdict.UNKNOWN:
        decisive.extend(case.mesh.plane.config.unread[:1])
    if patch is not None and patch.effect is Effect.MAY_CHANGE:
        step = patch_step(patch)
        decisive.append(step.text)
        steps = [*steps[:3], step]
    if decisive:
        end = Step("The verdict is not known", decisive[0])
        return Judgement(
            Verdict.UNKNOWN, (*steps[:4], end), fix=fix, unknowns=(*decisive, *unknowns), hosts=_hosts(case)
        )
    steps.append(outcome_step(case, verdict))
    return Judgement(
        verdict,
        tuple(steps),
        cluster_name(case.match) if verdict is Verdict.ALLOWED_REGISTRY else "",
        service.ref if service is not None else None,
        fix,
        tuple(unknowns),
        _hosts(case),
        status=status_of(case.match, verdict),
        requests=case.match.virtual_host is not None,
        authority=case.match.authority,
    )


def verdict_of(case: Case, match: Match) -> Verdict:
    """The verdict on where a connection went; UNKNOWN when the policy decides and is not known."""
    match match.outcome:
        case Outcome.CLUSTER:
            wildcard = _unresolvable(matched_service(match)) and matched_route(match) is None
            if wildcard or _supply(case, match).supply is Supply.NONE:
                http = case.destination.protocol is Protocol.HTTP
                return Verdict.BLOCKED_503 if http else Verdict.BLOCKED_RESET
            return Verdict.ALLOWED_REGISTRY
        case Outcome.ANSWERED:
            return Verdict.BLOCKED_503 if match.refuses else Verdict.ALLOWED_REGISTRY
        case Outcome.MISSING_CLUSTER:
            return Verdict.BLOCKED_503 if match.virtual_host is not None else Verdict.BLOCKED_RESET
        case Outcome.UNPARSABLE:
            return Verdict.BLOCKED_RESET
        case Outcome.NO_ROUTE:
            return Verdict.BLOCKED_503
    if case.policy.outbound is None:
        return Verdict.UNKNOWN
    if not case.policy.registry_only:
        return Verdict.ALLOWED_PASSTHROUGH
    return Verdict.BLOCKED_502 if match.outcome is Outcome.HTTP_POLICY else Verdict.BLOCKED_RESET


def _unresolvable(service: RegistryService | None) -> list[Step]:
    """DNS cannot resolve a wildcard: such an entry without endpoints has a cluster without addresses."""
    if service is None or service.kubernetes or not is_wildcard(service.host):
        return []
    if service.resolution not in DNS or service.endpoints or service.selects:
        return []
    text = f"{service.host} is a wildcard and resolution is {service.resolution}: no name to look up."
    return [Step("DNS cannot resolve a wildcard", text, service.ref, "spec.resolution")]


def _supply(case: Case, match: Match) -> Endpoints:
    """Whether the clusters that it may go to have an address; one that has is enough."""
    found = [
        endpoints_of(case.snapshot, case.mesh, service)
        for host, _, _ in match.clusters
        if (service := case.imports.shared.service(host)) is not None and not service.kubernetes
    ]
    if len(found) < len(match.clusters) or any(item.supply is Supply.SOME for item in found):
        return PLENTY
    return next((item for item in found if item.supply is Supply.UNKNOWN), found[0] if found else PLENTY)


def _unsupplied(supply: Endpoints) -> list[Step]:
    if supply.supply is not Supply.NONE:
        return []
    return [Step("The ServiceEntry has no endpoints", supply.text, supply.ref, supply.path, ENTRY_RULE)]


def _supply_fix(supply: Endpoints) -> Fix | None:
    if supply.supply is not Supply.NONE:
        return None
    if supply.path == "spec.workloadSelector":
        text = f"Create a WorkloadEntry with the labels that {supply.ref} selects, or correct its selector."
        return Fix(text, "", supply.ref)
    return Fix(f"Give {supply.ref} endpoints, or set its resolution to DNS or NONE.", "", supply.ref)


def _route_fix(case: Case, service: RegistryService | None) -> Fix | None:
    if _unresolvable(service) and service is not None:
        return Fix(f"Set resolution of {service.ref} to NONE.", "", service.ref)
    route = matched_route(case.match)
    if route is not None and case.match.missing:
        host = case.match.missing[0][0]
        return Fix(f"Let the scope see {host}, or change where {route.ref} sends the call.", "", route.ref)
    if case.match.outcome is Outcome.UNPARSABLE:
        port = case.destination.port
        return Fix(f"Port {port} is declared HTTP here; declare it {case.destination.protocol}.")
    return None


def _hosts(case: Case) -> frozenset[str]:
    matches = (case.match, *(item.match for item in case.alternatives))
    return frozenset(host for match in matches for host, _, _ in (*match.clusters, *match.missing))


def _doubts(case: Case) -> list[str]:
    """What a plain request might meet otherwise."""
    doubts = []
    if case.match.clusters and case.match.missing:
        host, port, _ = case.match.missing[0]
        doubts.append(f"The route shares calls out: those for {host}:{port} fail, as no cluster is there.")
    elif not case.match.certain and not case.match.conditional:
        route = matched_route(case.match)
        kind = route.ref.kind if route is not None else "VirtualService"
        article = article_of(kind)
        doubts.append(f"{article} {kind} routes by more than the host: single requests may go elsewhere.")
    if 0 < case.match.aborted < 100:
        route = matched_route(case.match)
        who = str(route.ref) if route is not None else "A route"
        doubts.append(f"{who} answers {case.match.aborted:g} % of the requests with a fault.")
    others = [item for item in case.alternatives if not item.lists]
    for item in others[:2]:
        doubts.append(f"If the name resolved to {item.address}, {item.service.ref} would take the call.")
    return doubts


def _may_refuse(patch: Patched | None) -> list[str]:
    if patch is None or patch.effect is not Effect.MAY_REFUSE:
        return []
    return [f"{patch.ref} adds a filter that may refuse single connections (configPatches[{patch.index}])."]


def _address_matters(case: Case, verdict: Verdict) -> list[str]:
    """The address decides where an entry that lists the host claims some addresses only."""
    for item in case.alternatives:
        if item.lists and verdict_of(case, item.match) is not verdict:
            return [
                f"{item.service.ref} claims {_claimed(item)} for {case.destination.host}; "
                "which address the client dials is not known."
            ]
    return []


def _one_address(case: Case) -> list[str]:
    """Where exact hosts are imported istiod takes one of the services that an entry's addresses make."""
    service = matched_service(case.match) if case.match.virtual_host is None else None
    if service is None or not service.has_address or not case.imports.shared.singled_out(service):
        return []
    return [f"istiod takes one of the addresses of {service.ref} here, and which one is left to chance."]


def _claimed(item: Alternative) -> str:
    return item.service.address if item.service.has_address else item.address
