"""The one list of rules, ordered by code. A code is never used again for another meaning."""

from __future__ import annotations

from apps.mesh.rules.base import Rule

RULES: tuple[Rule, ...] = ()


def rule(code: str) -> Rule | None:
    """The rule of a code."""
    return next((found for found in RULES if found.code == code), None)
