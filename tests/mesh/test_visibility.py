"""Who sees what, apart from what the egress cases show."""

from __future__ import annotations

import pytest

from apps.mesh.visibility import audience, is_namespace_name


@pytest.mark.parametrize(
    ("exported", "expected"),
    [
        ({"*", "pay"}, {"*"}),
        ({"~"}, set()),
        ({"~", "pay"}, set()),
        ({".", "pay"}, {"shop", "pay"}),
        ({"pay"}, {"pay"}),
    ],
)
def test_an_audience_is_a_set_of_namespaces(exported: set[str], expected: set[str]) -> None:
    assert audience(exported, "shop") == expected


@pytest.mark.parametrize("text", ["shop", "a", "team-1", "1st"])
def test_a_namespace_can_have_that_name(text: str) -> None:
    assert is_namespace_name(text)


@pytest.mark.parametrize("text", ["", "Shop", "team-*", "a,b", "a.b", "-a", "a-", "a" * 64, "a\n"])
def test_no_namespace_can_have_that_name(text: str) -> None:
    assert not is_namespace_name(text)
