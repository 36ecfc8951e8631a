"""The shop, three clusters in a row, and simulated clusters for all tests of the pipeline."""

from tests.factories.fleet import fleet, fleet_specs, sim
from tests.factories.rings import rings
from tests.factories.shop import shop

__all__ = ["fleet", "fleet_specs", "rings", "shop", "sim"]
