"""What a snapshot as it would be takes from anybody, gives or finds anew, as a sentence. Knows no remedy."""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.analyse import analyse
from apps.mesh.egress import EgressEngine
from apps.mesh.remedies.base import RemedyContext
from apps.mesh.scopes import EgressScope
from apps.mesh.snapshot import Snapshot

Reach = frozenset[tuple[str, int, str]]
"""Host, port, and whether it is one of the host set or one that the registry knows."""


def harm(context: RemedyContext, after: Snapshot) -> str:
    """What somebody reaches now and would not afterwards, be it a host of the host set or a port that
    the registry knows; "" when nothing is lost. What protocol a port is declared as does not count."""
    for scope, before, then in _reached(context, after):
        if lost := before - then:
            host, port, _ = min(lost)
            return f"{scope.label} would lose {host}:{port}."
    return ""


def gain(context: RemedyContext, after: Snapshot) -> str:
    """The same the other way round: what somebody would reach and does not now."""
    for scope, before, then in _reached(context, after):
        if more := then - before:
            host, port, _ = min(more)
            return f"{scope.label} would reach {host}:{port} as well."
    return ""


def new_finding(context: RemedyContext, after: Snapshot) -> str:
    """A finding that is not there now and would be afterwards; "" when there is none."""
    known = {finding.fingerprint for finding in analyse(context.snapshot, context.hostset).findings}
    found = analyse(after, context.hostset).findings
    new = next((finding for finding in found if finding.fingerprint not in known), None)
    return f"{new.code} would appear on {new.ref}." if new is not None else ""


def _reached(context: RemedyContext, after: Snapshot) -> Iterator[tuple[EgressScope, Reach, Reach]]:
    """Each scope with what it reaches before and after."""
    engine = after.derived(EgressEngine)
    for scope in context.engine.scopes():
        then = engine.scope_of(scope.representative)
        yield scope, _reach(context, context.engine, scope), _reach(context, engine, then)


def _reach(context: RemedyContext, engine: EgressEngine, scope: EgressScope) -> Reach:
    passing = {
        (host.host, host.port, "needed")
        for host in context.dialled.hosts
        if engine.answer(scope.representative, host.destination).verdict.reachable
    }
    return frozenset(passing | {(service[0], service[1], "known") for service in engine.reachable(scope)})
