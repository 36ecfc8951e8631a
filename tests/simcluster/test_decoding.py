"""Nulls are taken out of objects, and out of nothing that only looks like one."""

import json

import pytest

from apps.simcluster.decoding import without_nulls


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": None, "b": {"c": None, "d": 1}}, {"b": {"d": 1}}),
        ({"a": [None, {"b": None}]}, {"a": [None, {}]}),
        ({'quote"': None, "b": 1}, {"b": 1}),
        ({"backslash\\": None, "b": 1}, {"b": 1}),
        ({'both\\"': None, "b": 1}, {"b": 1}),
    ],
)
def test_members_that_are_null_go_and_those_of_lists_stay(value: object, expected: object) -> None:
    assert without_nulls(value) == expected


def test_json_in_a_text_is_left_alone_and_costs_no_copy() -> None:
    value = {"annotations": {"status": json.dumps({"containers": None, "deep": json.dumps({"a": None})})}}
    assert without_nulls(value) is value
