"""Registers `apps.common` with Django under the label `common`."""

from django.apps import AppConfig


class CommonConfig(AppConfig):
    name = "apps.common"
    label = "common"
