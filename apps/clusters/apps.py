"""Registers `apps.clusters` with Django under the label `clusters`."""

from django.apps import AppConfig


class ClustersConfig(AppConfig):
    name = "apps.clusters"
    label = "clusters"
