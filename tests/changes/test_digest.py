"""The digest changes with everything that would be written, and with nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.changes.digest import DigestItem, canonical, digest

ITEM = DigestItem(
    cluster="shop-prod",
    api_version="networking.istio.io/v1",
    kind="ServiceEntry",
    namespace="istio-system",
    name="speedscale",
    action="update",
    base_uid="u1",
    base_resource_version="7",
    intent={"spec": {"hosts": ["a.example"]}},
    force=False,
)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cluster", "shop-stage"),
        ("api_version", "networking.istio.io/v1beta1"),
        ("kind", "Sidecar"),
        ("namespace", "default"),
        ("name", "other"),
        ("action", "create"),
        ("base_uid", "u2"),
        ("base_resource_version", "8"),
        ("intent", {"spec": {"hosts": ["b.example"]}}),
        ("force", True),
    ],
)
def test_every_field_of_an_item_counts(field: str, value: Any) -> None:
    other = replace(ITEM, **{field: value})
    assert digest([ITEM], policy_version=1, revision=1) != digest([other], policy_version=1, revision=1)


def test_policy_revision_and_order_count() -> None:
    second = replace(ITEM, name="second")
    digests = {
        digest([ITEM, second], policy_version=1, revision=1),
        digest([second, ITEM], policy_version=1, revision=1),
        digest([ITEM, second], policy_version=2, revision=1),
        digest([ITEM, second], policy_version=1, revision=2),
    }
    assert len(digests) == 4


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), plain))
def test_the_order_of_keys_does_not_count(value: dict[str, Any]) -> None:
    assert canonical(dict(reversed(value.items()))) == canonical(value)


def test_what_json_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical(float("nan"))
