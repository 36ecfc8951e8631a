"""One Deployment with its ReplicaSets: which one is new, and the sizes that a rollout may take.

Arithmetic as in kubernetes/pkg/controller/deployment/util. It writes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from apps.simcluster.behaviour.templates import same
from apps.simcluster.schema import Json

PREFIX = "deployment.kubernetes.io/"
REVISION = PREFIX + "revision"
HISTORY = PREFIX + "revision-history"
DESIRED = PREFIX + "desired-replicas"
MAXIMUM = PREFIX + "max-replicas"
NOT_COPIED = {
    "kubectl.kubernetes.io/last-applied-configuration",
    "deprecated.deployment.rollback.to",
    REVISION,
    HISTORY,
    DESIRED,
    MAXIMUM,
}


@dataclass(slots=True)
class Rollout:
    """`sets` are all ReplicaSets of the Deployment, oldest first; changed ones are put in their place."""

    deployment: Json
    sets: list[Json]
    _new: str = ""  # its uid

    def __post_init__(self) -> None:
        for item in self.sets:
            self._recognise(item)

    @property
    def spec(self) -> Json:
        found: Json = self.deployment["spec"]
        return found

    @property
    def wanted(self) -> int:
        return int(self.spec.get("replicas", 1))

    @property
    def new(self) -> Json | None:
        """The oldest ReplicaSet with the Deployment's template."""
        return next((item for item in self.sets if item["metadata"]["uid"] == self._new), None)

    @property
    def old(self) -> list[Json]:
        new = self.new
        return [item for item in self.sets if item is not new]

    @property
    def rolling(self) -> bool:
        return bool((self.spec.get("strategy") or {}).get("type", "RollingUpdate") == "RollingUpdate")

    @property
    def limits(self) -> tuple[int, int]:
        """(most above, most unavailable); both zero would stop every rollout."""
        if not self.rolling or not self.wanted:
            return 0, 0
        rolling = (self.spec.get("strategy") or {}).get("rollingUpdate") or {}
        surge = resolved(rolling.get("maxSurge", "25%"), self.wanted, up=True)
        unavailable = resolved(rolling.get("maxUnavailable", "25%"), self.wanted, up=False)
        return surge, min(self.wanted, unavailable if surge or unavailable else 1)

    @property
    def most(self) -> int:
        return self.wanted + self.limits[0]

    @property
    def marks(self) -> dict[str, str]:
        """The annotations of a ReplicaSet that tell for which size it was made."""
        return {DESIRED: str(self.wanted), MAXIMUM: str(self.most)}

    def _recognise(self, item: Json) -> None:
        if not self._new and same(item["spec"]["template"], self.spec["template"]):
            self._new = item["metadata"]["uid"]

    def add(self, item: Json) -> None:
        """A ReplicaSet was made or adopted."""
        self.sets.append(item)
        self._recognise(item)

    def put(self, before: Json, after: Json) -> None:
        """A ReplicaSet was changed."""
        self.sets = [after if item is before else item for item in self.sets]

    def size_of_new(self, size: int) -> int:
        """How large the new ReplicaSet may be now, when it has this size."""
        if not self.rolling:
            return self.wanted
        room = self.most - total(self.sets)
        return size if room <= 0 else size + min(room, self.wanted - size)

    @property
    def scaled(self) -> bool:
        """Whether the wanted size changed since the ReplicaSets were sized."""
        marks = [(item["metadata"].get("annotations") or {}).get(DESIRED) for item in running(self.sets)]
        return any(mark is not None and mark != str(self.wanted) for mark in marks)

    def copied_annotations(self) -> dict[str, str]:
        found = self.deployment["metadata"].get("annotations") or {}
        return {name: value for name, value in found.items() if name not in NOT_COPIED}


def resolved(value: Any, whole: int, *, up: bool) -> int:
    """A number or percentage of `whole`."""
    if isinstance(value, int):
        return value
    share = int(str(value).rstrip("%")) * whole
    return -(-share // 100) if up else share // 100


def size(replica_set: Json) -> int:
    return int(replica_set["spec"].get("replicas", 1))


def total(sets: Sequence[Json]) -> int:
    return sum(size(item) for item in sets)


def running(sets: Sequence[Json]) -> list[Json]:
    return [item for item in sets if size(item) > 0]


def count(sets: Sequence[Json], name: str) -> int:
    """The sum of a number in the statuses."""
    return sum(int((item.get("status") or {}).get(name) or 0) for item in sets)


def revision(obj: Json) -> int:
    text = (obj["metadata"].get("annotations") or {}).get(REVISION, "")
    return int(text) if text.isdigit() else 0
