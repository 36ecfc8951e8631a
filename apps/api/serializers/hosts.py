"""Host sets: editions, what differs between them, what one would do, and what one sends to change that."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.analysis import hostfile
from apps.analysis.hostediting import MOST_NAMESPACES, REASON_LIMIT
from apps.api.serializers.common import Input, PersonSerializer
from apps.clusters.models import Environment
from apps.mesh.hostsets import Tier
from apps.mesh.verdicts import Protocol


class CataloguedHostSerializer(serializers.Serializer[Any]):
    """A host of an edition. `pattern` is how it is written where it holds `{region}` or `{app_host}`."""

    host = serializers.CharField()
    pattern = serializers.CharField()
    tier = serializers.ChoiceField(choices=[tier.value for tier in Tier])
    port = serializers.IntegerField()
    protocol = serializers.ChoiceField(choices=[protocol.value for protocol in Protocol])
    purpose = serializers.CharField()
    used_by = serializers.CharField()


class EditionSerializer(serializers.Serializer[Any]):
    """`author`, `reason` and `created_at` are null or empty for the built-in edition."""

    name = serializers.CharField()
    number = serializers.IntegerField()
    edition = serializers.CharField(source="hostset.edition")
    source = serializers.CharField(source="hostset.provenance")  # type: ignore[assignment]
    hosts = CataloguedHostSerializer(many=True, source="hostset.hosts")
    parameters = serializers.SerializerMethodField()
    author = PersonSerializer(source="row.author", default=None)
    reason = serializers.CharField(source="row.reason", default="")
    created_at = serializers.DateTimeField(source="row.created_at", default=None)

    def get_parameters(self, edition: Any) -> dict[str, str]:
        return dict(edition.hostset.parameters)


class ActSerializer(serializers.Serializer[Any]):
    """An edition was put in force, or (number 0) the set taken out of use. `namespaces` need the hosts."""

    number = serializers.IntegerField()
    environment = serializers.CharField()
    cluster = serializers.CharField()
    namespaces = serializers.ListField(child=serializers.CharField())
    reason = serializers.CharField()
    actor = PersonSerializer()
    at = serializers.DateTimeField()


class HostSetSerializer(serializers.Serializer[Any]):
    """`number` is that of the edition in force, 0 for none; `acts` are the newest first."""

    name = serializers.CharField()
    number = serializers.IntegerField()
    edition = serializers.CharField(source="in_force.hostset.edition", default="")
    editions = serializers.SerializerMethodField()
    acts = ActSerializer(many=True)

    def get_editions(self, known: Any) -> list[dict[str, Any]]:
        return [{"number": one.number, "edition": one.hostset.edition} for one in known.editions]


class HostChangeSerializer(serializers.Serializer[Any]):
    before = CataloguedHostSerializer()
    after = CataloguedHostSerializer()
    fields_changed = serializers.ListField(child=serializers.CharField(), source="fields")


class HostChangesSerializer(serializers.Serializer[Any]):
    """From one edition to another. A host with another port is another host: one removed, one added."""

    added = CataloguedHostSerializer(many=True)
    removed = CataloguedHostSerializer(many=True)
    changed = HostChangeSerializer(many=True)
    unchanged = serializers.IntegerField()
    reordered = serializers.SerializerMethodField()

    def get_reordered(self, changes: Any) -> bool:
        return bool(changes.order)


class HostEffectSerializer(serializers.Serializer[Any]):
    host = CataloguedHostSerializer()
    blocked = serializers.IntegerField(help_text="Egress scopes in which it is blocked.")
    unknown = serializers.IntegerField(help_text="Egress scopes of which it is not known.")
    workloads = serializers.IntegerField(help_text="Workloads in the blocked ones.")
    needing = serializers.IntegerField(help_text="Scopes of Speedscale's pods and replays that need it.")


class EditionEffectSerializer(serializers.Serializer[Any]):
    cluster = serializers.CharField()
    scopes = serializers.IntegerField()
    hosts = HostEffectSerializer(many=True, help_text="Those that do not count there now.")
    gone = CataloguedHostSerializer(many=True, help_text="Those that would not count any more.")


class NewEditionSerializer(Input):
    """`text` is YAML, JSON or hosts, one a line; `set`, `edition` and `source` are for what it leaves out."""

    text = serializers.CharField(max_length=hostfile.LIMITS.size, trim_whitespace=False)
    set = serializers.CharField(max_length=40, default="", allow_blank=True)
    edition = serializers.CharField(max_length=40, default="", allow_blank=True)
    source = serializers.CharField(max_length=500, default="", allow_blank=True)  # type: ignore[assignment]
    reason = serializers.CharField(max_length=REASON_LIMIT, default="", allow_blank=True)
    preview = serializers.BooleanField(default=False, help_text="Only say what would differ.")


class AdoptSerializer(Input):
    """Where the set is used and which namespaces need its hosts; of Speedscale's set that says nothing."""

    reason = serializers.CharField(max_length=REASON_LIMIT)
    environment = serializers.ChoiceField(choices=["*", *Environment.values], default="*")
    cluster = serializers.CharField(max_length=63, default="*")
    namespaces = serializers.ListField(
        child=serializers.CharField(max_length=63), default=list, max_length=MOST_NAMESPACES
    )


class RetireSerializer(Input):
    reason = serializers.CharField(max_length=REASON_LIMIT)
