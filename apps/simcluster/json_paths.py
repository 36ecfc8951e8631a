"""JSONPath as printer columns use it: fields, indexes, slices, `[*]` and filters on one equal member."""

import re
from typing import Any

_STEP = re.compile(
    r"""\.?(?P<field>[A-Za-z_](?:[^.\[\]\\]|\\.)*)
    |\['(?P<quoted>[^']+)'\]
    |\[(?P<slice>-?\d*:-?\d*)\]
    |\[(?P<index>-?\d+)\]
    |\[(?P<all>\*)\]
    |\[\?\(@\.(?P<member>[^=\s]+)\s*==\s*["'](?P<equal>[^"']*)["']\)\]""",
    re.VERBOSE,
)


def first_at(obj: Any, path: str) -> Any:
    """The first value a path leads to; None when it leads nowhere or is not understood."""
    values, at = [obj], 0
    path = path.strip().lstrip("{").rstrip("}").removeprefix("$")
    while at < len(path):
        step = _STEP.match(path, at)
        if step is None:
            return None
        values = [below for value in values for below in _below(value, step)]
        at = step.end()
    return values[0] if values else None


def _below(value: Any, step: re.Match[str]) -> list[Any]:
    """What one step leads to."""
    name = (step["field"] or "").replace("\\.", ".") or step["quoted"]
    if name:
        return [value[name]] if isinstance(value, dict) and name in value else []
    if step["all"] and isinstance(value, dict):
        return list(value.values())
    if not isinstance(value, list):
        return []
    if step["slice"]:
        low, _, high = step["slice"].partition(":")
        return value[int(low) if low else None : int(high) if high else None]
    if step["index"]:
        index = int(step["index"])
        return [value[index]] if -len(value) <= index < len(value) else []
    if step["member"]:
        return [
            item
            for item in value
            if isinstance(item, dict) and str(item.get(step["member"], "")) == step["equal"]
        ]
    return list(value)
