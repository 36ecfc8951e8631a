from django.apps import AppConfig


class SimclusterConfig(AppConfig):
    name = "apps.simcluster"
    label = "simcluster"
