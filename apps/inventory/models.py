"""What a cluster holds, now and at any earlier moment: contents by hash, rows valid from and to."""

from __future__ import annotations

from django.db import models

from apps.clusters.models import Cluster


class Content(models.Model):
    """A manifest, once, whatever the number of clusters and moments that hold it.

    `manifest` has no managedFields, no status and no resourceVersion, so that the same content has
    the same hash. The SHA-256 is over its canonical JSON.
    """

    sha256 = models.CharField(max_length=64, primary_key=True)
    manifest = models.JSONField()

    def __str__(self) -> str:
        return self.sha256[:12]


class ObjectVersion(models.Model):
    """One object of one cluster over the time in which its content stayed the same.

    `valid_to` is NULL for what is there now. `meta` holds what moves without the content:
    uid, resourceVersion, generation and the field owners (managedFields without times).
    """

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="objects_seen")
    kind = models.CharField(max_length=63)
    api_version = models.CharField(max_length=100)
    namespace = models.CharField(max_length=63, blank=True)
    name = models.CharField(max_length=253)
    content = models.ForeignKey(Content, on_delete=models.PROTECT, related_name="+")
    meta = models.JSONField(default=dict)
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["cluster", "kind", "namespace", "name"],
                condition=models.Q(valid_to__isnull=True),
                name="one_current_version",
            )
        ]
        indexes = [
            models.Index(fields=["cluster", "valid_to", "kind", "namespace", "name"], name="object_current"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


class InventoryState(models.Model):
    """How often what is known of a cluster has changed. `mark` is another random text after every such
    change (a number could come again when a transaction is rolled back), so that whoever keeps
    something computed from the inventory knows whether it still holds."""

    cluster = models.OneToOneField(Cluster, on_delete=models.CASCADE, related_name="inventory")
    revision = models.BigIntegerField(default=0)
    mark = models.CharField(max_length=16, blank=True, default="")
    changed_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)  # the last complete reading

    def __str__(self) -> str:
        return f"{self.cluster} revision {self.revision}"


class RefreshRun(models.Model):
    """One reading of a cluster, with its progress. The database lets at most one run per cluster. A run
    with the trigger `hosts` reads nothing: it analyses what is known, because other hosts count now.

    `attempt` is the fencing number: a worker whose lease ran out and was taken over writes nothing
    any more, because every write names the attempt that it belongs to.
    """

    ANALYSIS = "hosts"

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="refreshes")
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    # schedule, person, change, registration or hosts
    trigger = models.CharField(max_length=20, default="schedule")
    requested_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)  # when a worker was last told of it
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    attempt = models.IntegerField(default=0)
    step = models.CharField(max_length=100, blank=True)  # "Pods, page 3"
    objects_read = models.IntegerField(default=0)
    changed = models.IntegerField(default=0)
    message = models.TextField(blank=True)

    class Meta:
        ordering = ["-requested_at"]
        indexes = [models.Index(fields=["cluster", "state", "-requested_at"], name="refresh_latest")]
        constraints = [
            models.UniqueConstraint(
                fields=["cluster"], condition=models.Q(state="running"), name="one_refresh_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"{self.cluster} {self.state}"

    @property
    def reads(self) -> bool:
        """Whether it asks the cluster."""
        return self.trigger != self.ANALYSIS
