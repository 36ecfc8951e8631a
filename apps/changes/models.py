"""A change: what is to be written where, who decided on exactly that, and what came of it.

`state` is only ever moved by `changes.transitions` through the table in `lifecycle`.
"""

from __future__ import annotations

from django.db import models

from apps.accounts.models import User
from apps.changes.lifecycle import STATE_CHOICES, State
from apps.changes.waves import Plan, read
from apps.clusters.models import Cluster
from apps.mesh.ownership import Keeper


class ChangeSet(models.Model):
    """The change as people know it (CS-142). Its content lives in revisions."""

    class Kind(models.TextChoices):
        CHANGE = "change", "Change"
        REVERT = "revert", "Revert"

    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.CHANGE)
    title = models.CharField(max_length=200)
    reason = models.TextField(blank=True)
    author = models.ForeignKey(User, on_delete=models.PROTECT, related_name="changes")
    former_authors = models.ManyToManyField(User, related_name="+")  # who handed the draft on
    submitter = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="reverts"
    )
    state = models.CharField(max_length=20, choices=STATE_CHOICES, default=State.DRAFT)
    state_message = models.TextField(blank=True)  # why it is in this state and what to do
    revision_number = models.IntegerField(default=1)
    approved_digest = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)  # of pending or of the approval
    # Of scheduled: when it will be queued. Between two waves: before that the next one does not begin.
    opens_at = models.DateTimeField(null=True, blank=True)
    waves_done = models.IntegerField(default=0)  # how many waves are written and confirmed
    finished_at = models.DateTimeField(null=True, blank=True)
    attempt = models.IntegerField(default=0)  # the fencing number: every write names it
    lease_until = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)  # the worker stops between items
    # The glass was broken: by whom, when and why; and who looked it over afterwards.
    emergency_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    emergency_at = models.DateTimeField(null=True, blank=True)
    emergency_reason = models.TextField(blank=True)
    reviewed_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    reviewed_at = models.DateTimeField(null=True, blank=True)
    review_comment = models.TextField(blank=True)
    # A time-boxed opening: when it ends, whether its revert was approved with it, when that was dealt with.
    ends_at = models.DateTimeField(null=True, blank=True)
    auto_revert = models.BooleanField(default=False)
    ended_at = models.DateTimeField(null=True, blank=True)
    # Of the revert that the console proposes at the end of another change: that change.
    ends = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="ending"
    )
    settles_at = models.DateTimeField(null=True, blank=True)  # when a worker looks at its effect once more
    drifted_at = models.DateTimeField(null=True, blank=True)  # since when a watched object reads otherwise

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["state", "-id"], name="change_state"),
            models.Index(fields=["settles_at"], name="change_settles"),
            models.Index(fields=["drifted_at"], name="change_drifted"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        return f"CS-{self.pk}"


class Revision(models.Model):
    """One version of what a change will write. Approvals are bound to `digest`."""

    change = models.ForeignKey(ChangeSet, on_delete=models.CASCADE, related_name="revisions")
    number = models.IntegerField()
    editor = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    submitters = models.ManyToManyField(User, related_name="+")  # everybody who ever submitted it
    created_at = models.DateTimeField()
    digest = models.CharField(max_length=64, blank=True)  # set when it is submitted
    # {"cluster name": apps.mesh.whatif.Prediction as JSON}
    prediction = models.JSONField(default=dict)
    # {"version", "required", "groups", "reasons", "level", "risks": [{"text", "tone"}], "subjects": what
    # the rules looked at, so that a later version of the policy can judge it as well}
    policy = models.JSONField(default=dict)
    plan = models.JSONField(default=dict)  # apps.changes.waves.Plan as JSON; {} is one wave
    # [{"cluster", "why", "nothing": it reads as wanted already}]: asked for as well, and not in the change
    left_out = models.JSONField(default=list)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["change", "number"], name="one_revision_a_number")]
        ordering = ["number"]

    def __str__(self) -> str:
        return f"{self.change} revision {self.number}"

    @property
    def waves(self) -> Plan:
        return read(self.plan)


class ChangeItem(models.Model):
    """One object on one cluster: base, intent and expectation, and how the write went."""

    class Action(models.TextChoices):
        CREATE = "create", "Create"
        UPDATE = "update", "Update"
        DELETE = "delete", "Delete"

    class Result(models.TextChoices):
        WAITING = "waiting", "Waiting"
        WRITING = "writing", "Being written"
        APPLIED = "applied", "Applied"
        FAILED = "failed", "Failed"
        UNKNOWN = "unknown", "Outcome not known"

    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="items")
    position = models.IntegerField()
    cluster = models.ForeignKey(Cluster, on_delete=models.PROTECT, related_name="change_items")
    action = models.CharField(max_length=10, choices=Action.choices)
    api_version = models.CharField(max_length=100)
    kind = models.CharField(max_length=63)
    namespace = models.CharField(max_length=63, blank=True)
    name = models.CharField(max_length=253)
    base_uid = models.CharField(max_length=64, blank=True)
    base_resource_version = models.CharField(max_length=64, blank=True)
    base = models.JSONField(null=True)  # the object as it was read when the revision was made
    intent = models.JSONField(null=True)  # what server-side apply sends
    desired = models.JSONField(null=True)  # the whole object as it should read afterwards
    force = models.BooleanField(default=False)  # the take-over of foreign fields was asked for
    # Who else keeps the object, {"tool", "source", "reverts"} of apps.mesh.ownership.Keeper, or nothing
    kept_by = models.JSONField(default=dict, blank=True)
    # {"ok", "noop", "at", "message", "causes", "warnings", "expected": the whole object, "comparable"}
    dry_run = models.JSONField(default=dict)
    result = models.CharField(max_length=10, choices=Result.choices, default=Result.WAITING)
    result_message = models.TextField(blank=True)
    written_at = models.DateTimeField(null=True, blank=True)
    written_attempt = models.IntegerField(null=True, blank=True)
    written_resource_version = models.CharField(max_length=64, blank=True)
    prior = models.JSONField(null=True)  # the object right before our write, for the revert

    class Meta:
        constraints = [models.UniqueConstraint(fields=["revision", "position"], name="one_item_a_position")]
        ordering = ["position"]

    def __str__(self) -> str:
        return f"{self.action} {self.kind} {self.namespace}/{self.name}"

    @property
    def keeper(self) -> Keeper | None:
        return Keeper(**self.kept_by) if self.kept_by else None


class Decision(models.Model):
    """An approval or a rejection by one person of exactly one digest; the newest one counts."""

    class Verdict(models.TextChoices):
        APPROVE = "approve", "Approved"
        REJECT = "reject", "Rejected"

    change = models.ForeignKey(ChangeSet, on_delete=models.CASCADE, related_name="decisions")
    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="decisions")
    reviewer = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    verdict = models.CharField(max_length=10, choices=Verdict.choices)
    digest = models.CharField(max_length=64)
    comment = models.TextField(blank=True)
    decided_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.verdict} of {self.change} by {self.reviewer}"


class Comment(models.Model):
    """What somebody said about a change. Plain text; rows are only added."""

    change = models.ForeignKey(ChangeSet, on_delete=models.CASCADE, related_name="comments")
    author = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    text = models.TextField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"comment on {self.change} by {self.author}"


class ChangeEvent(models.Model):
    """The timeline of a change: one row for every transition and every step of an apply."""

    change = models.ForeignKey(ChangeSet, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField()
    actor = models.CharField(max_length=150)  # a person's display name, or "console"
    kind = models.CharField(max_length=30)  # submitted, dry_run_passed, approved, item_applied, …
    text = models.CharField(max_length=500)
    tone = models.CharField(max_length=5, default="")  # ok, warn, bad, run or ""
    item = models.ForeignKey(ChangeItem, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.text


class Verification(models.Model):
    """What happened compared with what was predicted, by the same function: right after the writes, and
    once more when things have settled."""

    class Phase(models.TextChoices):
        FIRST = "first", "Right after the writes"
        SETTLED = "settled", "After settling"

    change = models.ForeignKey(ChangeSet, on_delete=models.CASCADE, related_name="verifications")
    phase = models.CharField(max_length=10, choices=Phase.choices, default=Phase.FIRST)
    at = models.DateTimeField()
    confirmed = models.BooleanField()
    # {"cluster name": {"predicted": …, "happened": …, "differences": ["…"], "remarks": ["…"]}}
    detail = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["change", "phase"], name="one_verification_a_phase"),
        ]
        ordering = ["id"]

    def __str__(self) -> str:
        return "confirmed" if self.confirmed else "diverged"


class Watch(models.Model):
    """An object as a change wrote it last, and whether it still reads like that. One row an object: the
    next change that writes it takes the row over. Written by `actions.watch` and the actions on drift."""

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=63)
    namespace = models.CharField(max_length=63, blank=True)
    name = models.CharField(max_length=253)
    change = models.ForeignKey(ChangeSet, on_delete=models.CASCADE, related_name="watches")
    item = models.OneToOneField(ChangeItem, on_delete=models.CASCADE, related_name="watch")
    uid = models.CharField(max_length=64, blank=True)  # of the object that was written; "" until it was seen
    since = models.DateTimeField()  # when the write was recorded; an older reading says nothing about it
    compared_at = models.DateTimeField(null=True, blank=True)  # None: the next reading has to be compared
    drifted_at = models.DateTimeField(null=True, blank=True)
    drift = models.JSONField(default=dict, blank=True)  # apps.changes.drift.Drift as JSON

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["cluster", "kind", "namespace", "name"], name="one_watch_an_object"
            ),
        ]
        indexes = [models.Index(fields=["cluster", "compared_at"], name="watch_to_compare")]
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


class PolicyVersion(models.Model):
    """A version of the approval policy, from 2 on: 1 is built in. Rows are only added; a decision is
    written once. The newest approved one is in force."""

    number = models.IntegerField(unique=True)
    based_on = models.IntegerField()  # the version in force when it was proposed; it replaces only that one
    author = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField()
    created_at = models.DateTimeField()
    content = models.JSONField()  # apps.changes.policies.Policy as JSON
    decided_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    approved = models.BooleanField(null=True)  # None until somebody decides
    comment = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(decided_by__isnull=True) | ~models.Q(decided_by=models.F("author")),
                name="policy_decided_by_somebody_else",
            ),
            models.UniqueConstraint(
                fields=["based_on"], condition=models.Q(approved=True), name="policy_replaced_once"
            ),
        ]
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"policy version {self.number}"
