"""The loop of all controllers of one cluster: from changes in the store to work, one piece after the other.

An idle cluster costs nothing and a change costs its own workload. Must not know how the work is done.
"""

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from apps.simcluster.behaviour import (
    daemon_sets,
    deployments,
    endpoints,
    garbage,
    jobs,
    kubelet,
    replica_sets,
    stateful_sets,
)
from apps.simcluster.behaviour.actors import Stale
from apps.simcluster.behaviour.events import EVENTS, LIFETIME, Recorder
from apps.simcluster.behaviour.index import Index
from apps.simcluster.behaviour.options import Behaviour
from apps.simcluster.behaviour.queue import Work, WorkQueue
from apps.simcluster.behaviour.runtime import (
    DAEMON_SETS,
    DEPLOYMENTS,
    JOBS,
    KIND_KEYS,
    NODES,
    PODS,
    REPLICA_SETS,
    STATEFUL_SETS,
    Identity,
    Runtime,
    identity,
)
from apps.simcluster.cluster import Cluster
from apps.simcluster.errors import ApiError
from apps.simcluster.store import Event, Stored

STEP_SECONDS = 0.02
BETWEEN_SWEEPS = timedelta(minutes=1)
logger = logging.getLogger("apps.simcluster")

Sync = Callable[[Runtime, Work], None]


def _sweep(run: Runtime, work: Work) -> None:
    """Remove Events that are too old; the next look is when another one is, and not too soon."""
    due = run.events.sweep()
    if due is not None:
        run.queue.at(work, max(due, run.cluster.now() + BETWEEN_SWEEPS))


_SWEEP = Work("sweep-events", "", "")
_SYNCS: dict[str, Sync] = {
    DEPLOYMENTS: deployments.sync,
    REPLICA_SETS: replica_sets.sync,
    STATEFUL_SETS: stateful_sets.sync,
    DAEMON_SETS: daemon_sets.sync,
    JOBS: jobs.sync,
    endpoints.SERVICES: endpoints.sync,
    PODS: kubelet.sync,
    kubelet.START: kubelet.start,
    kubelet.END: kubelet.end,
    garbage.ORPHANED: garbage.collect,
    _SWEEP.task: _sweep,
}
CORE = (PODS, endpoints.SERVICES)
_MARKED = (garbage.FOREGROUND.encode(), garbage.ORPHAN.encode())


class Loop:
    """The controllers of a cluster. `step` from one thread at a time."""

    def __init__(self, cluster: Cluster, options: Behaviour) -> None:
        self.run = Runtime(cluster, options, Index(cluster.store), WorkQueue(), Recorder(cluster))

    def look_at_everything(self) -> None:
        """After a restart: work that was under way goes on. What is at rest stays as it is."""
        self.run.queue.add(_SWEEP)
        for key in _SYNCS:
            for item in self.run.index.of(key) if "." in key or key in CORE else ():
                self.run.queue.add(Work(key, item.namespace, item.name))
                self._look_after_deletion(key, item)

    def step(self, seconds: float = STEP_SECONDS) -> None:
        """Do what is to be done now, for about so long."""
        ends = time.monotonic() + seconds
        if self.run.cluster.store.count(EVENTS):
            self.run.later(_SWEEP, LIFETIME.total_seconds())
        self._follow()
        while (work := self.run.queue.take(self.run.cluster.now())) is not None:
            self._do(work)
            self._follow()
            if time.monotonic() > ends:
                return

    @property
    def next_due(self) -> datetime | None:
        """When there is something to do although nothing changes."""
        return self.run.cluster.now() if self.run.queue.ready else self.run.queue.next_due()

    def _follow(self) -> None:
        if self.run.index.revision == self.run.cluster.store.revision:
            return
        keys = [resource.key for resource in self.run.cluster.resources() if resource.key != EVENTS]
        changes = self.run.index.refresh(keys)
        if changes is None:
            self.look_at_everything()
            return
        for key, event in changes:
            self._note(key, event)

    def _do(self, work: Work) -> None:
        task, _, key = work.task.partition(" ")
        try:
            if task == garbage.LEAVING:
                garbage.leave(self.run, work, key)
            else:
                _SYNCS[task](self.run, work)
        except Stale:
            self.run.queue.add(work)
        except ApiError as error:
            logger.info("%s: %s: %s", self.run.cluster.name, work, error.body()["message"])
            self.run.queue.retry(work, self.run.cluster.now())
        except Exception:  # an object of a wrong shape must not stop the others
            logger.exception("%s: %s failed", self.run.cluster.name, work)

    def _note(self, key: str, event: Event) -> None:
        """What a change means to whom."""
        stored = event.after or event.before
        if stored is None:
            return
        if key in _SYNCS and event.after is not None:
            self.run.queue.add(Work(key, stored.namespace, stored.name))
        for work in endpoints.concerned(self.run, key, event):
            self.run.queue.add(work)
        if key == NODES:
            self._nodes_changed()
        who = identity(stored)
        for owner in (who.controller, identity(event.before).controller if event.before else None):
            owner_key = KIND_KEYS.get(owner.kind) if owner else None
            if owner and owner_key:
                self.run.queue.add(Work(owner_key, stored.namespace, owner.name))
        if event.after is None:
            self._gone(key, stored, who)
        else:
            self._look_after_deletion(key, event.after)

    def _gone(self, key: str, stored: Stored, who: Identity) -> None:
        if who.uid:
            self.run.queue.add(Work(garbage.ORPHANED, stored.namespace, who.uid))
        for owner in who.owners:
            owner_key = KIND_KEYS.get(owner.kind)
            found = self.run.index.get(owner_key, stored.namespace, owner.name) if owner_key else None
            if owner_key and found:
                self._look_after_deletion(owner_key, found)
                # A Deployment that recreates its pods waits for the last one of a ReplicaSet.
                above = identity(found).controller if key == PODS else None
                if above and above.kind == "Deployment":
                    self.run.queue.add(Work(DEPLOYMENTS, stored.namespace, above.name))

    def _look_after_deletion(self, key: str, stored: Stored) -> None:
        if stored.deleted_at and any(mark in stored.body for mark in _MARKED):
            self.run.queue.add(Work(f"{garbage.LEAVING} {key}", stored.namespace, stored.name))

    def _nodes_changed(self) -> None:
        for item in self.run.index.of(DAEMON_SETS):
            self.run.queue.add(Work(DAEMON_SETS, item.namespace, item.name))
        for item in self.run.index.of(PODS):
            if b'"nodeName"' not in item.body:
                self.run.queue.add(Work(PODS, item.namespace, item.name))
