"""The shop for all tests of exports and repositories."""

from tests.factories.shop import shop

__all__ = ["shop"]
