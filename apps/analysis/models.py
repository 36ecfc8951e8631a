"""Prepared answers: findings with their times, verdicts per egress scope, state of each workload.

Written after each refresh by `analysis.actions`; pages read these rows and compute nothing.
"""

from __future__ import annotations

from django.db import models

from apps.clusters.models import Cluster


class Finding(models.Model):
    """A finding over time: opened when first seen, resolved when it is seen no more."""

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


class ScopeVerdicts(models.Model):
    """An egress scope (workloads that Istio treats alike) with a verdict for each required host.

    `verdicts` maps the host to the verdict's string; `answers` maps the host to the whole answer
    (evidence, fix, unknowns) as plain JSON.
    """

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="scopes")
    key = models.CharField(max_length=150)
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
        constraints = [models.UniqueConstraint(fields=["cluster", "key"], name="one_row_a_scope")]
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
    "blocked_scopes", "policy_hosts", "scopes", "findings": {severity: n}, …}; `closed_scopes` are those
    with every required host blocked (`closed_by_sidecar` of them because of their Sidecar), and
    `blocked_by_host` says for how many of the other scopes each host is blocked: {host: n}.
    `control_planes` and `installs`: as apps.mesh gives them, plain JSON.
    """

    cluster = models.OneToOneField(Cluster, on_delete=models.CASCADE, related_name="summary")
    analysed_at = models.DateTimeField()
    figures = models.JSONField(default=dict)
    control_planes = models.JSONField(default=list)
    installs = models.JSONField(default=list)
    hostset = models.JSONField(default=dict)  # name, edition and hosts in column order

    def __str__(self) -> str:
        return f"Summary of {self.cluster}"
