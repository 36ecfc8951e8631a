"""People, what they may do and where, and the tokens their scripts use.

A binding names environments, clusters and namespaces by glob, not by foreign key: accounts lie
below clusters and must not know them.
"""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser, Group
from django.db import models


class Role(models.TextChoices):
    """What a binding allows; each role includes what the ones before it may, see permissions.py."""

    VIEWER = "viewer", "Viewer"
    PROPOSER = "proposer", "Proposer"
    APPROVER = "approver", "Approver"
    OPERATOR = "operator", "Operator"
    ADMINISTRATOR = "administrator", "Administrator"


class User(AbstractUser):
    """A person. `theme` is "light", "dark" or "" for what the browser prefers."""

    theme = models.CharField(max_length=5, blank=True, default="")

    @property
    def display_name(self) -> str:
        return self.get_full_name() or self.username


class RoleBinding(models.Model):
    """Grants a role to a person or a group, for the clusters and namespaces that match the globs."""

    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.CASCADE, related_name="bindings")
    group = models.ForeignKey(Group, null=True, blank=True, on_delete=models.CASCADE, related_name="bindings")
    role = models.CharField(max_length=20, choices=Role.choices)
    environment = models.CharField(max_length=63, default="*")
    cluster = models.CharField(max_length=63, default="*")
    namespace = models.CharField(max_length=63, default="*")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(user__isnull=False, group__isnull=True)
                | models.Q(user__isnull=True, group__isnull=False),
                name="binding_has_one_subject",
            )
        ]

    def __str__(self) -> str:
        return f"{self.role} for {self.user or self.group}"


class ApiToken(models.Model):
    """A script's credential. Only the digest is kept; the token is shown once, when it is made."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12, unique=True)
    digest = models.CharField(max_length=64)
    scopes = models.JSONField(default=list)  # of "read", "propose", "approve", "operate", "admin"
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.prefix}… of {self.user}"
