"""The tables point the same way as the imports, and the migrations are complete."""

from django.apps import apps
from django.db.models import Model

# Bottom to top; the same order as in .importlinter.
STACK = (
    "common",
    "audit",
    "accounts",
    "clusters",
    "inventory",
    "analysis",
    "changes",
    "gitops",
    "notifications",
    "pipeline",
    "api",
)


def level(model: type[Model]) -> int:
    """How high in the stack the app of `model` stands; -1 for what is not ours."""
    return STACK.index(model._meta.app_label) if model._meta.app_label in STACK else -1


def test_foreign_keys_point_down_the_stack() -> None:
    upward = [
        f"{model._meta.label}.{field.name} -> {field.related_model._meta.label}"
        for model in apps.get_models()
        if level(model) >= 0
        for field in model._meta.get_fields()
        if field.concrete
        and isinstance(field.related_model, type)
        and level(field.related_model) > level(model)
    ]
    assert upward == []


def test_every_app_that_keeps_tables_has_a_place_in_the_stack() -> None:
    ours = {config.label for config in apps.get_app_configs() if config.name.startswith("apps.")}
    keeps = {model._meta.app_label for model in apps.get_models()}
    assert (ours & keeps) - set(STACK) == set()
