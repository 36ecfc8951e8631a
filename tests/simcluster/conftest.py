"""Simulated clusters for all tests of them."""

from tests.factories.fleet import fleet, fleet_specs, sim

__all__ = ["fleet", "fleet_specs", "sim"]
