"""The registered clusters, their connections and their health. No Kubernetes client here."""

from __future__ import annotations

from datetime import datetime

from django.db import models


class Environment(models.TextChoices):
    PRODUCTION = "production", "Production"
    STAGING = "staging", "Staging"
    LAB = "lab", "Lab"


class HealthState(models.TextChoices):
    """`NEW` until the first answer; `DEGRADED` when something could not be read."""

    NEW = "new", "Not read yet"
    HEALTHY = "healthy", "Healthy"
    DEGRADED = "degraded", "Partly readable"
    UNREACHABLE = "unreachable", "No answer"
    AUTH_FAILED = "auth_failed", "Credential refused"


class Cluster(models.Model):
    """A cluster, its API server and what is known of the connection."""

    name = models.SlugField(max_length=63, unique=True)
    environment = models.CharField(max_length=20, choices=Environment.choices)
    region = models.CharField(max_length=63, blank=True)
    owner_team = models.CharField(max_length=63, blank=True)
    labels = models.JSONField(default=dict, blank=True)
    server = models.URLField(max_length=300)
    ca_pem = models.TextField()
    tls_server_name = models.CharField(max_length=253, blank=True)
    paused = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    health = models.CharField(max_length=20, choices=HealthState.choices, default=HealthState.NEW)
    health_message = models.TextField(blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    kubernetes_version = models.CharField(max_length=40, blank=True)
    identity = models.CharField(max_length=300, blank=True)
    # {"networking.istio.io": ["v1", "v1beta1"], …}: preferred version first.
    served = models.JSONField(default=dict, blank=True)
    # [{"group", "plural", "verb"}]: what the last check found that the console may not write.
    may_not = models.JSONField(default=list, blank=True)
    # [{"kind", "namespace", "reason"}]: what the last complete refresh could not read.
    gaps = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Pause(models.Model):
    """A time in which a cluster was left alone; `until` is null while it lasts. Pauses from before these rows
    were kept are not known."""

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="pauses")
    since = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["since"]

    def __str__(self) -> str:
        return f"{self.cluster}, from {self.since:%Y-%m-%d}"


class Credential(models.Model):
    """How the console signs in to a cluster. The secret is ciphertext bound to this cluster.

    `fingerprint` is the first 8 hex digits of the secret's SHA-256, to tell two apart.
    """

    class Kind(models.TextChoices):
        TOKEN = "token", "Bearer token"
        CLIENT_CERTIFICATE = "client_certificate", "Client certificate"

    cluster = models.OneToOneField(Cluster, on_delete=models.CASCADE, related_name="credential")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    ciphertext = models.TextField()
    fingerprint = models.CharField(max_length=8)
    expires_at: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(
        null=True, blank=True
    )
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.kind} {self.fingerprint}"
