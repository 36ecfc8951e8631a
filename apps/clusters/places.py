"""What a person may call a cluster and say about it: names, environment, labels. Checks words only.

They end up in pages, URLs, globs and exports, so they are letters, digits and a few marks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from apps.clusters.models import Environment
from apps.common.errors import InvalidInputError

MAX_LABELS = 20
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_WORDS = re.compile(r"[A-Za-z0-9]([A-Za-z0-9 ._/-]{0,61}[A-Za-z0-9])?")
_LABEL_KEY = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?")


def checked_place(
    name: str, environment: str, region: str, owner_team: str, labels: Mapping[str, str]
) -> dict[str, object]:
    """The fields of a Cluster. Raises InvalidInputError with the field at fault."""
    if not _NAME.fullmatch(name):
        raise InvalidInputError(
            "A cluster's name has lowercase letters, digits and dashes, at most 63 of them.", field="name"
        )
    if environment not in Environment.values:
        raise InvalidInputError(f"Choose one of {', '.join(Environment.values)}.", field="environment")
    for field, text in (("region", region), ("owner_team", owner_team)):
        if text and not _WORDS.fullmatch(text):
            raise InvalidInputError(
                "Use letters, digits, spaces and . _ / - here, at most 63 characters.", field=field
            )
    if len(labels) > MAX_LABELS:
        raise InvalidInputError(f"A cluster has at most {MAX_LABELS} labels.", field="labels")
    for key, text in labels.items():
        if not _LABEL_KEY.fullmatch(key) or (text and not _WORDS.fullmatch(text)):
            raise InvalidInputError(
                f"The label {key[:63]!r} is not usable: keys and values have letters, digits and . _ / - "
                "and begin and end with a letter or a digit.",
                field="labels",
            )
    return {
        "name": name,
        "environment": environment,
        "region": region,
        "owner_team": owner_team,
        "labels": dict(labels),
    }
