"""Reads JSON bodies up to a limit. A larger one is refused before it is parsed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from apps.api.errors import BODY_LIMIT, TOO_LARGE, TooLargeError


class LimitedJSONParser(JSONParser):
    """JSON of at most BODY_LIMIT bytes, without NaN, an object at the top."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        body = stream.read(BODY_LIMIT + 1)
        if len(body) > BODY_LIMIT:
            raise TooLargeError(TOO_LARGE)
        try:
            value = json.loads(body, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            raise ParseError("The body is not JSON.") from error
        if not isinstance(value, dict):
            raise ParseError("The body must be a JSON object.")
        return value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
