"""The shop and three clusters in a row for all tests of changes."""

from tests.factories.rings import rings
from tests.factories.shop import shop

__all__ = ["rings", "shop"]
