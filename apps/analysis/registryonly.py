"""What REGISTRY_ONLY would break in a cluster as it was last read, for the scopes that a person may see.

Asks no cluster and writes nothing. How many questions are put at once is bounded here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from apps.accounts.permissions import Permission, Person, allows
from apps.clusters.models import Cluster
from apps.common import collector
from apps.common.errors import InvalidInputError
from apps.inventory import store
from apps.mesh.breakage import Breakage, ScopeBreakage, breakage
from apps.mesh.egress import EgressEngine, EgressScope
from apps.mesh.hosts import is_address
from apps.mesh.hostsets import HostSet
from apps.mesh.meshconfig import control_planes
from apps.mesh.namedhosts import NamedHost, named_hosts, together
from apps.mesh.openfirst import MOST_SCOPES, OpenFirst, open_first
from apps.mesh.outboundswitch import Choice, SwitchError, plane_name
from apps.mesh.snapshot import Snapshot
from apps.mesh.verdicts import Destination, Protocol

MAX_CELLS = 12_000
MAX_TYPED, MAX_HOST, MAX_PORT = 20, 253, 65_535
HTTP_PORT = 80
_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(\*\.)?({_LABEL}\.)*{_LABEL}\.?")
_TYPED = re.compile(r"(?P<host>\[[^\]]+\]|[^\s:/\[\]]+)(:(?P<port>\d{1,5}))?(/(?P<protocol>\w+))?")


def everywhere(namespace: str) -> bool:
    """For those who may see all namespaces."""
    return True


Named = Callable[[EgressScope], tuple[tuple[NamedHost, ...], int]]


class Asked(StrEnum):
    """Of the hosts that objects name: all; those that the scope's own namespace names; none."""

    ALL = "all"
    OWN = "own-namespace"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Question:
    """What is switched, and which hosts are asked about besides those that objects name; `namespace` limits
    whose scopes are shown."""

    choice: Choice
    hostset: HostSet
    typed: tuple[NamedHost, ...] = ()
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """`asked` says which of the named hosts each scope was asked for, so that the answer comes in time;
    `seen` is whether a namespace may be seen."""

    question: Question
    found: Breakage
    asked: Asked
    seen: Callable[[str], bool]

    @property
    def scopes(self) -> tuple[ScopeBreakage, ...]:
        return self.found.scopes


def ask(user: Person, cluster: Cluster, question: Question) -> Answer:
    """Raises InvalidInputError (field `plane` or `namespace`) for what cannot be switched; a namespace that
    may not be seen looks like one that is not there."""

    @cache
    def visible(namespace: str) -> bool:
        place = {"environment": cluster.environment, "cluster": cluster.name, "namespace": namespace}
        return allows(user, Permission.VIEW, **place)

    def among(namespace: str) -> bool:
        return question.namespace in ("", namespace) and visible(namespace)

    chosen = question.choice.namespace
    if chosen and not visible(chosen):
        raise InvalidInputError(f"There is no workload in namespace {chosen}.", field="namespace")
    snapshot = store.load(cluster)
    with collector.paused():
        named = tuple(_seen(snapshot.derived(named_hosts), visible))
        return answer(snapshot, question, named, among=among, seen=visible)


def answer(
    snapshot: Snapshot,
    question: Question,
    named: tuple[NamedHost, ...],
    *,
    among: Callable[[str], bool] = everywhere,
    seen: Callable[[str], bool] = everywhere,
    most: int = MAX_CELLS,
) -> Answer:
    """The answer for hosts that objects name. Raises InvalidInputError as `ask` does."""
    catalogue = (question.hostset, *(needed.hostset for needed in question.hostset.beside))
    always = together((NamedHost(h.destination) for one in catalogue for h in one.hosts), question.typed)
    space = question.choice.namespace
    engine = snapshot.derived(EgressEngine)
    scopes = sum(among(scope.namespace) and space in ("", scope.namespace) for scope in engine.scopes())
    asked, hosts = _within(most, scopes, always, named)
    try:
        return Answer(question, breakage(snapshot, question.choice, hosts, among=among), asked, seen)
    except SwitchError as refusal:
        raise InvalidInputError(str(refusal), field=refusal.field) from refusal


def first(found: Answer, *, most: int = MOST_SCOPES) -> OpenFirst:
    """What to open before the switch. Typed hosts count as called where one namespace is asked about."""
    question = found.question
    typed = question.typed if question.namespace or question.choice.namespace else ()
    with collector.paused():
        return open_first(found.found, question.hostset, {host.destination for host in typed}, most=most)


def planes(snapshot: Snapshot) -> tuple[str, ...]:
    """The control planes that can be chosen."""
    return tuple(plane_name(plane) for plane in control_planes(snapshot))


def planes_of(cluster: Cluster) -> tuple[str, ...]:
    """The same for a cluster as it was last read."""
    return planes(store.load(cluster))


def choice_of(known: tuple[str, ...], plane: str, only: str) -> Choice:
    """What is meant by a control plane and a namespace of which either may be left out: the one namespace,
    else the plane, else the first there is. Raises InvalidInputError (field `plane`) when there is none."""
    if only:
        return Choice(namespace=only)
    if not plane and not known:
        raise InvalidInputError("No control plane was found, so no policy can be switched.", field="plane")
    return Choice(plane=plane or known[0])


def typed_host(text: str) -> NamedHost:
    """`host`, `host:port` or `host:port/PROTOCOL`; port 443 and TLS (HTTP for port 80) when they are left
    out. Raises InvalidInputError (field `host`)."""
    match = _TYPED.fullmatch(text.strip().lower())
    host = match["host"].strip("[]") if match is not None else ""
    if match is None or len(host) > MAX_HOST or not (_NAME.fullmatch(host) or is_address(host)):
        raise InvalidInputError(
            f"«{text[:80]}» is neither a host name nor an address; write host, host:port or host:port/HTTP.",
            field="host",
        )
    port = int(match["port"] or 443)
    if not 0 < port <= MAX_PORT:
        raise InvalidInputError(f"Port {port} is not between 1 and {MAX_PORT}.", field="host")
    given = (match["protocol"] or ("http" if port == HTTP_PORT else "tls")).upper()
    if given not in set(Protocol):
        raise InvalidInputError(f"{given} is none of {', '.join(Protocol)}.", field="host")
    return NamedHost(Destination(host, port, Protocol(given), host if is_address(host) else ""))


def typed_hosts(texts: Iterable[str]) -> tuple[NamedHost, ...]:
    """Raises InvalidInputError (field `host`) for one that is none, and for too many."""
    found = together(typed_host(text) for text in texts if text.strip())
    if len(found) > MAX_TYPED:
        raise InvalidInputError(f"Ask about at most {MAX_TYPED} hosts at once.", field="host")
    return found


def _seen(named: Iterable[NamedHost], may: Callable[[str], bool]) -> Iterable[NamedHost]:
    """The hosts that objects name which may be seen, with those objects."""
    for host in named:
        refs = tuple(ref for ref in host.named_by if may(ref.namespace))
        if refs:
            yield NamedHost(host.destination, refs)


def _within(
    most: int, scopes: int, always: tuple[NamedHost, ...], named: tuple[NamedHost, ...]
) -> tuple[Asked, Named]:
    """As many of the named hosts as can be asked for: of every scope all, else those of its namespace."""
    everything = together(always, named)
    if scopes * len(everything) <= most:
        return Asked.ALL, lambda scope: (everything, 0)
    own: dict[str, list[NamedHost]] = {}
    for host in named:
        for namespace in {ref.namespace for ref in host.named_by}:
            own.setdefault(namespace, []).append(host)
    if scopes * len(always) + len(named) > most:
        return Asked.NONE, lambda scope: (always, len(everything) - len(always))

    def near(scope: EgressScope) -> tuple[tuple[NamedHost, ...], int]:
        hosts = together(always, own.get(scope.namespace, ()))
        return hosts, len(everything) - len(hosts)

    return Asked.OWN, near
