"""Prepared answers: findings with their times, verdicts per egress scope, state of each workload.

Written after each refresh by `analysis.actions`; pages read these rows and compute nothing.
"""

from __future__ import annotations

from datetime import date

from django.db import models

from apps.accounts.models import User
from apps.clusters.models import Cluster
from apps.mesh.refs import ResourceRef


class HostEdition(models.Model):
    """An edition of a set of hosts as it was written, with where it was read; never changed. The first
    edition of Speedscale's set is built in and no row. `content` is what `analysis.hostfile` reads."""

    name = models.CharField(max_length=40)
    number = models.PositiveIntegerField()
    edition = models.CharField(max_length=40)
    content = models.JSONField()
    reason = models.TextField()
    author = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["name", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["name", "number"], name="one_edition_a_number"),
            models.UniqueConstraint(fields=["name", "edition"], name="one_edition_a_label"),
        ]

    def __str__(self) -> str:
        return f"{self.name}, edition {self.edition}"


class HostAdoption(models.Model):
    """An act: from this moment on the edition is in force, or (number 0) none of the set. The newest one of
    a set counts; none is changed. `environment`, `cluster` and `namespaces` (with wildcards) say where the
    hosts are needed; Speedscale's follow from its installations, and these say nothing then."""

    name = models.CharField(max_length=40)
    number = models.PositiveIntegerField()
    environment = models.CharField(max_length=20, default="*")
    cluster = models.CharField(max_length=63, default="*")
    namespaces = models.JSONField(default=list)
    reason = models.TextField()
    actor = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["name", "id"], name="adoption_newest")]

    def __str__(self) -> str:
        return f"{self.name}: {self.number or 'none'}"


class Suppression(models.Model):
    """A decision that findings of a cluster do not count: one, by its fingerprint, or every finding of a
    check on the objects that match (`*` and `?` are wildcards in kind, namespace and name).

    `until` is the last day (UTC) on which it holds, null until somebody lifts it. `severity` is that of
    the finding it was made for, then.
    """

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="suppressions")
    fingerprint = models.CharField(max_length=32, blank=True)
    code = models.CharField(max_length=10)
    kind = models.CharField(max_length=63)
    namespace = models.CharField(max_length=63, blank=True)
    name = models.CharField(max_length=253)
    severity = models.CharField(max_length=10, blank=True)
    reason = models.TextField()
    until = models.DateField(null=True, blank=True)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    lifted_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    lifted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["cluster", "lifted_at", "code"], name="suppression_standing")]

    def __str__(self) -> str:
        place = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.code} {self.kind} {place}"

    def state(self, today: date) -> str:
        """ "holds", "ended" by itself, or "lifted" by somebody."""
        if self.lifted_at is not None:
            return "lifted"
        return "holds" if self.until is None or today <= self.until else "ended"


class Finding(models.Model):
    """A finding over time: opened when first seen, resolved when it is seen no more.

    `suppressed_by` is "annotation", "console" or "": what made it quiet when it was last looked at, with
    the reason and the last day. Once that day is over it counts again, whoever looks.
    """

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="findings")
    fingerprint = models.CharField(max_length=32)
    code = models.CharField(max_length=10)
    severity = models.CharField(max_length=10)
    severity_rank = models.SmallIntegerField()
    title = models.CharField(max_length=200)
    message = models.TextField()
    kind = models.CharField(max_length=63)
    api_version = models.CharField(max_length=100, blank=True)
    namespace = models.CharField(max_length=63, blank=True)
    name = models.CharField(max_length=253)
    path = models.CharField(max_length=300, blank=True)
    references = models.JSONField(default=list)
    remedy = models.CharField(max_length=60, blank=True)
    affected = models.JSONField(default=list)  # ["Deployment ns/name", …]
    evidence = models.JSONField(default=list)  # steps, as apps.mesh.verdicts.Step
    opened_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)
    hostset = models.CharField(max_length=100, blank=True, default="", db_default="")  # set and edition
    suppressed_by = models.CharField(max_length=10, blank=True, default="", db_default="")
    suppressed_reason = models.TextField(blank=True, default="", db_default="")
    suppressed_until = models.DateField(null=True, blank=True)
    suppression = models.ForeignKey(
        Suppression, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["cluster", "fingerprint"],
                condition=models.Q(resolved_at__isnull=True),
                name="one_open_finding",
            )
        ]
        indexes = [
            models.Index(fields=["cluster", "resolved_at", "severity_rank"], name="finding_open"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.kind} {self.namespace}/{self.name}"

    @property
    def ref(self) -> ResourceRef:
        return ResourceRef(self.kind, self.namespace, self.name)

    def state(self, today: date) -> str:
        """ "open", "suppressed" or "resolved"."""
        if self.resolved_at is not None:
            return "resolved"
        return "suppressed" if self.is_suppressed(today) else "open"

    def is_suppressed(self, today: date) -> bool:
        """Whether it does not count on that day (UTC)."""
        return bool(self.suppressed_by) and (self.suppressed_until is None or today <= self.suppressed_until)


class ScopeVerdicts(models.Model):
    """An egress scope (workloads that Istio treats alike) with a verdict for each host of a set.

    `verdicts` maps the host to the verdict's string; `answers` maps the host to the whole answer
    (evidence, fix, unknowns) as plain JSON.
    """

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="scopes")
    key = models.CharField(max_length=150)
    hostset = models.CharField(max_length=40, default="speedscale", db_default="speedscale")
    edition = models.CharField(max_length=40, blank=True, default="", db_default="")
    namespace = models.CharField(max_length=63)
    label = models.CharField(max_length=200)
    sidecar = models.CharField(max_length=400, blank=True)  # "Sidecar ns/name"
    workloads = models.JSONField(default=list)  # ["Deployment ns/name", …]
    workload_count = models.IntegerField(default=0)
    verdicts = models.JSONField(default=dict)
    answers = models.JSONField(default=dict)
    blocked = models.IntegerField(default=0)
    stopped = models.JSONField(default=list)  # the hosts that the mesh lets out and something refuses after

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["cluster", "hostset", "key"], name="one_row_a_scope_and_set")
        ]
        ordering = ["namespace", "label"]

    def __str__(self) -> str:
        return f"{self.namespace}: {self.label}"


class WorkloadState(models.Model):
    """A workload's place in the mesh and under capture: expected, actual, and why they differ.

    `*_tone` is "ok", "warn", "bad" or "off", the tone in which the pages show it.
    """

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="workloads")
    kind = models.CharField(max_length=40)
    namespace = models.CharField(max_length=63)
    name = models.CharField(max_length=253)
    scope_key = models.CharField(max_length=150, blank=True)
    replicas = models.IntegerField(default=0)
    pods = models.IntegerField(default=0)
    istio_expected = models.CharField(max_length=60)
    istio_actual = models.CharField(max_length=60)
    istio_reason = models.TextField(blank=True)
    istio_tone = models.CharField(max_length=5)
    capture_expected = models.CharField(max_length=60)
    capture_actual = models.CharField(max_length=60)
    capture_reason = models.TextField(blank=True)
    capture_tone = models.CharField(max_length=5)
    mtls_mode = models.CharField(max_length=12, blank=True)  # "" until the next analysis
    mtls_reason = models.TextField(blank=True)
    mtls_ports = models.JSONField(default=dict)  # {"8080": "disable", …}

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["cluster", "kind", "namespace", "name"], name="one_row_a_workload"
            )
        ]
        ordering = ["namespace", "name"]

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


class ClusterSummary(models.Model):
    """The figures of a cluster that the fleet page shows, as of one analysis.

    `figures`: {"workloads", "in_mesh_expected", "in_mesh_ok", "capture_expected", "captured",
    "capture_partial", "capture_missing", "capture_unknown", "required_hosts", "blocked_hosts",
    "blocked_scopes", "policy_hosts", "scopes", "findings": {severity: n}, "suppressed": n, …}; suppressed
    findings are counted apart from the others; `closed_scopes` are those with every required host blocked
    (`closed_by_sidecar` of them because of their Sidecar), and `blocked_by_host` says for how many of the
    other scopes each host is blocked: {host: n}.
    `control_planes` and `installs`: as apps.mesh gives them, plain JSON.
    """

    cluster = models.OneToOneField(Cluster, on_delete=models.CASCADE, related_name="summary")
    analysed_at = models.DateTimeField()
    figures = models.JSONField(default=dict)
    control_planes = models.JSONField(default=list)
    installs = models.JSONField(default=list)
    hostset = models.JSONField(default=dict)  # name, edition, hosts in column order; other sets in `beside`

    def __str__(self) -> str:
        return f"Summary of {self.cluster}"


class CoverageDay(models.Model):
    """How many of a cluster's application workloads Speedscale covered on a day (UTC), as its last complete
    reading of that day showed it. A day without such a reading has no row.

    `by_kind` counts those covered as expected: {"sidecar": n, …}; `namespaces` maps each namespace to the
    same counts: {"payments": {"total", "expected", "by_kind"}, …}. `environment` is that of the cluster on
    the day, "" in rows from before it was kept.
    """

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="coverage_days")
    day = models.DateField(db_index=True)
    total = models.PositiveIntegerField()
    expected = models.PositiveIntegerField()
    by_kind = models.JSONField(default=dict)
    namespaces = models.JSONField(default=dict)
    environment = models.CharField(max_length=20, blank=True, default="", db_default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["cluster", "day"], name="one_row_a_cluster_and_day"),
        ]
        ordering = ["day"]

    def __str__(self) -> str:
        return f"{self.cluster}, {self.day}"
