"""The shop for all tests of changes."""

from tests.factories.shop import shop

__all__ = ["shop"]
