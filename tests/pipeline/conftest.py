"""The shop for all tests of the pipeline."""

from tests.factories.shop import shop

__all__ = ["shop"]
