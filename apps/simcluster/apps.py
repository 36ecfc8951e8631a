"""Registers `apps.simcluster` with Django under the label `simcluster`."""

from django.apps import AppConfig


class SimclusterConfig(AppConfig):
    name = "apps.simcluster"
    label = "simcluster"
