"""Registers `apps.gitops` with Django under the label `gitops`."""

from django.apps import AppConfig


class GitopsConfig(AppConfig):
    name = "apps.gitops"
    label = "gitops"
