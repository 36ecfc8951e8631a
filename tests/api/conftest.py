"""The shop, three clusters in a row, and people of them who speak REST."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from apps.accounts import tokens
from apps.accounts.models import User
from tests.factories.rings import rings
from tests.factories.shop import shop

__all__ = ["rings", "shop"]

Speaker = Callable[..., APIClient]


@pytest.fixture
def speaking() -> Speaker:
    """A client with a token of this person; every scope unless some are named."""

    def client(user: User, *scopes: str) -> APIClient:
        wanted = scopes or tuple(tokens.Scope)
        _, text = tokens.issue(actor=user, user=user, name="test", scopes=wanted, expires_at=None)
        made = APIClient(enforce_csrf_checks=True)
        made.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
        return made

    return client
