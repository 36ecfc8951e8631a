"""Registers `apps.changes` with Django under the label `changes`."""

from django.apps import AppConfig


class ChangesConfig(AppConfig):
    name = "apps.changes"
    label = "changes"
