"""One simulated cluster: its store, what it serves, who may do what, and its clock.

The state that every request works on. It knows no HTTP.
"""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from apps.simcluster.access import Access, User
from apps.simcluster.definitions import resource_of
from apps.simcluster.errors import PlainNotFound, no_such_resource
from apps.simcluster.kinds import BUILTIN, GROUP_CRD, Resource
from apps.simcluster.outages import Outage
from apps.simcluster.schema import Json
from apps.simcluster.store import Store
from apps.simcluster.tokens import ServiceAccountTokens

DEFINITIONS = f"customresourcedefinitions.{GROUP_CRD}"
VERSION = "v1.36.2"
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Cluster:
    """State of one cluster. `now` may be replaced in tests."""

    name: str
    store: Store
    access: Access
    now: Callable[[], datetime] = utc_now
    git_version: str = VERSION
    outage: Outage = Outage.NONE
    documents: dict[str, tuple[str, bytes]] = field(default_factory=dict)  # name -> mark and text, once made
    _served: tuple[tuple[tuple[str, int], ...], tuple[Resource, ...]] | None = field(default=None)

    def timestamp(self) -> str:
        return self.now().strftime(TIME_FORMAT)

    def new_uid(self) -> str:
        return str(uuid.uuid4())

    def resources(self) -> tuple[Resource, ...]:
        """Everything served now: built-in kinds, then those of the definitions in the store."""
        definitions = self.store.each(DEFINITIONS)
        mark = tuple((item.key, item.revision) for item in definitions)
        if self._served is None or self._served[0] != mark:
            custom = (resource_of(item.object()) for item in definitions)
            self._served = (mark, (*BUILTIN, *(item for item in custom if item)))
        return self._served[1]

    def find(self, group: str, version: str, plural: str) -> Resource:
        """The resource of a URL; raises the 404 of its group."""
        builtin_group = False
        for resource in self.resources():
            if resource.group != group:
                continue
            if resource.plural == plural and version in resource.versions:
                return resource
            builtin_group = builtin_group or not resource.custom
        raise no_such_resource() if builtin_group or not group else PlainNotFound

    def by_kind(self, group: str, kind: str) -> Resource | None:
        return next((item for item in self.resources() if item.group == group and item.kind == kind), None)

    def namespace(self, name: str) -> Json | None:
        return self.store.get("namespaces", "", name)


def new_cluster(name: str, store: Store, users: Iterable[tuple[str, User]]) -> Cluster:
    """A cluster on a store; `users` are (token, user)."""
    cluster = Cluster(name, store, Access(store, dict(users)))
    cluster.access.tokens = ServiceAccountTokens(store, lambda: cluster.now())
    return cluster
