"""What happened, as everybody saw it, and what must be true of it.

People record invocation and outcome: `ok`, `fail` (refused, nothing happened) or `info` (nobody knows). The
cluster's own watch says which versions of every object there were. `check` compares both with what the
console says in the end.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

OP = "meshconsole.io/op"
TERMINAL = {"applied", "failed", "rejected", "withdrawn", "expired", "canceled"}
EXPLAINED = {"diverged", "stale", "partially_applied", "needs_attention", "draft", "pending"}
WRITTEN = {"applied", "diverged", "partially_applied", "needs_attention"}


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that somebody tried."""

    who: str
    what: str
    on: str
    outcome: str
    began: float
    ended: float


@dataclass(slots=True)
class History:
    """Filled by many threads."""

    operations: list[Operation] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def record(self, who: str, what: str, on: str, act: Callable[[], httpx.Response]) -> Any:
        """Acts, and keeps how it ended; the body of an answer that says yes, otherwise None."""
        began, body = time.time(), None
        try:
            answer = act()
        except httpx.HTTPError:
            outcome = "info"
        else:
            outcome = "ok" if answer.is_success else "fail" if answer.status_code < 500 else "info"
            body = answer.json() if answer.is_success and answer.content else None
        with self._lock:
            self.operations.append(Operation(who, what, on, outcome, began, time.time()))
        return body

    def outcomes(self) -> dict[str, int]:
        return dict(Counter(f"{op.what} {op.outcome}" for op in self.operations))


@dataclass(frozen=True, slots=True)
class Version:
    """An object after one write, as the watch told it; `hosts` None when it was deleted."""

    name: str
    revision: str
    op: str
    hosts: tuple[str, ...] | None
    managers: frozenset[str]


def version(event: Mapping[str, Any]) -> Version:
    body = event["object"]
    meta = body["metadata"]
    hosts = None if event["type"] == "DELETED" else tuple(body["spec"]["hosts"])
    op = (meta.get("annotations") or {}).get(OP, "")
    managers = frozenset(entry["manager"] for entry in meta.get("managedFields") or ())
    return Version(meta["name"], meta["resourceVersion"], op, hosts, managers)


def console_writes(versions: Iterable[Version]) -> list[tuple[Version | None, Version]]:
    """(what was there, what the console made of it), in order: whatever brought a new mark."""
    chains: dict[str, list[Version]] = defaultdict(list)
    for seen in versions:
        chains[seen.name].append(seen)
    writes: list[tuple[Version | None, Version]] = []
    for chain in chains.values():
        for before, after in itertools.pairwise([None, *chain]):
            assert after is not None
            marked = after.hosts is not None and after.op
            there = before if before is not None and before.hosts is not None else None
            if marked and (there is None or there.op != after.op):
                writes.append((there, after))
    return writes


def check(versions: list[Version], changes: Mapping[int, Any], history: History) -> int:
    """Raises AssertionError for whatever must not be; how many writes of the console there were."""
    writes = console_writes(versions)
    known = {(seen.name, seen.revision): seen for seen in versions}
    times = Counter(after.op for _, after in writes)
    for before, after in writes:
        number, revision, position = (int(part) for part in after.op.removeprefix("CS-").split("/"))
        change = changes[number]
        assert times[after.op] == 1, f"{after.op} was applied {times[after.op]} times"
        assert revision == change["revision"], f"{after.op} is not of the revision that was approved"
        approvers = {
            row["reviewer"]["username"]
            for row in change["decisions"]
            if row["verdict"] == "approve" and row["digest"] == change["digest"]
        }
        assert len(approvers - {change["author"]["username"]}) >= change["policy"]["required"]
        item = next(item for item in change["items"] if item["position"] == position)
        assert tuple(item["intent"]["spec"].get("hosts", after.hosts)) == after.hosts, "not what was approved"
        _check_base(before, item, known)
    for number, change in changes.items():
        _check_end(number, change, times)
    unknown = [op for op in history.operations if op.outcome == "info" and op.on not in map(str, changes)]
    assert not [op for op in unknown if op.what != "propose"], (
        "an operation of unknown outcome was not resolved"
    )
    return len(writes)


def _check_base(before: Version | None, item: Mapping[str, Any], known: Mapping[Any, Version]) -> None:
    """The write rests on what was there: nothing, or the very content that its approval rests on."""
    if item["base_resource_version"] == "0":
        assert before is None, f"{item['name']} was there when it was created"
        return
    assert before is not None, f"{item['name']} was not there when it was changed"
    if before.revision != item["base_resource_version"]:
        base = known[item["name"], item["base_resource_version"]]
        assert base.hosts == before.hosts, "written over what somebody else wrote since it was approved"


def _check_end(number: int, change: Mapping[str, Any], times: Mapping[str, int]) -> None:
    state = change["state"]
    assert state in TERMINAL | EXPLAINED, f"CS-{number} is stuck in {state}"
    assert state in TERMINAL or state == "pending" or change["state_message"], f"CS-{number} says nothing"
    for item in change["items"]:
        done = times.get(f"CS-{number}/{change['revision']}/{item['position']}", 0)
        if state in {"applied", "diverged"}:
            assert done == 1, f"CS-{number} is {state}, and item {item['position']} was written {done} times"
        if state not in WRITTEN:
            assert done == 0, f"CS-{number} is {state}, and something of it is written"
