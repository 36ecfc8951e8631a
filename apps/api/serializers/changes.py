"""Changes: what they would write, who decided, how it went; and what is sent to make or move one."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.api.serializers.common import Input, PersonSerializer
from apps.api.serializers.drift import DriftSerializer, KeeperSerializer
from apps.api.serializers.waves import LeftOutSerializer, PlanSerializer, WaveSerializer
from apps.changes.actions.propose_fleet import CLUSTER_LIMIT, Remedy
from apps.changes.lifecycle import STATE_CHOICES
from apps.changes.models import ChangeItem, ChangeSet, Decision, Verification
from apps.changes.policies import Level
from apps.mesh.hostsets import SPEEDSCALE

COMMENT = 4000


class ChangeRowSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    number = serializers.CharField()
    kind = serializers.ChoiceField(choices=ChangeSet.Kind.choices)
    title = serializers.CharField()
    state = serializers.ChoiceField(choices=STATE_CHOICES)
    state_message = serializers.CharField()
    author = serializers.CharField(source="author.username")
    revision = serializers.IntegerField(source="revision_number")
    items = serializers.IntegerField(source="item_count")
    clusters = serializers.IntegerField(source="cluster_count")
    clusters_left = serializers.IntegerField(
        help_text="On how many clusters something is still to be written."
    )
    required_approvals = serializers.IntegerField(source="required", allow_null=True)
    risk = serializers.ChoiceField(choices=[level.value for level in Level], source="level", allow_null=True)
    created_at = serializers.DateTimeField()
    submitted_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    drifted_at = serializers.DateTimeField(allow_null=True)


class DryRunSerializer(serializers.Serializer[Any]):
    ok = serializers.BooleanField(required=False)
    noop = serializers.BooleanField(required=False)
    at = serializers.CharField(required=False)
    message = serializers.CharField(required=False)
    causes = serializers.ListField(child=serializers.DictField(), required=False)
    warnings = serializers.ListField(child=serializers.CharField(), required=False)


class ItemSerializer(serializers.Serializer[Any]):
    """One object on one cluster. `intent` is what server-side apply sends, null for a deletion."""

    position = serializers.IntegerField()
    cluster = serializers.CharField(source="cluster.name")
    action = serializers.ChoiceField(choices=ChangeItem.Action.choices)
    api_version = serializers.CharField()
    kind = serializers.CharField()
    namespace = serializers.CharField()
    name = serializers.CharField()
    base_uid = serializers.CharField()
    base_resource_version = serializers.CharField()
    intent = serializers.DictField(allow_null=True)
    take_over = serializers.BooleanField(source="force")
    kept_by = KeeperSerializer(source="keeper", allow_null=True)
    dry_run = DryRunSerializer()
    result = serializers.ChoiceField(choices=ChangeItem.Result.choices)
    result_message = serializers.CharField()
    written_at = serializers.DateTimeField(allow_null=True)
    written_resource_version = serializers.CharField()


class RiskSerializer(serializers.Serializer[Any]):
    code = serializers.CharField(required=False)
    text = serializers.CharField()
    level = serializers.CharField()
    tone = serializers.CharField()
    raises = serializers.BooleanField()


class PolicySerializer(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    required = serializers.IntegerField()  # type: ignore[assignment]
    groups = serializers.ListField(child=serializers.CharField(), required=False)
    level = serializers.CharField()
    reasons = serializers.ListField(child=serializers.CharField())
    risks = RiskSerializer(many=True)


class DecisionSerializer(serializers.Serializer[Any]):
    reviewer = PersonSerializer()
    verdict = serializers.ChoiceField(choices=Decision.Verdict.choices)
    revision = serializers.IntegerField(source="revision.number")
    digest = serializers.CharField()
    comment = serializers.CharField()
    decided_at = serializers.DateTimeField()


class EventSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    actor = serializers.CharField()
    kind = serializers.CharField()
    text = serializers.CharField()
    tone = serializers.CharField()


class StandingSerializer(serializers.Serializer[Any]):
    """Which approvals count now. `problem` says why the quorum can never be met."""

    required = serializers.IntegerField()  # type: ignore[assignment]
    missing = serializers.IntegerField()
    approved_by = serializers.SerializerMethodField()
    eligible = PersonSerializer(many=True)
    problem = serializers.CharField()
    missing_groups = serializers.ListField(child=serializers.CharField())
    policy_version = serializers.IntegerField(
        source="version", help_text="Of the policy in force; the stricter of it and the revision's counts."
    )

    def get_approved_by(self, standing: Any) -> list[str]:
        return [decision.reviewer.username for decision in standing.approved]


class GateSerializer(serializers.Serializer[Any]):
    """Whether windows and freezes let it be applied now; `why` is "" then. `opens_at` is null when no
    opening was found."""

    is_open = serializers.BooleanField()
    why = serializers.CharField()
    opens_at = serializers.DateTimeField(allow_null=True)


class EmergencySerializer(serializers.Serializer[Any]):
    """Who declared the emergency, and who reviewed it afterwards. Null for any other change."""

    by = PersonSerializer(source="emergency_by")
    at = serializers.DateTimeField(source="emergency_at")
    reason = serializers.CharField(source="emergency_reason")
    reviewed_by = PersonSerializer(allow_null=True)
    reviewed_at = serializers.DateTimeField(allow_null=True)
    review = serializers.CharField(source="review_comment")

    def to_representation(self, change: Any) -> Any:
        return super().to_representation(change) if change.emergency_by_id is not None else None


class SaidSerializer(serializers.Serializer[Any]):
    author = PersonSerializer()
    at = serializers.DateTimeField()
    text = serializers.CharField()


class VerificationSerializer(serializers.Serializer[Any]):
    """`first` is right after the writes, `settled` once more when things have come to rest."""

    phase = serializers.ChoiceField(choices=Verification.Phase.choices)
    at = serializers.DateTimeField()
    confirmed = serializers.BooleanField()
    detail = serializers.DictField()


class ChangeSerializer(serializers.Serializer[Any]):
    """A change with everything around it. `digest` is what a decision names; it is also the ETag. `can`
    maps each verb to "" or to the sentence that says why you cannot do it now."""

    id = serializers.IntegerField(source="change.id")
    number = serializers.CharField(source="change.number")
    kind = serializers.ChoiceField(choices=ChangeSet.Kind.choices, source="change.kind")
    title = serializers.CharField(source="change.title")
    reason = serializers.CharField(source="change.reason")
    state = serializers.ChoiceField(choices=STATE_CHOICES, source="change.state")
    state_message = serializers.CharField(source="change.state_message")
    author = PersonSerializer(source="change.author")
    submitter = PersonSerializer(source="change.submitter", allow_null=True)
    parent = serializers.IntegerField(source="change.parent_id", allow_null=True)  # type: ignore[assignment]
    reverts = serializers.SerializerMethodField()
    revision = serializers.IntegerField(source="change.revision_number")
    digest = serializers.CharField(source="revision.digest")
    clusters = serializers.ListField(child=serializers.CharField())
    plan = PlanSerializer(source="revision.waves")
    waves = WaveSerializer(source="progress.waves", many=True)
    left_out = LeftOutSerializer(
        source="revision.left_out", many=True, help_text="Clusters that were asked for and are not in it."
    )
    items = ItemSerializer(many=True)
    prediction = serializers.DictField(source="revision.prediction")
    policy = PolicySerializer(source="revision.policy")
    standing = StandingSerializer()
    gate = GateSerializer()
    emergency = EmergencySerializer(source="change", help_text="Null when it is none.", allow_null=True)
    comments = SaidSerializer(many=True)
    ends_at = serializers.DateTimeField(source="change.ends_at", allow_null=True)
    auto_revert = serializers.BooleanField(source="change.auto_revert")
    ended_at = serializers.DateTimeField(source="change.ended_at", allow_null=True)
    decisions = DecisionSerializer(many=True)
    verification = VerificationSerializer(allow_null=True, help_text="The newest.")
    verifications = VerificationSerializer(many=True)
    settles_at = serializers.DateTimeField(source="change.settles_at", allow_null=True)
    drifted_at = serializers.DateTimeField(source="change.drifted_at", allow_null=True)
    drift = DriftSerializer(many=True, source="drifted")
    can = serializers.DictField(child=serializers.CharField(allow_blank=True))
    created_at = serializers.DateTimeField(source="change.created_at")
    submitted_at = serializers.DateTimeField(source="change.submitted_at", allow_null=True)
    expires_at = serializers.DateTimeField(source="change.expires_at", allow_null=True)
    opens_at = serializers.DateTimeField(source="change.opens_at", allow_null=True)
    finished_at = serializers.DateTimeField(source="change.finished_at", allow_null=True)

    def get_reverts(self, detail: Any) -> list[int]:
        return [change.pk for change in detail.reverts]


class FieldChangeSerializer(serializers.Serializer[Any]):
    path = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)


class DiffSerializer(serializers.Serializer[Any]):
    """One object's difference, field by field, and both sides as YAML ("" where there is none)."""

    position = serializers.IntegerField()
    cluster = serializers.CharField()
    object = serializers.CharField()
    action = serializers.CharField()
    changes = FieldChangeSerializer(many=True)
    before_yaml = serializers.CharField()
    after_yaml = serializers.CharField()


class NewChangeSerializer(Input):
    """One of: `finding` (its id); `cluster` with `scope` and `host`, a cell of the matrix of `hostset`;
    `cluster` with `manifests` (YAML); `cluster` alone, for everything that the console can mend there;
    `clusters` with `remedy`, `code` (a check whose findings are to be mended) or `manifests`, in the waves of
    `plan`."""

    finding = serializers.IntegerField(required=False)
    cluster = serializers.CharField(max_length=63, default="", allow_blank=True)
    scope = serializers.CharField(max_length=150, default="", allow_blank=True)
    host = serializers.CharField(max_length=260, default="", allow_blank=True)
    hostset = serializers.CharField(max_length=40, default=SPEEDSCALE)
    manifests = serializers.CharField(default="", allow_blank=True, trim_whitespace=False)
    clusters = serializers.ListField(
        child=serializers.CharField(max_length=63), max_length=CLUSTER_LIMIT, required=False
    )
    remedy = serializers.ChoiceField(choices=[one.value for one in Remedy], required=False)
    code = serializers.CharField(max_length=20, default="", allow_blank=True)
    namespaces = serializers.ListField(
        child=serializers.CharField(max_length=63), max_length=200, required=False
    )
    plan = PlanSerializer(required=False)
    title = serializers.CharField(max_length=200, default="", allow_blank=True)
    reason = serializers.CharField(max_length=COMMENT, default="", allow_blank=True)
    take_over = serializers.BooleanField(
        default=False, help_text="Take over fields of changed objects that another manager owns."
    )


class EditSerializer(Input):
    cluster = serializers.CharField(max_length=63)
    manifests = serializers.CharField(trim_whitespace=False)
    title = serializers.CharField(max_length=200, default="", allow_blank=True)
    reason = serializers.CharField(max_length=COMMENT, required=False, allow_blank=True)
    take_over = serializers.BooleanField(default=False)


class DecideSerializer(Input):
    """`digest` may come as If-Match instead."""

    digest = serializers.CharField(max_length=64, default="", allow_blank=True)
    revision = serializers.IntegerField(required=False)
    comment = serializers.CharField(max_length=COMMENT, default="", allow_blank=True)


class EmergencyInputSerializer(Input):
    """Why it cannot wait, and your password: a session has to confirm that it is you."""

    reason = serializers.CharField(max_length=COMMENT)
    password = serializers.CharField(max_length=1000, trim_whitespace=False, write_only=True)


class TextSerializer(Input):
    text = serializers.CharField(max_length=COMMENT)


class HandOverSerializer(Input):
    username = serializers.CharField(max_length=150)


class TimeBoxSerializer(Input):
    """`ends_at` null takes the end away. With `auto_revert` the revert is approved together with it."""

    ends_at = serializers.DateTimeField(allow_null=True)
    auto_revert = serializers.BooleanField(default=False)


class CommentSerializer(Input):
    comment = serializers.CharField(max_length=COMMENT, default="", allow_blank=True)
