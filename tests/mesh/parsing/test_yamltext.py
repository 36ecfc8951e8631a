"""YAML is read as Kubernetes reads it."""

from __future__ import annotations

from apps.mesh.parsing.yamltext import documents


def test_keys_that_are_not_text_become_text() -> None:
    [(value, _)] = documents("ports: {8080: a, true: b, 1.5: c, '9090': d}")
    assert value == {"ports": {"8080": "a", "true": "b", "1.5": "c", "9090": "d"}}


def test_values_keep_their_types() -> None:
    [(value, _)] = documents("a: 1\nb: true\nc: 2024-01-01")
    assert value == {"a": 1, "b": True, "c": "2024-01-01"}
