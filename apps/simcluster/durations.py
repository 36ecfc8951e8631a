"""Spans of time as Kubernetes prints them in tables: 90s, 5m30s, 14d, 2y13d."""

from datetime import UTC, datetime

UNKNOWN = "<unknown>"
_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86_400, 365 * 86_400


def human_duration(seconds: int) -> str:
    """The one or two largest units; the smaller one only while it still says something."""
    if seconds < 0:
        return "0s" if seconds >= -1 else "<invalid>"
    if seconds < 2 * _MINUTE:
        return f"{seconds}s"
    if seconds < 10 * _MINUTE:
        return _two(seconds, _MINUTE, "m", 1, "s")
    if seconds < 3 * _HOUR:
        return f"{seconds // _MINUTE}m"
    if seconds < 8 * _HOUR:
        return _two(seconds, _HOUR, "h", _MINUTE, "m")
    if seconds < 2 * _DAY:
        return f"{seconds // _HOUR}h"
    if seconds < 8 * _DAY:
        return _two(seconds, _DAY, "d", _HOUR, "h")
    if seconds < 2 * _YEAR:
        return f"{seconds // _DAY}d"
    return _two(seconds, _YEAR, "y", _DAY, "d") if seconds < 8 * _YEAR else f"{seconds // _YEAR}y"


def _two(seconds: int, large: int, large_word: str, small: int, small_word: str) -> str:
    rest = seconds % large // small
    return f"{seconds // large}{large_word}" + (f"{rest}{small_word}" if rest else "")


def moment(text: str) -> datetime:
    """A time of an object, with or without fractions of a second."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)


def age(timestamp: str | None, now: datetime) -> str:
    """How long ago a time of an object was; `<unknown>` for none."""
    if not timestamp:
        return UNKNOWN
    try:
        return human_duration(int((now - moment(timestamp)).total_seconds()))
    except (ValueError, TypeError, AttributeError):
        return UNKNOWN
