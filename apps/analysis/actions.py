"""Computing the prepared answers of a cluster and keeping them: one analysis, one transaction.

A finding that is seen again stays the one it was; one that is seen no more is resolved, unless what it
rests on could not be read this time. Rows that did not change are not written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.db import transaction

from apps.analysis import hosteditions, marks, recording, rows
from apps.analysis.models import ClusterSummary, Finding, ScopeVerdicts, WorkloadState
from apps.clusters.models import Cluster
from apps.common.clock import now
from apps.inventory import store
from apps.mesh import capture
from apps.mesh.analyse import CRASH_CODE, Analysis, analyse
from apps.mesh.hostsets import HostSet
from apps.mesh.rules.catalogue import RULES
from apps.mesh.snapshot import Snapshot

BATCH = 500
_WORKLOAD_KINDS = frozenset({"Pod", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Rollout"})


def analyse_cluster(
    cluster: Cluster,
    snapshot: Snapshot | None = None,
    *,
    hostset: HostSet | None = None,
    hold: Callable[[], None] | None = None,
    read_at: datetime | None = None,
) -> Analysis:
    """Analyses what is known of a cluster and makes its prepared rows say so.

    `read_at` is when the cluster was read for this; None when it was not, then its coverage is recorded for
    no day. `hold` is called inside the transaction and raises when one may not write any more (a lost lease).
    """
    snapshot = snapshot if snapshot is not None else store.load(cluster)
    hostset = hostset or hosteditions.hostset_for(cluster)
    found = analyse(snapshot, hostset)
    with transaction.atomic():
        if hold is not None:
            hold()
        keep(cluster, found, snapshot, at=now())
        if read_at is not None and not unread_kinds(snapshot) & capture.INPUTS:
            recording.record(cluster, found.coverage, read_at.astimezone(UTC).date())
    return found


def keep(cluster: Cluster, found: Analysis, snapshot: Snapshot, *, at: datetime) -> None:
    """Writes an analysis into the prepared rows."""
    _keep_findings(cluster, found, unread=unread_codes(found, snapshot), at=at)
    sets = ((found.hostset, found.scopes), *((one.hostset, one.scopes) for one in found.beside))
    _keep_rows(
        ScopeVerdicts,
        cluster,
        [rows.scope_fields(item, hostset) for hostset, scopes in sets for item in scopes],
        ("hostset", "key"),
    )
    _keep_rows(
        WorkloadState,
        cluster,
        [rows.workload_fields(report, snapshot) for report in found.workloads],
        ("kind", "namespace", "name"),
    )
    ClusterSummary.objects.update_or_create(
        cluster=cluster,
        defaults={
            "analysed_at": at,
            "figures": {**rows.figures(found), **marks.figures(cluster, at.date())},
            "control_planes": [rows.control_plane(plane) for plane in found.control_planes],
            "installs": rows.plain(found.installs),
            "hostset": rows.hostset_json(found.hostset),
        },
    )


def unread_codes(found: Analysis, snapshot: Snapshot) -> frozenset[str]:
    """The rules whose silence means nothing: they crashed, or a kind they read could not be read."""
    missing = unread_kinds(snapshot)
    crashed = {finding.key for finding in found.findings if finding.code == CRASH_CODE}
    return frozenset(rule.code for rule in RULES if rule.inputs & missing) | crashed


def unread_kinds(snapshot: Snapshot) -> frozenset[str]:
    """The kinds of which something could not be read, as rules name their inputs."""
    return frozenset("Workload" if gap.kind in _WORKLOAD_KINDS else gap.kind for gap in snapshot.gaps)


def _keep_findings(cluster: Cluster, found: Analysis, *, unread: frozenset[str], at: datetime) -> None:
    open_now = {
        row.fingerprint: row for row in Finding.objects.filter(cluster=cluster, resolved_at__isnull=True)
    }
    standing = marks.standing(cluster, at.date())  # after the rows: what is decided meanwhile is seen here
    seen = {
        finding.fingerprint: rows.finding_fields(finding) | marks.of(finding, found.ignored, standing)
        for finding in found.findings
    }
    gone = [row.pk for mark, row in open_now.items() if mark not in seen and row.code not in unread]
    _in_batches(gone, lambda part: Finding.objects.filter(pk__in=part).update(resolved_at=at))
    _touch(cluster, list(seen), at)
    fresh = [
        Finding(cluster=cluster, fingerprint=mark, opened_at=at, seen_at=at, **fields)
        for mark, fields in seen.items()
        if mark not in open_now
    ]
    Finding.objects.bulk_create(fresh, batch_size=BATCH)
    altered = []
    for mark, fields in seen.items():
        row = open_now.get(mark)
        if row is not None and rows.changed(vars(row), fields):
            for name, value in fields.items():
                setattr(row, name, value)
            altered.append(row)
    if altered:
        names = list(next(iter(seen.values())))
        Finding.objects.bulk_update(altered, names, batch_size=100)


def _touch(cluster: Cluster, marks: list[str], at: datetime) -> None:
    still_open = Finding.objects.filter(cluster=cluster, resolved_at__isnull=True)
    _in_batches(marks, lambda part: still_open.filter(fingerprint__in=part).update(seen_at=at))


def _keep_rows(
    model: type[ScopeVerdicts] | type[WorkloadState],
    cluster: Cluster,
    wanted: list[dict[str, Any]],
    key: tuple[str, ...],
) -> None:
    """Makes the cluster's rows of a model equal to these, writing only what differs."""
    columns = list(wanted[0]) if wanted else list(key)
    known = {_key(row, key): row for row in model.objects.filter(cluster=cluster).values("pk", *columns)}
    fresh, altered, seen = [], [], set()
    for fields in wanted:
        mark = _key(fields, key)
        seen.add(mark)
        old = known.get(mark)
        if old is None:
            fresh.append(model(cluster=cluster, **fields))
        elif rows.changed(old, fields):
            altered.append(model(pk=old["pk"], cluster=cluster, **fields))
    gone = [row["pk"] for mark, row in known.items() if mark not in seen]
    _in_batches(gone, lambda part: model.objects.filter(pk__in=part).delete())
    model.objects.bulk_create(fresh, batch_size=BATCH)  # type: ignore[arg-type]
    if altered:
        model.objects.bulk_update(altered, [c for c in columns if c not in key], batch_size=100)  # type: ignore[arg-type]


def _key(row: Mapping[str, Any], key: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(row[name] for name in key)


def _in_batches(items: list[Any], write: Callable[[list[Any]], object]) -> None:
    for start in range(0, len(items), BATCH):
        write(items[start : start + BATCH])
