"""What the console knows of a mesh: workloads, the egress matrix, explanations, objects."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.analysis.registryonly import Asked
from apps.api.serializers.common import RefSerializer
from apps.mesh.breakage import Outcome
from apps.mesh.verdicts import Protocol, Verdict

VERDICTS = [verdict.value for verdict in Verdict]


class WorkloadSerializer(serializers.Serializer[Any]):
    """Expected against actual; tones are ok, warn, bad, off. `mtls_mode` is what the pods accept: strict,
    permissive, disable, gateway, none or unknown; `mtls_ports` are those with a mode of their own."""

    cluster = serializers.CharField(source="cluster.name")
    kind = serializers.CharField()
    namespace = serializers.CharField()
    name = serializers.CharField()
    scope = serializers.CharField(source="scope_key")
    replicas = serializers.IntegerField()
    pods = serializers.IntegerField()
    istio_expected = serializers.CharField()
    istio_actual = serializers.CharField()
    istio_reason = serializers.CharField()
    istio_tone = serializers.CharField()
    capture_expected = serializers.CharField()
    capture_actual = serializers.CharField()
    capture_reason = serializers.CharField()
    capture_tone = serializers.CharField()
    mtls_mode = serializers.CharField()
    mtls_reason = serializers.CharField()
    mtls_ports = serializers.DictField(child=serializers.CharField())


class HostSerializer(serializers.Serializer[Any]):
    host = serializers.CharField()
    port = serializers.IntegerField()
    protocol = serializers.CharField()
    tier = serializers.CharField()
    purpose = serializers.CharField()


class ScopeSerializer(serializers.Serializer[Any]):
    """Workloads that Istio treats alike; `verdicts` maps each host of the matrix to its verdict."""

    key = serializers.CharField()
    namespace = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    sidecar = serializers.CharField()
    workloads = serializers.ListField(child=serializers.CharField())
    blocked = serializers.IntegerField()
    verdicts = serializers.DictField(child=serializers.ChoiceField(choices=VERDICTS))
    stopped = serializers.ListField(
        child=serializers.CharField(),
        help_text="Hosts that the mesh lets out and that something further on refuses.",
    )


class MatrixSerializer(serializers.Serializer[Any]):
    cluster = serializers.CharField()
    analysed_at = serializers.DateTimeField(allow_null=True)
    hostset = serializers.CharField()
    edition = serializers.CharField()
    hosts = HostSerializer(many=True)
    scopes = ScopeSerializer(many=True)


class StepSerializer(serializers.Serializer[Any]):
    """One link of the chain of evidence: what was decided, by which object and field."""

    title = serializers.CharField()
    text = serializers.CharField()
    ref = RefSerializer(allow_null=True)
    path = serializers.CharField()
    rule = serializers.CharField()


class FixSerializer(serializers.Serializer[Any]):
    text = serializers.CharField()
    remedy = serializers.CharField()
    ref = RefSerializer(allow_null=True)


class ExplanationSerializer(serializers.Serializer[Any]):
    cluster = serializers.CharField()
    workload = serializers.CharField()
    scope = serializers.CharField(source="scope.key")
    scope_label = serializers.CharField(source="scope.label")
    host = serializers.CharField(source="destination.host")
    port = serializers.IntegerField(source="destination.port")
    protocol = serializers.ChoiceField(choices=[p.value for p in Protocol], source="destination.protocol")
    verdict = serializers.ChoiceField(choices=VERDICTS, source="answer.verdict")
    sentence = serializers.CharField(source="answer.sentence")
    status = serializers.IntegerField(
        source="answer.status",
        allow_null=True,
        help_text="The HTTP status that the application sees where its own proxy answers instead of the "
        "host, whatever number the verdict bears: 500 or 404 with blocked-503, too.",
    )
    evidence = StepSerializer(many=True, source="answer.evidence")
    stopped = StepSerializer(
        source="answer.stopped",
        allow_null=True,
        help_text="What refuses the connection further on: a NetworkPolicy or an egress gateway.",
    )
    fix = FixSerializer(source="answer.fix", allow_null=True)
    unknowns = serializers.ListField(child=serializers.CharField(), source="answer.unknowns")


class ObjectSerializer(serializers.Serializer[Any]):
    """One version of an object. `valid_to` is null for what is there now."""

    id = serializers.IntegerField()
    cluster = serializers.CharField(source="cluster.name")
    api_version = serializers.CharField()
    kind = serializers.CharField()
    namespace = serializers.CharField()
    name = serializers.CharField()
    valid_from = serializers.DateTimeField()
    valid_to = serializers.DateTimeField(allow_null=True)


class WrittenBySerializer(serializers.Serializer[Any]):
    """The change that wrote the object last, and since when it reads otherwise."""

    change = serializers.IntegerField(source="change_id")
    number = serializers.CharField(source="change.number")
    written_at = serializers.DateTimeField(source="since")
    drifted_at = serializers.DateTimeField(allow_null=True)


class ObjectDetailSerializer(ObjectSerializer):
    """`written_by` is null where no change that you may see wrote it last; the view hands it in."""

    manifest = serializers.DictField(source="content.manifest")
    resource_version = serializers.SerializerMethodField()
    uid = serializers.SerializerMethodField()
    written_by = serializers.SerializerMethodField()

    def get_resource_version(self, row: Any) -> str:
        return str(row.meta.get("resourceVersion") or "")

    def get_uid(self, row: Any) -> str:
        return str(row.meta.get("uid") or "")

    @extend_schema_field(WrittenBySerializer(allow_null=True))
    def get_written_by(self, _: Any) -> Any:
        watch = self.context["watch"]
        return WrittenBySerializer(watch).data if watch is not None else None


class SwitchedHostSerializer(serializers.Serializer[Any]):
    """`before` and `after` are verdicts; `by` is the object that lets it out after the switch; `named_by` the
    objects that name it, none for one of the host set or of the query."""

    host = serializers.CharField()
    port = serializers.IntegerField()
    protocol = serializers.ChoiceField(choices=[p.value for p in Protocol])
    named_by = serializers.ListField(child=serializers.CharField())
    outcome = serializers.ChoiceField(choices=[o.value for o in Outcome])
    before = serializers.ChoiceField(choices=VERDICTS)
    after = serializers.ChoiceField(choices=VERDICTS)
    by = serializers.CharField()
    sentence = serializers.CharField()
    fix = serializers.CharField()
    unknowns = serializers.ListField(child=serializers.CharField())


class SwitchedScopeSerializer(serializers.Serializer[Any]):
    """`switched` is whether the scope's policy would be another, `reason` why it would or would not.
    `lost_services` are Services that it does not import and that only today's policy lets it reach."""

    key = serializers.CharField()
    namespace = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    workloads = serializers.IntegerField()
    switched = serializers.BooleanField()
    reason = serializers.CharField()
    hosts = SwitchedHostSerializer(many=True)
    hosts_left_out = serializers.IntegerField()
    lost_services = serializers.IntegerField()
    lost_service_examples = serializers.ListField(child=serializers.CharField())


class SwitchWriteSerializer(serializers.Serializer[Any]):
    action = serializers.CharField()
    ref = serializers.CharField()


class RegistryOnlySerializer(serializers.Serializer[Any]):
    """A page of scopes. `writes` is what the switch would write, `counts` how many hosts of all scopes have
    each outcome; `asked` says which of the hosts that objects name each scope was asked for."""

    cluster = serializers.CharField()
    plane = serializers.CharField()
    namespace = serializers.CharField()
    writes = SwitchWriteSerializer(many=True)
    notes = serializers.ListField(child=serializers.CharField())
    asked = serializers.ChoiceField(choices=[a.value for a in Asked])
    counts = serializers.DictField(child=serializers.IntegerField())
    count = serializers.IntegerField()
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = SwitchedScopeSerializer(many=True)


class OpenedSerializer(serializers.Serializer[Any]):
    """A host of an egress scope."""

    scope = serializers.CharField()
    namespace = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    host = serializers.CharField()
    port = serializers.IntegerField()
    protocol = serializers.ChoiceField(choices=[p.value for p in Protocol])


class LeftSerializer(OpenedSerializer):
    reason = serializers.CharField()


class OpenFirstSerializer(serializers.Serializer[Any]):
    """`manifests` is YAML to propose a change with; where it is empty, `reason` says why. `opens` is what
    would be blocked and passes with them; `left` what somebody is known to call and would still be blocked;
    `others` how much more would be blocked, of which nobody is known to call it."""

    opens = OpenedSerializer(many=True)
    left = LeftSerializer(many=True)
    others = serializers.IntegerField()

    summary = serializers.CharField()
    reason = serializers.CharField()
    warnings = serializers.ListField(child=serializers.CharField())
    manifests = serializers.CharField()
