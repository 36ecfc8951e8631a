"""Versions of control planes."""

from __future__ import annotations

import pytest

from apps.mesh.meshconfig import ControlPlane, MeshConfig


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("1.31.0", True),
        ("1.32.1", True),
        ("2.0.0", True),
        ("1.30.9", False),
        ("1.9.3", False),
        ("1.31-alpha.0", None),
        ("latest", None),
        ("", None),
    ],
)
def test_a_version_is_compared_by_its_numbers(version: str, expected: bool | None) -> None:
    plane = ControlPlane("istio-system", "default", version, (), MeshConfig())
    assert plane.at_least(1, 31) is expected
