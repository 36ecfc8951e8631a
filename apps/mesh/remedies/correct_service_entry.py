"""Correct the fields of a ServiceEntry that keep it from opening Speedscale's hosts.

A resolution that cannot look a wildcard up, or has no endpoints, becomes NONE; a port to which clients send
TLS is declared as TLS; the location becomes MESH_EXTERNAL. Offered where every host of the entry is one that
Speedscale needs, of whose clients it is known what they send, and where all faults of the entry are of these
kinds: of another port nobody can say who dials it. Entries with ports for TCP, a `targetPort`, addresses or
endpoints are left to their owner, and so are those with routes or rules for their hosts, which may rest on
what is wrong. A simulation has to show that the faults are gone and that nobody loses anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from apps.mesh.egress import EgressEngine
from apps.mesh.hosts import resolve_short_name, subset_of
from apps.mesh.needs import FlawedEntries, FlawKind, flawed_entries, host_needs
from apps.mesh.objects.networking import DestinationRule, ServiceEntry, VirtualService
from apps.mesh.outsideonly import full_hosts
from apps.mesh.ownership import keeper_of, managers_of
from apps.mesh.patches import ManifestPatch, apply, updated
from apps.mesh.refs import Manifest, ResourceRef
from apps.mesh.remedies.base import Proposal, ProposalError, Remedy, RemedyContext, Target
from apps.mesh.remedies.simulated import harm
from apps.mesh.rules.wording import listed
from apps.mesh.snapshot import Snapshot
from apps.mesh.speedscale import installs
from apps.mesh.tenancy import hosts_of
from apps.mesh.verdicts import Protocol

VALUES = {
    FlawKind.RESOLUTION: ("resolution", "NONE"),
    FlawKind.ENDPOINTS: ("resolution", "NONE"),
    FlawKind.LOCATION: ("location", "MESH_EXTERNAL"),
}
"""The field and the value that end a flaw; the protocol stands in a port."""
BY_NAME = frozenset({"HTTP", "HTTP2", "GRPC", "GRPC-WEB", "TLS", "HTTPS"})
"""Protocols in which a connection says for which host it is."""


def propose(context: RemedyContext, target: Target) -> Proposal:
    """One patch for each entry. Raises ProposalError when no entry has a fault, or none that can be
    corrected without a doubt."""
    flawed = _flawed(context.snapshot, context)
    refs = [ref for ref in sorted({ref for ref, _ in flawed}) if _meant(ref, flawed, target)]
    if not refs or target.scopes:
        raise ProposalError("No ServiceEntry of Speedscale's hosts has a fault: nothing to correct.")
    patches: list[ManifestPatch] = []
    warnings: list[str] = []
    for ref in refs:
        kinds = {kind for entry, kind in flawed if entry == ref}
        entry = next(entry for entry, _, _ in flawed.values() if entry.ref == ref)
        before = context.snapshot.manifest(ref)
        doubt = _doubt(context, entry, kinds)
        patch = updated(before, _corrected(before, entry, flawed, kinds)) if before and not doubt else None
        doubt = doubt or (_unproven(context, patch) if patch is not None else "it cannot be read")
        if doubt or patch is None:
            warnings.append(f"{ref} is left as it is: {doubt}.")
            continue
        patches.append(patch)
        warnings.extend(_warnings(ref, patch))
    if not patches:
        raise ProposalError(warnings[0])
    opens = tuple(_opens(context, patches))
    what = f"; opens {listed(dict.fromkeys(host for _, host in opens))}" if opens else ""
    return Proposal(
        remedy=REMEDY.name,
        title=REMEDY.title,
        summary=f"Correct {', '.join(_fields(patches))} of {listed(str(p.ref) for p in patches)}{what}.",
        patches=tuple(patches),
        opens=opens,
        warnings=tuple(warnings),
    )


def _flawed(snapshot: Snapshot, context: RemedyContext) -> FlawedEntries:
    wanted = any(install.kind != "remnant" for install in snapshot.derived(installs))
    hosts = context.dialled.hosts if wanted else ()
    return flawed_entries(snapshot.each(ServiceEntry) if wanted else (), hosts)


def _meant(ref: ResourceRef, flawed: FlawedEntries, target: Target) -> bool:
    if target.ref is not None and target.ref.kind == "ServiceEntry":
        return ref == target.ref
    if target.hosts:
        named = {host.host for (entry, _), (_, _, hosts) in flawed.items() if entry == ref for host in hosts}
        return bool(named & set(target.hosts))
    return not target.namespaces or ref.namespace in target.namespaces


def _doubt(context: RemedyContext, entry: ServiceEntry, kinds: set[FlawKind]) -> str:
    """Why somebody may rest on the entry as it is; "" when nobody can."""
    wanted = [host for host in context.dialled.hosts if host.protocol is Protocol.TLS]
    others = [host for host in entry.hosts if not any(subset_of(host, known.host) for known in wanted)]
    if FlawKind.PORT in kinds:
        return "it opens another port, and nobody can say who dials that"
    if others:
        return f"it names {listed(others)} as well, of which nobody can say what clients send"
    if entry.addresses or entry.endpoints or entry.workload_selector is not None:
        return "it has addresses or endpoints of its own"
    if any(port.protocol not in BY_NAME for port in entry.ports):
        return "it has a port on which connections do not say for which host they are"
    hosts = set(entry.hosts)
    for route in context.snapshot.each(VirtualService):
        if any(_touch(host, hosts) for host in full_hosts(route)):
            return f"{route.ref} routes calls to its hosts"
    for rule in context.snapshot.each(DestinationRule):
        if _touch(resolve_short_name(rule.host, rule.namespace), hosts):
            return f"{rule.ref} is about its hosts"
    return ""


def _touch(name: str, hosts: set[str]) -> bool:
    return any(subset_of(host, name) or subset_of(name, host) for host in hosts)


def _corrected(
    before: Manifest, entry: ServiceEntry, flawed: FlawedEntries, kinds: set[FlawKind]
) -> Manifest:
    """The entry with the fields that are wrong put right; nothing else differs."""
    spec: dict[str, Any] = {**before["spec"], **dict(VALUES[kind] for kind in kinds if kind in VALUES)}
    if FlawKind.PROTOCOL in kinds:
        numbers = [host.port for host in flawed[entry.ref, FlawKind.PROTOCOL][2]]
        spec["ports"] = [_as_tls(port, numbers) for port in spec["ports"]]
    return {**before, "spec": spec}


def _as_tls(port: Any, numbers: Sequence[int]) -> Any:
    meant = isinstance(port, Mapping) and port.get("number") in numbers
    return {**port, "protocol": "TLS"} if meant else port


def _unproven(context: RemedyContext, patch: ManifestPatch) -> str:
    """What the simulation has against it."""
    spec = patch.before["spec"] if patch.before is not None else {}
    if any(isinstance(port, Mapping) and port.get("targetPort") for port in spec.get("ports") or ()):
        return "it sends calls to another port than they are for"
    after = apply(context.snapshot, [patch])
    if any(ref == patch.ref for ref, _ in _flawed(after, context)):
        return "a fault would be left"
    return harm(context, after).rstrip(".")


def _opens(context: RemedyContext, patches: Sequence[ManifestPatch]) -> Iterator[tuple[str, str]]:
    after = apply(context.snapshot, patches).derived(EgressEngine)
    for need in host_needs(context.snapshot, context.engine):
        for host in hosts_of(context.snapshot, need.install, context.hostset).hosts:
            if context.engine.answer(need.workload, host.destination).verdict.blocked and (
                after.answer(need.workload, host.destination).verdict.reachable
            ):
                yield need.scope_key, host.host


def _warnings(ref: ResourceRef, patch: ManifestPatch) -> Iterator[str]:
    manifest = patch.before or {}
    if (keeper := keeper_of(manifest)) is not None:
        yield keeper.warning(ref)
    for field in _fields([patch]):
        if owners := managers_of(manifest, field):
            yield f"spec.{field} of {ref} is owned by {', '.join(owners)}; applying takes it over."


def _fields(patches: Sequence[ManifestPatch]) -> list[str]:
    """The fields of `spec` that are written."""
    specs = [(p.before["spec"], p.after["spec"]) for p in patches if p.before and p.after]
    return sorted({key for old, new in specs for key in new if old.get(key) != new[key]})


REMEDY = Remedy(
    name="correct-service-entry",
    title="Correct the ServiceEntry of Speedscale's hosts",
    doc=__doc__ or "",
    propose=propose,
)
