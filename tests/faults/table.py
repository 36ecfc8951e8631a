"""The table that the crash matrix prints, row by row."""

from __future__ import annotations

ROWS: list[str] = []


def add(point: str, trouble: str, state: str, attempts: int, seconds: float) -> None:
    """One cell of the matrix: how the change ended, and how long after the trouble was over."""
    if not any(row.startswith("killed") for row in ROWS):
        ROWS.append(f"{'killed':<14}{'and':<18}{'ends':<10}{'attempts':>8}{'seconds':>9}")
    ROWS.append(f"{point:<14}{trouble:<18}{state:<10}{attempts:>8}{seconds:>9.1f}")


def note(text: str) -> None:
    """A line of its own."""
    ROWS.append(text)
