"""Git repositories that an administrator named, and what was pushed to them. Rows only."""

from __future__ import annotations

from django.db import models

from apps.accounts.models import User
from apps.changes.models import ChangeSet, Revision


class Repository(models.Model):
    """Where commits go. `ciphertext` holds the private key and is bound to this row; `public_key` is its
    other half, for the server. `known_hosts` are the only keys that the server may show."""

    class Layout(models.TextChoices):
        PLAIN = "plain", "Plain files"
        KUSTOMIZE = "kustomize", "Files named in a kustomization"

    name = models.CharField(max_length=100, unique=True)
    url = models.CharField(max_length=500)
    branch = models.CharField(max_length=200)  # that changes start from
    path_template = models.CharField(max_length=300)
    layout = models.CharField(max_length=10, choices=Layout.choices, default=Layout.PLAIN)
    known_hosts = models.TextField(blank=True)
    ciphertext = models.TextField(blank=True)
    public_key = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "repositories"

    def __str__(self) -> str:
        return self.name


class Push(models.Model):
    """One revision of a change, asked to be pushed to one repository. It moves no state of the change.

    `attempt` fences: only the newest one writes its result. `parent`, `commit`, `files`, `notes` and
    `approved` (whether the change was) are noted before the push, so that a later one knows its own work.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        PUSHING = "pushing", "Being pushed"
        DONE = "done", "Pushed"
        FAILED = "failed", "Failed"

    repository = models.ForeignKey(Repository, null=True, on_delete=models.SET_NULL, related_name="pushes")
    repository_name = models.CharField(max_length=100)
    change = models.ForeignKey(ChangeSet, on_delete=models.CASCADE, related_name="pushes")
    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="+")
    branch = models.CharField(max_length=200)
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempt = models.IntegerField(default=0)
    tries = models.IntegerField(default=0)  # since it was asked for
    busy_until = models.DateTimeField(null=True)
    parent = models.CharField(max_length=64, blank=True)
    commit = models.CharField(max_length=64, blank=True)
    files = models.JSONField(default=list)
    notes = models.JSONField(default=list)
    approved = models.BooleanField(default=False)
    problem = models.TextField(blank=True)  # why it failed
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-requested_at", "-id"]
        verbose_name_plural = "pushes"
        constraints = [
            models.UniqueConstraint(fields=["repository", "revision"], name="one_push_a_repository"),
        ]

    def __str__(self) -> str:
        return f"{self.branch} to {self.repository_name}"

    @property
    def pushed_commit(self) -> str:
        """The commit, once it is pushed."""
        return self.commit if self.state == self.State.DONE else ""
