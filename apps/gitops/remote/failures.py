"""What may go wrong with a repository, as sentences without anything secret in them."""

from __future__ import annotations


class RemoteError(Exception):
    """The message says what happened and what to do."""
