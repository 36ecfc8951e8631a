"""What patches that correct an object would take from anybody, as a sentence. Knows no remedy."""

from __future__ import annotations

from collections.abc import Sequence

from apps.mesh.analyse import analyse
from apps.mesh.egress import EgressEngine
from apps.mesh.patches import ManifestPatch, apply
from apps.mesh.remedies.base import RemedyContext
from apps.mesh.scopes import EgressScope


def harm(context: RemedyContext, patches: Sequence[ManifestPatch]) -> str:
    """What somebody reaches now and would not afterwards, be it a host of the host set or a port that
    the registry knows; "" when nothing is lost. What protocol a port is declared as does not count."""
    after = apply(context.snapshot, patches).derived(EgressEngine)
    for scope in context.engine.scopes():
        then = after.scope_of(scope.representative)
        lost = {*_passing(context, context.engine, scope)} - {*_passing(context, after, then)}
        lost |= _known(context.engine, scope) - _known(after, then)
        if lost:
            host, port = min(lost)
            return f"{scope.label} would lose {host}:{port}."
    return ""


def new_finding(context: RemedyContext, patches: Sequence[ManifestPatch]) -> str:
    """A finding that is not there now and would be afterwards; "" when there is none."""
    known = {finding.fingerprint for finding in analyse(context.snapshot, context.hostset).findings}
    after = analyse(apply(context.snapshot, patches), context.hostset)
    found = next((finding for finding in after.findings if finding.fingerprint not in known), None)
    return f"{found.code} would appear on {found.ref}." if found is not None else ""


def _passing(context: RemedyContext, engine: EgressEngine, scope: EgressScope) -> set[tuple[str, int]]:
    return {
        (host.host, host.port)
        for host in context.dialled.hosts
        if engine.answer(scope.representative, host.destination).verdict.reachable
    }


def _known(engine: EgressEngine, scope: EgressScope) -> set[tuple[str, int]]:
    return {(service[0], service[1]) for service in engine.reachable(scope)}
