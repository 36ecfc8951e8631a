"""YAML is read as Kubernetes reads it."""

from __future__ import annotations

from apps.mesh.parsing.yamltext import Repeated, documents


def test_keys_that_are_not_text_become_text() -> None:
    [(value, _)] = documents("ports: {8080: a, true: b, 1.5: c, '9090': d}")
    assert value == {"ports": {"8080": "a", "true": "b", "1.5": "c", "9090": "d"}}


def test_values_keep_their_types() -> None:
    [(value, _)] = documents("a: 1\nb: true\nc: 2024-01-01")
    assert value == {"a": 1, "b": True, "c": "2024-01-01"}


def test_numbers_that_kubernetes_does_not_see_stay_text() -> None:
    long = "9" * 5000
    [(value, _)] = documents(f"a: 12:30:45\nb: 1:30.5\nc: {long}\nd: 0x10\ne: 1_000\nf: 1.5")
    assert value == {"a": "12:30:45", "b": "1:30.5", "c": long, "d": 16, "e": 1000, "f": 1.5}


def test_keys_written_twice_are_noted_with_the_line_of_each_repetition() -> None:
    repeated: list[Repeated] = []
    [(value, _)] = documents("a: 1\nb: {c: 1,\n c: 2}\na: 3\na: 4\n", repeated=repeated)
    assert value == {"a": 4, "b": {"c": 2}}
    assert sorted((item.line, item.key) for item in repeated) == [(3, "c"), (4, "a"), (5, "a")]


def test_merged_keys_are_no_repetition() -> None:
    repeated: list[Repeated] = []
    list(documents("- &a {k: 1}\n- &b {<<: *a, k: 2}\n- {<<: [*a, *b], k: 3}\n", repeated=repeated))
    assert repeated == []
