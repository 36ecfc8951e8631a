"""Versions as image tags write them (`v2.5.602`, `1.27.3-distroless`). Knows no product."""

from __future__ import annotations

import re
from functools import lru_cache

Version = tuple[int, ...]
_VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?(?:[-+].*)?")


@lru_cache(maxsize=1024)
def version_of(text: str) -> Version | None:
    """Major, minor and patch (0 where there is none); None for anything that is no version."""
    match = _VERSION.fullmatch(text)
    return tuple(int(part or 0) for part in match.groups()) if match is not None else None


@lru_cache(maxsize=4096)
def tag_of(image: str) -> str:
    """The tag of an image; "" for one that is named by digest alone or not at all."""
    _, colon, tag = image.partition("@")[0].rpartition("/")[2].partition(":")
    return tag if colon else ""
