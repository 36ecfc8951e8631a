"""Adding an edition of a host set, putting one in force, and taking a set out of use.

Editions and acts are only ever added. What counts from now on is worked out anew for every cluster that it
concerns, from what is known of it, without asking it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from apps.accounts.models import User
from apps.accounts.permissions import Permission, require
from apps.analysis import hosteditions, hostfile
from apps.analysis.models import HostAdoption, HostEdition
from apps.audit.actions import record
from apps.clusters.models import Cluster, Environment
from apps.common.clock import now
from apps.common.errors import InvalidInputError, StaleInputError, WrongStateError
from apps.inventory.actions import request_analysis
from apps.mesh.hostsets import SPEEDSCALE, HostSet

REASON_LIMIT = 1000
MOST_HOSTS_IN_USE = 200
MOST_NAMESPACES = 50
GLOB = re.compile(r"[a-z0-9*?-]{1,63}\Z")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a set is used, and the namespaces there that need its hosts. No namespaces: it is only looked
    at. `*` and `?` are wildcards."""

    environment: str = "*"
    cluster: str = "*"
    namespaces: tuple[str, ...] = ()


EVERYWHERE = Place()


def add_edition(*, actor: User, hostset: HostSet, reason: str) -> HostEdition:
    """Keeps an edition; it counts nowhere until it is put in force. Raises PermissionDeniedError,
    InvalidInputError (`nothing_to_change`, `edition_exists`), StaleInputError when two are added at once."""
    require(actor, Permission.ADMINISTER, action="hosts.add")
    reason = _reason(reason)
    known = hosteditions.set_of(hostset.name)
    if known is not None:
        labels = {one.hostset.edition: one for one in known.editions}
        if hostset.edition in labels:
            raise InvalidInputError(
                f"There is an edition {hostset.edition} of {hostset.name} already. Editions are never "
                "changed: call this one by another name.",
                field="edition",
                code="edition_exists",
            )
        if known.in_force is not None and known.in_force.hostset.hosts == hostset.hosts:
            raise InvalidInputError(
                f"Those are the hosts of {known.in_force.hostset}, which is in force: nothing differs.",
                field="content",
                code="nothing_to_change",
            )
    try:
        with transaction.atomic():
            return _write(actor, hostset, reason)
    except IntegrityError as error:
        raise StaleInputError("Somebody added an edition at the same moment. Look at it first.") from error


def adopt(*, actor: User, name: str, number: int, reason: str, place: Place = EVERYWHERE) -> HostAdoption:
    """Puts an edition in force, an older one too, and has the clusters analysed anew. Raises
    PermissionDeniedError, InvalidInputError, WrongStateError when nothing would differ."""
    require(actor, Permission.ADMINISTER, action="hosts.adopt")
    known = hosteditions.set_of(name)
    edition = known.get(number) if known is not None else None
    if known is None or edition is None:
        raise InvalidInputError(f"There is no edition {number} of «{name[:40]}».", field="number")
    wanted = EVERYWHERE if name == SPEEDSCALE else _checked(place)
    if known.number == number and (known.place is None or _place_of(known.place) == wanted):
        raise WrongStateError(f"{edition.hostset} is in force already.")
    if name != SPEEDSCALE:
        _require_room(edition)
    return _act(
        actor, HostAdoption(name=name, number=number, reason=_reason(reason)), wanted, edition.hostset
    )


def retire(*, actor: User, name: str, reason: str) -> HostAdoption:
    """Takes a set out of use: its hosts are looked at no more. Raises PermissionDeniedError,
    InvalidInputError, WrongStateError for Speedscale's, or for a set that is in use nowhere."""
    require(actor, Permission.ADMINISTER, action="hosts.retire")
    known = hosteditions.set_of(name)
    if known is None:
        raise InvalidInputError(f"There is no set «{name[:40]}».", field="name")
    if name == SPEEDSCALE:
        raise WrongStateError("Speedscale's set is always in use. Put another edition in force instead.")
    if known.in_force is None:
        raise WrongStateError(f"{name} is not in use.")
    return _act(actor, HostAdoption(name=name, number=0, reason=_reason(reason)), EVERYWHERE, None)


def _write(actor: User, hostset: HostSet, reason: str) -> HostEdition:
    row = HostEdition.objects.create(
        name=hostset.name,
        number=hosteditions.next_number(hostset.name),
        edition=hostset.edition,
        content=hostfile.content(hostset),
        reason=reason,
        author=actor,
        created_at=now(),
    )
    record(
        actor=actor,
        action="hosts.add",
        summary=f"Added {row}: {reason}"[:500],
        object_type="hosts",
        object_id=f"{row.name}/{row.number}",
        detail={"edition": row.edition, "source": hostset.provenance, "content": row.content},
    )
    return row


def _act(actor: User, act: HostAdoption, place: Place, hostset: HostSet | None) -> HostAdoption:
    act.actor, act.at = actor, now()
    act.environment, act.cluster, act.namespaces = place.environment, place.cluster, list(place.namespaces)
    what = f"Put {hostset} in force" if hostset is not None else f"Took the hosts of {act.name} out of use"
    with transaction.atomic():
        before = hosteditions.newest(act.name)
        act.save(force_insert=True)
        record(
            actor=actor,
            action="hosts.adopt" if act.number else "hosts.retire",
            summary=f"{what}: {act.reason}"[:500],
            object_type="hosts",
            object_id=f"{act.name}/{act.number}" if act.number else act.name,
            detail={
                "before": before.number if before is not None else None,
                "environment": act.environment,
                "cluster": act.cluster,
                "namespaces": act.namespaces,
            },
        )
        for cluster in Cluster.objects.order_by("pk"):
            if any(one is not None and hosteditions.covers(one, cluster) for one in (before, act)):
                request_analysis(cluster=cluster)
    return act


def _require_room(edition: hosteditions.Edition) -> None:
    """Every host costs an answer for each egress scope of a cluster, whenever it is read."""
    others = [one for one in hosteditions.sets() if one.name not in {SPEEDSCALE, edition.name}]
    used = sum(len(one.in_force.hostset.hosts) for one in others if one.in_force is not None)
    if used + len(edition.hostset.hosts) > MOST_HOSTS_IN_USE:
        raise WrongStateError(
            f"Beside Speedscale's, {used} hosts are in use, and at most {MOST_HOSTS_IN_USE} are worked out: "
            "take another set out of use first."
        )


def _place_of(act: HostAdoption) -> Place:
    return Place(act.environment, act.cluster, tuple(act.namespaces))


def _checked(place: Place) -> Place:
    environments = {"*", *Environment.values}
    if place.environment not in environments:
        raise InvalidInputError(f"It is one of {', '.join(sorted(environments))}.", field="environment")
    if not GLOB.match(place.cluster):
        raise InvalidInputError("Name a cluster; * and ? are wildcards.", field="cluster")
    namespaces = tuple(dict.fromkeys(name.strip() for name in place.namespaces if name.strip()))
    wrong = next((name for name in namespaces if not GLOB.match(name)), None)
    if wrong is not None:
        raise InvalidInputError(f"«{wrong[:63]}» is no namespace; * and ? are wildcards.", field="namespaces")
    if len(namespaces) > MOST_NAMESPACES:
        raise InvalidInputError(f"At most {MOST_NAMESPACES} can be named.", field="namespaces")
    return Place(place.environment, place.cluster, namespaces)


def _reason(text: str) -> str:
    reason = text.replace("\x00", "").strip()
    if not reason or len(reason) > REASON_LIMIT:
        raise InvalidInputError(f"Say why, in at most {REASON_LIMIT} characters.", field="reason")
    return reason
