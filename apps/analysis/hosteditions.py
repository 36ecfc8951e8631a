"""The sets of hosts and their editions: what there is, what is in force, and for which cluster.

Reads only; `hostediting` adds editions and puts them in force. Who may read them is whoever may see
anything at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from fnmatch import fnmatchcase
from functools import cached_property

from django.db.models import Max, QuerySet

from apps.accounts.models import User
from apps.accounts.permissions import Permission, allows, allows_somewhere
from apps.analysis import hostfile
from apps.analysis.models import HostAdoption, HostEdition
from apps.clusters.models import Cluster
from apps.common.errors import PermissionDeniedError
from apps.mesh.hostsets import FIRST_EDITION, SPEEDSCALE, HostSet, Needed

BUILT_IN = 1
"""The number of the edition of Speedscale's set that is part of the console."""


@dataclass(frozen=True, slots=True)
class Edition:
    """One edition. `row` is None for the built-in one."""

    number: int
    hostset: HostSet
    row: HostEdition | None = None

    @property
    def name(self) -> str:
        return self.hostset.name


@dataclass(frozen=True)
class NamedSet:
    """A set by its name: its editions, the newest first, and every act on it, the newest first."""

    name: str
    rows: tuple[HostEdition, ...]
    acts: tuple[HostAdoption, ...]

    @property
    def number(self) -> int:
        """The number of the edition in force, 0 for none."""
        return self.acts[0].number if self.acts else BUILT_IN if self.name == SPEEDSCALE else 0

    @property
    def place(self) -> HostAdoption | None:
        """Where it is in use: the act that counts, None for the built-in edition from the beginning."""
        return self.acts[0] if self.acts and self.number else None

    @cached_property
    def editions(self) -> tuple[Edition, ...]:
        built_in = (Edition(BUILT_IN, FIRST_EDITION),) if self.name == SPEEDSCALE else ()
        return (*(edition_of(row) for row in self.rows), *built_in)

    @cached_property
    def in_force(self) -> Edition | None:
        return self.get(self.number)

    def get(self, number: int) -> Edition | None:
        return next((one for one in self.editions if one.number == number), None)


def edition_of(row: HostEdition) -> Edition:
    """A stored edition."""
    return Edition(row.number, hostfile.built(row.content), row)


def sets() -> list[NamedSet]:
    """Every set, Speedscale's first, then by name. Two queries."""
    rows: dict[str, list[HostEdition]] = {SPEEDSCALE: []}
    acts: dict[str, list[HostAdoption]] = {}
    for row in _editions():
        rows.setdefault(row.name, []).append(row)
    for act in HostAdoption.objects.select_related("actor").order_by("-pk"):
        acts.setdefault(act.name, []).append(act)
    names = sorted(rows, key=lambda name: (name != SPEEDSCALE, name))
    return [NamedSet(name, tuple(rows[name]), tuple(acts.get(name, ()))) for name in names]


def set_of(name: str) -> NamedSet | None:
    """One set; None when there is none of that name."""
    rows = tuple(_editions().filter(name=name))
    if not rows and name != SPEEDSCALE:
        return None
    acts = HostAdoption.objects.filter(name=name).select_related("actor").order_by("-pk")
    return NamedSet(name, rows, tuple(acts))


def newest(name: str) -> HostAdoption | None:
    """The act that counts for a set."""
    return HostAdoption.objects.filter(name=name).order_by("-pk").first()


def hostset_for(cluster: Cluster, at: datetime | None = None) -> HostSet:
    """Speedscale's hosts with the sets in use beside them, as they are in force for a cluster now, or as
    they were at a moment. Two queries."""
    acts = HostAdoption.objects.filter(at__lte=at) if at is not None else HostAdoption.objects.all()
    newest_of = acts.order_by().values("name").annotate(newest=Max("pk")).values("newest")
    counting = [act for act in HostAdoption.objects.filter(pk__in=newest_of).order_by("name") if act.number]
    rows = {(row.name, row.number): row for row in _named(counting)}
    found, beside = FIRST_EDITION, []
    for act in counting:
        row = rows.get((act.name, act.number))
        if act.name == SPEEDSCALE:
            found = edition_of(row).hostset if row is not None else FIRST_EDITION
        elif row is not None and covers(act, cluster):
            beside.append(Needed(edition_of(row).hostset, tuple(act.namespaces)))
    return replace(found, beside=tuple(beside)) if beside else found


def covers(act: HostAdoption, cluster: Cluster) -> bool:
    """Whether an act puts its edition in use for a cluster."""
    return fnmatchcase(cluster.environment, act.environment) and fnmatchcase(cluster.name, act.cluster)


def next_number(name: str) -> int:
    """The number of the next edition of a set."""
    highest = HostEdition.objects.filter(name=name).aggregate(highest=Max("number"))["highest"]
    return (highest or (BUILT_IN if name == SPEEDSCALE else 0)) + 1


def require_reader(user: User) -> None:
    """Raises PermissionDeniedError for somebody who may see nothing at all."""
    if not allows_somewhere(user, Permission.VIEW):
        raise PermissionDeniedError("Your roles do not let you see the host sets.")


def administers(user: User) -> bool:
    """Whether the person may add editions and put them in force."""
    return allows(user, Permission.ADMINISTER)


def sets_of_summary(hostset: Mapping[str, object]) -> list[Mapping[str, object]]:
    """The sets of a cluster's last analysis, Speedscale's first, from what its summary keeps."""
    beside = hostset.get("beside")
    others = [one["hostset"] for one in beside] if isinstance(beside, list) else []
    return [hostset, *others] if hostset else []


def _editions() -> QuerySet[HostEdition]:
    return HostEdition.objects.select_related("author").order_by("-number")


def _named(acts: list[HostAdoption]) -> list[HostEdition]:
    """The editions of these acts."""
    wanted = {act.name for act in acts if not (act.name == SPEEDSCALE and act.number == BUILT_IN)}
    numbers = {act.number for act in acts}
    return list(HostEdition.objects.filter(name__in=wanted, number__in=numbers)) if wanted else []
