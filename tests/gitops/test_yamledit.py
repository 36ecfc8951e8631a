"""Editing one document of a YAML text: exact in what it says, and no byte else is touched."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.gitops.yamledit import EditError, appended, documents, edited, removed
from apps.mesh.yamlwriter import to_yaml_documents

TEXT = """\
# The team's objects. Ask in #mesh before you change them.
apiVersion: v1   # core
kind: ConfigMap
metadata: {name: other}
---
# Keep in step with the chart.
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata:
  name: default   # one a namespace
  labels:
    team: payments
spec:
  # what may leave
  egress:
    - hosts:
        - "./*"          # ours
        - istio-system/*
  # the rest is refused
  outboundTrafficPolicy: {mode: REGISTRY_ONLY}

# The end of the Sidecar.
---
apiVersion: v1
kind: Secret
metadata: {name: third}
"""


def second() -> Any:
    return copy.deepcopy(documents(TEXT)[1].value)


def changed_lines(before: str, after: str) -> tuple[set[str], set[str]]:
    one, other = before.splitlines(), after.splitlines()
    return set(one) - set(other), set(other) - set(one)


def test_a_list_is_replaced_and_everything_around_it_stays() -> None:
    wanted = second()
    wanted["spec"]["egress"][0]["hosts"].append("speedscale/*")
    after = edited(TEXT, 1, wanted)
    assert documents(after)[1].value == wanted
    gone, new = changed_lines(TEXT, after)
    assert gone == {'        - "./*"          # ours', "        - istio-system/*"}
    assert new == {'        - "./*"', '        - "istio-system/*"', '        - "speedscale/*"'}
    for kept in ("# Keep in step", "# what may leave", "# the rest is refused", "# The end of the Sidecar."):
        assert kept in after


def test_keys_are_added_and_removed_where_they_belong() -> None:
    wanted = second()
    wanted["metadata"]["labels"]["tier"] = "1"
    wanted["metadata"]["annotations"] = {"a": "b"}
    del wanted["spec"]["outboundTrafficPolicy"]
    after = edited(TEXT, 1, wanted)
    assert documents(after)[1].value == wanted
    gone, new = changed_lines(TEXT, after)
    assert gone == {"  outboundTrafficPolicy: {mode: REGISTRY_ONLY}"}
    assert new == {'    tier: "1"', "  annotations:", "    a: b"}


@pytest.mark.parametrize(
    "text",
    [
        "base: &b {x: 1}\nspec: *b\nother: {y: &n 2, z: *n}\n",
        '{"kind": "A", "spec": {"x": 1}}\n',
        "a: |\n  # no comment\n  text\nspec: {x: 1}\n",
        "spec:\n  x: 1",
        "spec: !!map {x: 1}\n# tail",
        "? spec\n: x: 1\n",
    ],
)
def test_odd_writing_comes_out_as_wanted(text: str) -> None:
    wanted = {**documents(text)[0].value, "spec": {"x": 2, "list": ["#1", {"deep": [1]}]}, "more": None}
    assert documents(edited(text, 0, wanted))[0].value == wanted


def test_windows_line_ends_stay() -> None:
    text = TEXT.replace("\n", "\r\n")
    wanted = second()
    wanted["spec"]["egress"] = [{"hosts": ["*/*"]}]
    after = edited(text, 1, wanted)
    assert after.count("\n") == after.count("\r\n")


def test_a_document_is_taken_out_or_added() -> None:
    for position in range(3):
        after = removed(TEXT, position)
        assert after is not None
        kept = [d.value for at, d in enumerate(documents(TEXT)) if at != position]
        assert [d.value for d in documents(after)] == kept
    assert removed("a: 1\n", 0) is None
    more = appended(TEXT.rstrip("\n"), {"kind": "New"})
    assert more.startswith(TEXT)
    assert documents(more)[3].value == {"kind": "New"}
    assert documents(appended("", {"kind": "New"}))[0].value == {"kind": "New"}


@pytest.mark.parametrize("text", ["a: [", "{{ template }}: {{- x }}", "a: *b\n", "x: 1\n" * 300_000])
def test_what_cannot_be_read_is_said(text: str) -> None:
    with pytest.raises(EditError):
        documents(text)


scalars = st.one_of(st.none(), st.booleans(), st.integers(-99, 99), st.text(max_size=12))
keys = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=6)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=8,
)
mappings = st.dictionaries(keys, values, min_size=1, max_size=5)


@settings(max_examples=150, deadline=None)
@given(st.lists(mappings, min_size=1, max_size=3), mappings, st.booleans(), st.data())
def test_any_document_becomes_any_other_and_its_neighbours_stay(
    before: list[Any], wanted: Any, flow: bool, data: st.DataObject
) -> None:
    text = yaml.safe_dump_all(before, default_flow_style=flow) if flow else to_yaml_documents(before)
    try:
        read = [document.value for document in documents(text)]
    except EditError:
        return
    position = data.draw(st.integers(0, len(before) - 1))
    after = edited(text, position, wanted)
    read[position] = wanted
    assert [document.value for document in documents(after)] == read
