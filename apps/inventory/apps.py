"""Registers `apps.inventory` with Django under the label `inventory`."""

from django.apps import AppConfig


class InventoryConfig(AppConfig):
    name = "apps.inventory"
    label = "inventory"
