"""Faults on purpose, for tests of clients: which requests go wrong, how often, and in which way.

Only the rules and their counting. What a fault does to an answer is in `breaking`; the trouble of a whole
server is in `outages`.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from threading import Lock
from typing import Annotated, Literal

import msgspec

from apps.simcluster.asked import Asked
from apps.simcluster.outages import DEFAULT_SECONDS, Outage


class FaultKind(StrEnum):
    """What goes wrong. The kinds that begin with `watch-` hit watches only, `typed-error` applies only."""

    LATENCY = "latency"  # wait `seconds` and up to `jitter` more, then answer as usual
    STATUS = "status"  # answer with `status` and do nothing
    TYPED_ERROR = "typed-error"  # the 500 of server-side apply for a field that the schema does not have
    RESET = "reset"  # close the connection without answering, and do nothing
    LOST_ANSWER = "lost-answer"  # do the work, then close the connection without answering
    TRUNCATED = "truncated"  # do the work, announce the whole body, send half of it and close
    STALLED = "stalled"  # do the work, send half of the body, the rest after `seconds` (0: never)
    DRIP = "drip"  # do the work, send the body in pieces of `piece` bytes, `seconds` apart
    WATCH_DUPLICATED = "watch-duplicated"  # every event comes twice
    WATCH_REORDERED = "watch-reordered"  # every event comes after the one that follows it
    WATCH_DROPPED = "watch-dropped"  # an event is left out, then a 410 ERROR, then the end
    WATCH_CLOSED = "watch-closed"  # the watch ends after `events` events, or else after `seconds`
    WATCH_NO_BOOKMARKS = "watch-no-bookmarks"  # bookmarks are withheld, that of the initial events too


Verb = Literal["", "get", "list", "watch", "create", "update", "patch", "apply", "delete", "deletecollection"]
Method = Literal["", "GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]
Glob = str | None
_HITS: dict[FaultKind, Verb] = {
    FaultKind.TYPED_ERROR: "apply",
    **{kind: "watch" for kind in FaultKind if kind.startswith("watch-")},
}
_GLOBS = ("group", "resource", "kind", "subresource", "namespace", "name", "user")


class Match(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Which requests: all that is given must hold. The others of None take a pattern with `*` and `?`.

    A pattern that is empty selects what has none: `group` the core group, `subresource` the objects
    themselves, `namespace` the whole cluster. `path` is a part of the path as sent.
    """

    verb: Verb = ""
    method: Method = ""
    path: str = ""
    group: Glob = None
    resource: Glob = None
    kind: Glob = None
    subresource: Glob = None
    namespace: Glob = None
    name: Glob = None
    user: Glob = None
    dry_run: bool | None = None

    def holds(self, asked: Asked) -> bool:
        if self.verb not in ("", asked.verb) or self.method not in ("", asked.method):
            return False
        if self.path not in asked.path or self.dry_run not in (None, asked.dry_run):
            return False
        patterns = ((getattr(self, name), getattr(asked, name)) for name in _GLOBS)
        return all(pattern is None or fnmatchcase(value, pattern) for pattern, value in patterns)


Count = Annotated[int, msgspec.Meta(ge=0)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One fault, as written in Python and in the JSON of the control API.

    Of the requests that `match`, the first `after` are left alone; of the others each is hit with a
    `probability` (drawn from `seed`, so the same every time), `times` times in all; None: until removed. What
    the other fields mean is said at the kind. Raises ValueError for fields that contradict each other.
    """

    kind: FaultKind
    match: Match = Match()
    times: Annotated[int, msgspec.Meta(ge=1)] | None = 1
    after: Count = 0
    probability: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    seed: int = 0
    status: Annotated[int, msgspec.Meta(ge=200, le=599)] = 503
    message: str = ""  # of the Status object that is sent without a `body`
    body: str = ""
    content_type: str = "application/json"
    retry_after: Count | None = None
    seconds: Seconds = 0.0
    jitter: Seconds = 0.0
    events: Count = 0  # of a watch: so many come as usual first
    piece: Annotated[int, msgspec.Meta(ge=1)] = 16

    def __post_init__(self) -> None:
        hit = _HITS.get(self.kind, "")
        if hit and self.match.verb not in ("", hit):
            raise ValueError(f"match.verb must be {hit} for a {self.kind} fault, not {self.match.verb}")

    def hits(self, asked: Asked) -> bool:
        return _HITS.get(self.kind, "") in ("", asked.verb) and self.match.holds(asked)


@dataclass(slots=True)
class Planned:
    """A fault that was added: its id, how many requests it was there for, and how many it has hit."""

    id: str
    fault: Fault
    matched: int = 0
    hits: int = 0
    _random: random.Random = field(default_factory=random.Random, repr=False)

    def __post_init__(self) -> None:
        self._random.seed(self.fault.seed)

    @property
    def spent(self) -> bool:
        return self.fault.times is not None and self.hits >= self.fault.times

    def strikes(self, asked: Asked) -> bool:
        """Whether this request is hit; counts it."""
        if self.spent or not self.fault.hits(asked):
            return False
        self.matched += 1
        if self.matched <= self.fault.after or self._random.random() >= self.fault.probability:
            return False
        self.hits += 1
        return True

    def pause(self) -> float:
        return self.fault.seconds + self._random.uniform(0, self.fault.jitter)


@dataclass(frozen=True, slots=True)
class Struck:
    """What becomes of a request: it waits `pause` seconds, then `fault` comes over it, if there is one."""

    pause: float = 0.0
    fault: Fault | None = None


@dataclass(slots=True)
class Faults:
    """The faults of one cluster. Safe to use from any thread.

    `outage` is the state of the server as a whole, until it is set to another; a request that an outage keeps
    waiting waits `longest_wait` seconds at most.
    """

    outage: Outage = Outage.NONE
    longest_wait: float = DEFAULT_SECONDS
    _planned: list[Planned] = field(default_factory=list)
    _added: int = 0
    _lock: Lock = field(default_factory=Lock)

    def add(self, fault: Fault) -> Planned:
        with self._lock:
            self._added += 1
            self._planned.append(planned := Planned(str(self._added), fault))
        return planned

    def planned(self) -> list[Planned]:
        """All that were added and not removed, the spent ones too, oldest first."""
        with self._lock:
            return list(self._planned)

    def remove(self, fault_id: str) -> bool:
        """Take a fault away; false when there is none of that id."""
        with self._lock:
            kept = [planned for planned in self._planned if planned.id != fault_id]
            found, self._planned = len(kept) < len(self._planned), kept
        return found

    def clear(self) -> None:
        """Take all faults away; an outage stays."""
        with self._lock:
            self._planned.clear()

    def take(self, describe: Callable[[], Asked]) -> Struck:
        """What becomes of a request: every latency that matches adds up, of the others the oldest counts.

        The request is described only when a fault is waiting.
        """
        with self._lock:
            waiting = [planned for planned in self._planned if not planned.spent]
            if not waiting:
                return Struck()
            asked, pause, fault = describe(), 0.0, None
            for planned in waiting:
                latency = planned.fault.kind is FaultKind.LATENCY
                if (latency or fault is None) and planned.strikes(asked):
                    pause += planned.pause() if latency else 0.0
                    fault = fault if latency else planned.fault
            return Struck(pause, fault)
