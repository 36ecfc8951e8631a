"""Numbers as shapes: shares of a whole as the x and width of rectangles. Draws nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Segment:
    """A rectangle of a bar: tone, and start and width in percent as SVG wants them."""

    tone: str
    x: str
    width: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A share of a whole: its segments, the figure beside it, and the finding in words."""

    segments: tuple[Segment, ...]
    figure: str
    words: str


def percent(part: int, whole: int) -> str:
    """One decimal with a thin space before the sign; "none" of nothing."""
    return f"{100 * part / whole:.1f}\u2009%" if whole else "none"


def number(part: int, whole: int) -> str:
    """The percentage alone, for where its sign is set apart."""
    return f"{100 * part / whole:.1f}" if whole else "0"


def bar(parts: Sequence[tuple[str, int]], *, figure: str, words: str) -> Bar:
    """A bar of (tone, amount) parts; tones are those of the states. All zero gives an empty bar."""
    whole = sum(amount for _, amount in parts)
    segments = []
    start = 0.0
    for tone, amount in parts:
        if not amount:
            continue
        width = 100 * amount / whole
        segments.append(Segment(tone, f"{start:.2f}%", f"{width:.2f}%"))
        start += width
    return Bar(tuple(segments), figure, words)


def progress(done: int, total: int, *, tone: str = "run") -> Bar:
    """Steps of a run: the rest stays empty."""
    width = 100 * done / total if total else 0.0
    segments = (Segment(tone, "0%", f"{width:.2f}%"),) if done else ()
    return Bar(segments, f"{done} of {total}", f"{done} of {total} steps")
