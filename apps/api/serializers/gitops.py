"""Repositories and pushes. Private keys go in and never come out."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.api.serializers.common import Input
from apps.gitops.layout import DEFAULT_TEMPLATE
from apps.gitops.models import Push, Repository

KEY_LIMIT = 20_000


class RepositorySerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    url = serializers.CharField()
    branch = serializers.CharField(help_text="Changes start from it; it is never written.")
    path_template = serializers.CharField()
    layout = serializers.ChoiceField(choices=Repository.Layout.choices)
    known_hosts = serializers.CharField()
    public_key = serializers.CharField(help_text="The public half of the private key.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class RepositoryInput(Input):
    name = serializers.CharField(max_length=100)
    url = serializers.CharField(
        max_length=500, help_text="`file:///srv/git/x.git`, `ssh://git@host/x.git` or `git@host:x.git`."
    )
    branch = serializers.CharField(max_length=200, default="main")
    path_template = serializers.CharField(max_length=300, default=DEFAULT_TEMPLATE)
    layout = serializers.ChoiceField(choices=Repository.Layout.choices, default=Repository.Layout.PLAIN)
    known_hosts = serializers.CharField(
        max_length=KEY_LIMIT, default="", allow_blank=True, help_text="For SSH: the server's host keys."
    )
    private_key = serializers.CharField(
        max_length=KEY_LIMIT, default="", allow_blank=True, write_only=True, trim_whitespace=False
    )


class RepositoryChange(Input):
    """What is left out stays."""

    name = serializers.CharField(max_length=100, required=False)
    url = serializers.CharField(max_length=500, required=False)
    branch = serializers.CharField(max_length=200, required=False)
    path_template = serializers.CharField(max_length=300, required=False)
    layout = serializers.ChoiceField(choices=Repository.Layout.choices, required=False)
    known_hosts = serializers.CharField(max_length=KEY_LIMIT, required=False, allow_blank=True)
    private_key = serializers.CharField(
        max_length=KEY_LIMIT, required=False, write_only=True, trim_whitespace=False
    )


class RepositoryTestSerializer(serializers.Serializer[Any]):
    answers = serializers.BooleanField()
    problem = serializers.CharField(help_text="What is wrong, in a sentence; empty when it answers.")


class PushInput(Input):
    repository = serializers.CharField(max_length=100, help_text="Its name.")


class PushSerializer(serializers.Serializer[Any]):
    """A push moves no state of the change."""

    id = serializers.IntegerField()
    repository = serializers.CharField(source="repository_name")
    revision = serializers.IntegerField(source="revision.number")
    branch = serializers.CharField()
    state = serializers.ChoiceField(choices=Push.State.choices)
    commit = serializers.SerializerMethodField(help_text="Empty until it is pushed.")
    approved = serializers.BooleanField(help_text="Whether the change was approved when it was pushed.")
    files = serializers.ListField(child=serializers.CharField())
    notes = serializers.ListField(child=serializers.CharField())
    problem = serializers.CharField(help_text="Why it failed.")
    requested_by = serializers.CharField(source="requested_by.username")
    requested_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)

    def get_commit(self, push: Push) -> str:
        return push.pushed_commit
