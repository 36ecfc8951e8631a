"""Registers `apps.console` with Django under the label `console`."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "apps.console"
    label = "console"
