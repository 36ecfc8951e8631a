"""The errors that actions raise and that pages and the API translate. Knows no domain.

Every message is a sentence for the person who asked: what happened, why, what to do.
"""

from __future__ import annotations


class ConsoleError(Exception):
    """`message` is shown as it is; `field` names the input at fault, "" for none; `code` is stable.
    `recorded` says that the audit record already knows."""

    code = "error"
    recorded = False

    def __init__(self, message: str, *, field: str = "", code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        if code:
            self.code = code


class InvalidInputError(ConsoleError):
    """What was sent cannot be used. HTTP 400."""

    code = "invalid"


class PermissionDeniedError(ConsoleError):
    """The actor may not do this. HTTP 403; `code` says why (`not_permitted`, `self_approval`, …)."""

    code = "not_permitted"


class WrongStateError(ConsoleError):
    """The thing is not in a state in which this can be done. HTTP 409."""

    code = "wrong_state"


class StaleInputError(ConsoleError):
    """What the actor saw is not what is there now. HTTP 412."""

    code = "stale"
