"""Names with a range in them, `shop-{001..200}`, and the numbers they stand for.

Knows texts only; must not know what is named.
"""

import re
from dataclasses import dataclass

NUMBER = "{#}"
LONGEST = 10_000
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
_LIKE_A_RANGE = re.compile(r"\{[^{}]*\.\.[^{}]*\}")


class RangeError(ValueError):
    """A range that cannot be used; the text is a sentence without its subject."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """One of the names of a range, and its number as the name has it (`007`)."""

    name: str
    number: str


def has_range(text: str) -> bool:
    return _RANGE.search(text) is not None


def numbered(text: str) -> list[Numbered] | None:
    """All names that a text with a range stands for; None when it has none. Raises RangeError."""
    if len(_LIKE_A_RANGE.findall(text)) > 1:
        raise RangeError("has two ranges; a name has one at most.")
    found = _RANGE.search(text)
    if found is None:
        if _LIKE_A_RANGE.search(text):
            raise RangeError("has a range that cannot be read; write {1..10} or {001..200}.")
        return None
    first, last = int(found[1]), int(found[2])
    if last < first:
        raise RangeError("has a range that counts down; write the smaller number first.")
    if last - first >= LONGEST:
        raise RangeError(f"has a range of more than {LONGEST} numbers.")
    width = len(found[1])
    numbers = [f"{number:0{width}}" for number in range(first, last + 1)]
    return [Numbered(text.replace(found[0], number), number) for number in numbers]
